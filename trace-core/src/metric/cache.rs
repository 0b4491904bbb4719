//! What a thread remembers: the series that it recorded into last, so that it takes no lock to find them again.
//!
//! An entry holds the attributes as they were handed in, and the thread's own row of each series they lead to.
//! Attributes are compared, address first: a literal is recognised without a look at its bytes.

use std::cell::RefCell;
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

struct Entry {
    instrument: u64,
    hash: u64,
    attributes: Box<[KeyValue]>,
    first: Target,
    /// Of further views.
    rest: Box<[Target]>,
}

/// Pairs of places: an entry may stand in either of its pair.
#[derive(Default)]
struct Cache {
    entries: Vec<Option<Entry>>,
    used: usize,
}

thread_local!(static CACHE: RefCell<Cache> = const { RefCell::new(Cache { entries: Vec::new(), used: 0 }) });

impl Cache {
    #[inline]
    fn find<A: Attribute>(&self, instrument: u64, hash: u64, attributes: &[A]) -> Option<&Entry> {
        // Empty at first; then a power of two.
        let place = hash as usize & self.entries.len().wrapping_sub(1);
        [place, place ^ 1].into_iter().find_map(|at| match self.entries.get(at) {
            Some(Some(e)) if e.hash == hash && e.instrument == instrument && e.is(attributes) => Some(e),
            _ => None,
        })
    }

    fn put(&mut self, entry: Entry) {
        if self.used * 2 >= self.entries.len() && self.entries.len() < *ENTRIES.end() {
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
        // The older one of the pair goes.
        let before = self.entries[place].replace(entry);
        if let Some(before) = before
            && self.entries[place ^ 1].replace(before).is_some()
        {
            return;
        }
        self.used += 1;
    }
}

impl Entry {
    #[inline]
    fn is<A: Attribute>(&self, attributes: &[A]) -> bool {
        self.attributes.len() == attributes.len()
            && attributes.iter().zip(&self.attributes).all(|(a, known)| a.is(known))
    }
}

/// Calls `f` with the remembered targets, and tells whether there were some.
#[inline]
pub(super) fn with<A: Attribute>(
    instrument: u64,
    hash: u64,
    attributes: &[A],
    f: impl Fn(&Target, &[Target]),
) -> bool {
    // Both fail only in rare moments (the thread ends; `f` records in turn): then nothing is remembered.
    CACHE
        .try_with(|cache| {
            let Ok(cache) = cache.try_borrow() else { return false };
            let Some(entry) = cache.find(instrument, hash, attributes) else { return false };
            f(&entry.first, &entry.rest);
            true
        })
        .unwrap_or(false)
}

/// Remembers targets, if there are any.
pub(super) fn put(instrument: u64, hash: u64, attributes: Vec<KeyValue>, series: &[Arc<Series>]) {
    let mut targets = series.iter().cloned().map(Target::new);
    let Some(first) = targets.next() else { return };
    let entry = Entry { instrument, hash, attributes: attributes.into(), first, rest: targets.collect() };
    let _ = CACHE.try_with(|cache| {
        if let Ok(mut cache) = cache.try_borrow_mut() {
            cache.put(entry);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::series::CellKind;
    use crate::model::AttributeSet;

    fn series() -> Arc<Series> {
        Arc::new(Series::new(AttributeSet::EMPTY, &CellKind::Gauge, 1))
    }

    #[test]
    fn a_series_is_found_only_by_its_instrument_its_hash_and_its_attributes() {
        let attributes = [KeyValue::new("a", 1)];
        assert!(!with(7, 42, &attributes, |_, _| {}));
        put(7, 42, attributes.to_vec(), &[series()]);
        assert!(with(7, 42, &attributes, |_, _| {}));
        assert!(with(7, 42, &[KeyValue::new(String::from("a"), 1)], |_, _| {}), "by content, too");
        assert!(!with(7, 42, &[KeyValue::new("a", 2)], |_, _| {}));
        assert!(!with::<KeyValue>(7, 42, &[], |_, _| {}));
        assert!(!with(7, 43, &attributes, |_, _| {}));
        assert!(!with(8, 42, &attributes, |_, _| {}));
    }

    #[test]
    fn a_thread_remembers_up_to_a_bound() {
        for i in 0..5_000u64 {
            put(9, i.wrapping_mul(0x9e37_79b9_7f4a_7c15), Vec::new(), &[series()]);
        }
        let found = (0..5_000u64)
            .filter(|i| with::<KeyValue>(9, i.wrapping_mul(0x9e37_79b9_7f4a_7c15), &[], |_, _| {}))
            .count();
        assert!((500..=*ENTRIES.end()).contains(&found), "{found}");
        CACHE.with(|c| assert_eq!(c.borrow().entries.len(), *ENTRIES.end()));
    }

    #[test]
    fn two_that_want_the_same_place_stay_side_by_side() {
        std::thread::spawn(|| {
            for n in [0, 1 << 20] {
                put(n, n, Vec::new(), &[series()]);
            }
            assert!([0, 1 << 20].iter().all(|n| with::<KeyValue>(*n, *n, &[], |_, _| {})));
        })
        .join()
        .unwrap();
    }
}
