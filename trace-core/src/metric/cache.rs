//! What a thread remembers: the series that it recorded into last, so that it takes no lock to find them again.
//!
//! An entry holds the attributes as they were handed in, and the thread's own row of each series they lead to. Texts
//! that live as long as the program are known by their addresses, and no byte of them is looked at.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use super::attribute::{Attribute, Words};
use super::instrument::Found;
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

/// What is looked at for every measurement fills one cache line.
#[repr(align(64))]
pub(super) struct Entry {
    /// Of the instrument and the attributes.
    hash: u64,
    instrument: u64,
    words: Box<[Words]>,
    pub(super) first: Target,
    more: Option<Box<More>>,
}

/// What few entries have.
#[derive(Default)]
struct More {
    /// The attributes, unless their words are exact.
    copies: Box<[KeyValue]>,
    /// Where further views lead.
    rest: Box<[Target]>,
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
        // The attributes go to no function that is not inlined: made for this one call, they need not be in memory.
        let entry = match &self.places[Self::place(hash)] {
            Some(entry) if entry.hash == hash => entry,
            _ => self.find_beside(hash)?,
        };
        if entry.is(instrument, attributes) { Some(entry) } else { None }
    }

    #[inline(never)]
    fn find_beside(&self, hash: u64) -> Option<&Entry> {
        let beside = (1..WAYS).filter_map(|way| self.places[Self::place(hash) ^ way].as_deref());
        beside.into_iter().find(|e| e.hash == hash)
    }

    fn put(&mut self, entry: Entry) {
        let place = Self::place(entry.hash);
        let at = |way: &usize| self.places[place ^ way].as_deref();
        let same = (0..WAYS).find(|way| at(way).is_some_and(|e| e.hash == entry.hash));
        let free = || (0..WAYS).find(|way| at(way).is_none());
        // Any may go; bits that did not choose the place choose it.
        let way = same.or_else(free).unwrap_or((entry.hash >> 32) as usize % WAYS);
        self.places[place ^ way] = Some(Box::new(entry));
    }
}

impl Entry {
    /// Where further views lead.
    #[inline(always)]
    pub(super) fn rest(&self) -> &[Target] {
        self.more.as_ref().map_or(&[], |m| &m.rest)
    }

    /// The series of each stream.
    #[cold]
    #[inline(never)]
    pub(super) fn series(&self) -> Found {
        let rest = self.rest().iter().map(|t| t.series.clone());
        Found { first: self.first.series.clone(), rest: rest.collect() }
    }

    #[inline(always)]
    fn is<A: Attribute>(&self, instrument: u64, attributes: &[A]) -> bool {
        if self.instrument != instrument || self.words.len() != attributes.len() {
            return false;
        }
        for (i, (a, words)) in attributes.iter().zip(&self.words).enumerate() {
            if !a.is(words, || self.more.as_ref().and_then(|m| m.copies.get(i))) {
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

/// Remembers where attributes lead to.
pub(super) fn put(instrument: u64, hash: u64, attributes: &[KeyValue], seed: u64, found: &Found) {
    // Before anything is put here, it is certain that the end of the thread will tear it down.
    if thread_ended() {
        return;
    }
    let words: Box<[Words]> = attributes.iter().map(|a| a.words(seed)).collect();
    let exact = words.iter().all(Words::are_exact);
    let copies = if exact { Box::default() } else { attributes.into() };
    let first = Target::new(found.first.clone());
    let rest: Box<[Target]> = found.rest.iter().cloned().map(Target::new).collect();
    let more = (!exact || !rest.is_empty()).then(|| Box::new(More { copies, rest }));
    let mut cache = take().unwrap_or_else(|| Box::new(Cache::new()));
    cache.put(Entry { hash, instrument, words, first, more });
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

    fn found(kind: &CellKind) -> Found {
        Found { first: Arc::new(Series::new(AttributeSet::EMPTY, kind, 2)), rest: Box::default() }
    }

    fn learn(instrument: u64, hash: u64, attributes: &[KeyValue]) {
        put(instrument, hash, attributes, SEED, &found(&CellKind::Gauge));
    }

    #[test]
    fn a_series_is_found_only_by_its_instrument_its_hash_and_its_attributes() {
        let owned = |v: &str| KeyValue::new(String::from("a"), String::from(v));
        let number = |v: i64| KeyValue::new("a", v);
        for (known, same, others) in [
            (number(1), number(1), [number(2), owned("x")]),
            (owned("x"), owned("x"), [owned("y"), number(1)]),
        ] {
            assert!(!knows(7, 42, std::slice::from_ref(&same)));
            learn(7, 42, &[known]);
            assert!(others.iter().all(|o| !knows(7, 42, std::slice::from_ref(o))));
            assert!(!knows(7, 42, &[]) && !knows(7, 42, &[same.clone(), same.clone()]));
            let same = [same];
            assert!(knows(7, 42, &same) && !knows(8, 42, &same) && !knows(7, 43, &same));
        }
    }

    #[test]
    fn a_thread_remembers_up_to_a_bound() {
        let attributes = |i: i64| [KeyValue::new("i", i)];
        let hash = |i| quick_hash(9, &attributes(i), SEED);
        (0..10_000).for_each(|i| learn(9, hash(i), &attributes(i)));
        let found = (0..10_000).filter(|i| knows(9, hash(*i), &attributes(*i))).count();
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
        let found = found(&CellKind::Sum { monotonic: true });
        std::thread::spawn({
            let found = found.clone();
            move || {
                put(1, 1, &[], SEED, &found);
                assert!(knows(1, 1, &[]));
            }
        })
        .join()
        .unwrap();
        assert_eq!(Arc::strong_count(&found.first), 1);
    }
}
