//! What a thread remembers: the series that it recorded into last, so that it takes no lock to find them again.
//!
//! An entry holds the attributes as they were handed in, and the thread's own row of each series they lead to.
//! Attributes are compared, address first: a literal is recognised without a look at its bytes.

use std::cell::Cell;
use std::sync::Arc;

use super::attribute::Attribute;
use super::series::Series;
use super::shard::Row;
use crate::model::KeyValue;

/// Entries a thread begins with, and has at most. One that is pushed out costs a read lock the next time. Entries
/// outlive their registry until they are pushed out or the thread ends.
const ENTRIES: std::ops::RangeInclusive<usize> = 64..=1024;

/// A series that a measurement goes to.
pub(super) struct Target {
    pub(super) series: Arc<Series>,
    row: Option<Row>,
}

impl Target {
    pub(super) fn new(series: Arc<Series>) -> Self {
        let row = series.my_row();
        Self { series, row }
    }

    #[inline]
    pub(super) fn row(&self) -> Option<&Row> {
        self.row.as_ref()
    }
}

pub(super) struct Entry {
    instrument: u64,
    hash: u64,
    attributes: Box<[KeyValue]>,
    pub(super) first: Target,
    /// Of further views.
    pub(super) rest: Box<[Target]>,
}

/// Neighbouring places that an entry may stand in; a power of two.
const WAYS: usize = 4;

/// What a thread remembers.
#[derive(Default)]
pub(super) struct Cache {
    entries: Vec<Option<Entry>>,
    used: usize,
}

thread_local!(static CACHE: Cell<Option<Box<Cache>>> = const { Cell::new(None) });

impl Cache {
    // Loops and no closures, here and below: what is inlined is then certain.
    #[inline(always)]
    pub(super) fn find<A: Attribute>(&self, instrument: u64, hash: u64, attributes: &[A]) -> Option<&Entry> {
        // Empty at first; then a power of two.
        let place = hash as usize & self.entries.len().wrapping_sub(1);
        match self.entries.get(place) {
            Some(Some(e)) if e.hash == hash && e.is(instrument, attributes) => Some(e),
            _ => self.find_beside(place, instrument, hash, attributes),
        }
    }

    #[inline(never)]
    fn find_beside<A: Attribute>(
        &self,
        place: usize,
        instrument: u64,
        hash: u64,
        attributes: &[A],
    ) -> Option<&Entry> {
        (1..WAYS).find_map(|way| match self.entries.get(place ^ way) {
            Some(Some(e)) if e.hash == hash && e.is(instrument, attributes) => Some(e),
            _ => None,
        })
    }

    fn put(&mut self, entry: Entry) {
        // Sparse, so that the first of the places is nearly always the right one.
        if self.used * 4 >= self.entries.len() && self.entries.len() < *ENTRIES.end() {
            let len = (self.entries.len() * 4).clamp(*ENTRIES.start(), *ENTRIES.end());
            let old = std::mem::take(&mut self.entries);
            self.entries.resize_with(len, || None);
            self.used = 0;
            old.into_iter().flatten().for_each(|e| self.place(e));
        }
        self.place(entry);
    }

    fn place(&mut self, entry: Entry) {
        let place = entry.hash as usize & (self.entries.len() - 1);
        match (0..WAYS).find(|way| self.entries[place ^ way].is_none()) {
            Some(way) => {
                self.entries[place ^ way] = Some(entry);
                self.used += 1;
            }
            None => {
                // Any may go; bits that did not choose the place choose it.
                let way = (entry.hash >> 32) as usize % WAYS;
                self.entries[place ^ way] = Some(entry);
            }
        }
    }
}

impl Entry {
    #[inline(always)]
    fn is<A: Attribute>(&self, instrument: u64, attributes: &[A]) -> bool {
        if self.instrument != instrument || self.attributes.len() != attributes.len() {
            return false;
        }
        for (a, known) in attributes.iter().zip(&self.attributes) {
            if !a.is(known) {
                return false;
            }
        }
        true
    }
}

/// Takes what the thread remembers, to be given back. `None` at first, when the thread ends, and while it is taken
/// already: then nothing is remembered. A panic meanwhile costs it.
#[inline(always)]
pub(super) fn take() -> Option<Box<Cache>> {
    CACHE.try_with(Cell::take).ok().flatten()
}

/// See [`take`].
#[inline(always)]
pub(super) fn give_back(cache: Box<Cache>) {
    let _ = CACHE.try_with(|c| c.set(Some(cache)));
}

/// Remembers targets, if there are any.
pub(super) fn put(instrument: u64, hash: u64, attributes: Vec<KeyValue>, series: &[Arc<Series>]) {
    let mut targets = series.iter().cloned().map(Target::new);
    let Some(first) = targets.next() else { return };
    let entry = Entry { instrument, hash, attributes: attributes.into(), first, rest: targets.collect() };
    let Ok(cache) = CACHE.try_with(Cell::take) else { return };
    let mut cache = cache.unwrap_or_default();
    cache.put(entry);
    give_back(cache);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::series::CellKind;
    use crate::model::AttributeSet;

    fn knows(instrument: u64, hash: u64, attributes: &[KeyValue]) -> bool {
        let Some(cache) = take() else { return false };
        let found = cache.find(instrument, hash, attributes).is_some();
        give_back(cache);
        found
    }

    fn series() -> Arc<Series> {
        Arc::new(Series::new(AttributeSet::EMPTY, &CellKind::Gauge, 1))
    }

    #[test]
    fn a_series_is_found_only_by_its_instrument_its_hash_and_its_attributes() {
        let attributes = [KeyValue::new("a", 1)];
        assert!(!knows(7, 42, &attributes));
        put(7, 42, attributes.to_vec(), &[series()]);
        assert!(knows(7, 42, &attributes));
        assert!(knows(7, 42, &[KeyValue::new(String::from("a"), 1)]), "by content, too");
        assert!(!knows(7, 42, &[KeyValue::new("a", 2)]));
        assert!(!knows(7, 42, &[]));
        assert!(!knows(7, 43, &attributes));
        assert!(!knows(8, 42, &attributes));
    }

    #[test]
    fn a_thread_remembers_up_to_a_bound() {
        for i in 0..5_000u64 {
            put(9, i.wrapping_mul(0x9e37_79b9_7f4a_7c15), Vec::new(), &[series()]);
        }
        let found = (0..5_000u64).filter(|i| knows(9, i.wrapping_mul(0x9e37_79b9_7f4a_7c15), &[])).count();
        assert!((500..=*ENTRIES.end()).contains(&found), "{found}");
        let entries = CACHE.take().map_or(0, |c| c.entries.len());
        assert_eq!(entries, *ENTRIES.end());
    }

    #[test]
    fn some_that_want_the_same_place_stay_side_by_side() {
        std::thread::spawn(|| {
            let same_place = [0, 1 << 20, 1 << 21, 1 << 22];
            for n in same_place {
                put(n, n, Vec::new(), &[series()]);
            }
            assert!(same_place.iter().all(|n| knows(*n, *n, &[])));
        })
        .join()
        .unwrap();
    }
}
