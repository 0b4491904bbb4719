//! What a thread remembers: the series that it recorded into last, so that it takes no lock to find them again.
//!
//! An entry holds the attributes as they were handed in, and the thread's own row of each series they lead to. Texts
//! that live as long as the program are known by their addresses, and no byte of them is looked at.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::attribute::{Attribute, Words};
use super::series::Series;
use super::shard::{Row, thread_ended};
use crate::model::KeyValue;

/// Places for entries. One that is pushed out costs a read lock the next time. Entries outlive their registry until
/// they are pushed out or the thread ends.
const PLACES: usize = 1 << PLACE_BITS;
/// So many that few of some hundred entries get in each other's way.
const PLACE_BITS: u32 = 11;
/// Neighbouring places that an entry may stand in; a power of two.
const WAYS: usize = 4;

/// A series that a measurement goes to.
pub(super) struct Target {
    pub(super) series: Arc<Series>,
    pub(super) row: Option<Row>,
}

impl Target {
    fn new(series: Arc<Series>) -> Self {
        let row = series.my_row();
        Self { series, row }
    }
}

pub(super) struct Entry {
    instrument: u64,
    words: Box<[Words]>,
    /// Empty, if the words are exact.
    copies: Box<[KeyValue]>,
    pub(super) first: Target,
    /// Of further views.
    pub(super) rest: Box<[Target]>,
}

/// What a thread remembers.
pub(super) struct Cache {
    places: [Option<Box<Entry>>; PLACES],
}

// Without a destructor, so that it is reached without a check: `tear_down` frees it.
thread_local!(static CACHE: Cell<ManuallyDrop<Option<Box<Cache>>>> = const { Cell::new(ManuallyDrop::new(None)) });

impl Cache {
    fn new() -> Self {
        Self { places: [const { None }; PLACES] }
    }

    #[inline(always)]
    fn place(hash: u64) -> usize {
        (hash >> (u64::BITS - PLACE_BITS)) as usize
    }

    // Loops and no closures, here and below: what is inlined is then certain.
    #[inline(always)]
    pub(super) fn find<A: Attribute>(&self, instrument: u64, hash: u64, attributes: &[A]) -> Option<&Entry> {
        match &self.places[Self::place(hash)] {
            Some(e) if e.is(instrument, attributes) => Some(e),
            _ => self.find_beside(instrument, hash, attributes),
        }
    }

    #[inline(never)]
    fn find_beside<A: Attribute>(&self, instrument: u64, hash: u64, attributes: &[A]) -> Option<&Entry> {
        (1..WAYS).find_map(|way| match &self.places[Self::place(hash) ^ way] {
            Some(e) if e.is(instrument, attributes) => Some(&**e),
            _ => None,
        })
    }

    fn put(&mut self, hash: u64, entry: Entry) {
        let place = Self::place(hash);
        let free = (0..WAYS).find(|way| self.places[place ^ way].is_none());
        // Any may go; bits that did not choose the place choose it.
        let way = free.unwrap_or((hash >> 32) as usize % WAYS);
        self.places[place ^ way] = Some(Box::new(entry));
    }
}

impl Entry {
    #[inline(always)]
    fn is<A: Attribute>(&self, instrument: u64, attributes: &[A]) -> bool {
        if self.instrument != instrument || self.words.len() != attributes.len() {
            return false;
        }
        for (i, (a, words)) in attributes.iter().zip(&self.words).enumerate() {
            if !a.is(words, self.copies.get(i)) {
                return false;
            }
        }
        true
    }
}

/// Takes what the thread remembers, to be given back. Nothing may happen meanwhile that could panic or record. `None`
/// if there is nothing.
#[inline(always)]
pub(super) fn take() -> Option<Box<Cache>> {
    ManuallyDrop::into_inner(CACHE.replace(ManuallyDrop::new(None)))
}

/// See [`take`].
#[inline(always)]
pub(super) fn give_back(cache: Box<Cache>) {
    CACHE.set(ManuallyDrop::new(Some(cache)));
}

/// The series of a stream that is remembered.
pub(super) fn series<A: Attribute>(
    instrument: u64,
    hash: u64,
    attributes: &[A],
    stream: usize,
) -> Option<Arc<Series>> {
    let cache = take()?;
    let found = cache.find(instrument, hash, attributes);
    let target = found.and_then(|e| std::iter::once(&e.first).chain(&e.rest).nth(stream));
    let series = target.map(|t| t.series.clone());
    give_back(cache);
    series
}

/// Remembers where attributes lead to, if that is anywhere.
pub(super) fn put<A: Attribute>(
    instrument: u64,
    hash: u64,
    attributes: &[A],
    seed: u64,
    series: &[Arc<Series>],
) {
    // Before anything is put here, it is certain that the end of the thread will tear it down.
    if thread_ended() {
        return;
    }
    let mut targets = series.iter().cloned().map(Target::new);
    let Some(first) = targets.next() else { return };
    let words: Box<[Words]> = attributes.iter().map(|a| a.words(seed)).collect();
    let copies = match words.iter().all(Words::are_exact) {
        true => Box::default(),
        false => attributes.iter().map(Attribute::to_key_value).collect(),
    };
    let entry = Entry { instrument, words, copies, first, rest: targets.collect() };
    let mut cache = take().unwrap_or_else(|| Box::new(Cache::new()));
    cache.put(hash, entry);
    give_back(cache);
}

/// Frees what the thread remembers, at its end.
pub(super) fn tear_down() {
    drop(take());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::attribute::quick_hash;
    use crate::metric::series::CellKind;
    use crate::model::AttributeSet;

    const SEED: u64 = 7;

    fn knows(instrument: u64, hash: u64, attributes: &[KeyValue]) -> bool {
        let Some(cache) = take() else { return false };
        let found = cache.find(instrument, hash, attributes).is_some();
        give_back(cache);
        found
    }

    fn learn(instrument: u64, hash: u64, attributes: &[KeyValue]) {
        let series = Arc::new(Series::new(AttributeSet::EMPTY, &CellKind::Gauge, 1));
        put(instrument, hash, attributes, SEED, &[series]);
    }

    #[test]
    fn a_series_is_found_only_by_its_instrument_its_hash_and_its_attributes() {
        let owned = || KeyValue::new(String::from("a"), String::from("x"));
        let other = KeyValue::new(String::from("a"), String::from("y"));
        for (known, same, others) in [
            (KeyValue::new("a", 1), KeyValue::new("a", 1), [KeyValue::new("a", 2), owned()]),
            (owned(), owned(), [other, KeyValue::new("a", "x")]),
        ] {
            assert!(!knows(7, 42, std::slice::from_ref(&same)));
            learn(7, 42, &[known]);
            assert!(others.iter().all(|o| !knows(7, 42, std::slice::from_ref(o))));
            assert!(!knows(7, 42, &[]) && !knows(7, 42, &[same.clone(), same.clone()]));
            let same = [same];
            assert!(knows(7, 42, &same) && !knows(8, 42, &same) && !knows(7, 43 << 55, &same));
        }
    }

    #[test]
    fn a_thread_remembers_up_to_a_bound() {
        let hash = |i| quick_hash(9, &[KeyValue::new("i", i)], SEED);
        for i in 0..10_000i64 {
            learn(9, hash(i), &[KeyValue::new("i", i)]);
        }
        let found = (0..10_000i64).filter(|i| knows(9, hash(*i), &[KeyValue::new("i", *i)])).count();
        assert!((PLACES / 2..=PLACES).contains(&found), "{found}");
    }

    #[test]
    fn some_that_want_the_same_place_stay_side_by_side() {
        for n in 0..4 {
            learn(n, n, &[]);
        }
        assert!((0..4).all(|n| knows(n, n, &[])));
    }

    #[test]
    fn a_thread_that_ends_remembers_nothing_and_frees_it() {
        let series = Arc::new(Series::new(AttributeSet::EMPTY, &CellKind::Sum { monotonic: true }, 2));
        std::thread::spawn({
            let series = series.clone();
            move || {
                put::<KeyValue>(1, 1, &[], SEED, &[series]);
                assert!(knows(1, 1, &[]));
            }
        })
        .join()
        .unwrap();
        assert_eq!(Arc::strong_count(&series), 1);
    }
}
