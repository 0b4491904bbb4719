//! The series of one metric, and the rules by which a delta is added to its total.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use trace_core::model::{AttributeSet, Timestamp};

use super::identity;
use super::point::Total;

/// What became of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its series is new, or begins anew because the delta does not fit what was there.
    First,
    /// It begins where the last one ended, or does not say where it begins.
    Next,
    /// Nothing is known of the time between the last one and this.
    Gap,
    /// It begins before the end of the last one, and ends after it.
    Overlap,
    /// It is the last one once more; nothing is added.
    Repeated,
    /// It ends before the last one did, or begins before the series; nothing is added.
    Late,
    /// Its parts contradict each other; nothing is added.
    Malformed,
    /// The series is new, and there are too many; nothing is added.
    Surplus,
}

/// A total, and what came last.
#[derive(Clone, Debug)]
struct Held<P> {
    total: P,
    /// The start of the last delta; its end is that of the total.
    last_start: Timestamp,
    /// When the last delta came, by our clock.
    seen: Timestamp,
}

/// The totals of one metric, by the identity of the series.
#[derive(Clone, Debug)]
pub(super) struct Stream<P> {
    held: BTreeMap<Vec<u8>, Held<P>>,
}

impl<P> Default for Stream<P> {
    fn default() -> Self {
        Self { held: BTreeMap::new() }
    }
}

impl<P: Total> Stream<P> {
    /// Adds a delta. `room`: whether there may be a new series.
    pub(super) fn take(&mut self, delta: &P, monotonic: bool, room: bool, now: Timestamp) -> Taken {
        let (start, time) = delta.times();
        if !delta.is_valid(monotonic) || time == Timestamp::default() || start > time {
            return Taken::Malformed;
        }
        let key = identity::of_series(attributes(delta));
        match self.held.entry(key) {
            Entry::Vacant(_) if !room => Taken::Surplus,
            Entry::Vacant(place) => {
                place.insert(Held { total: delta.clone(), last_start: start, seen: now });
                Taken::First
            }
            Entry::Occupied(mut place) => place.get_mut().add(delta, now),
        }
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Forgets the series without a delta since then; how many.
    pub(super) fn forget(&mut self, since: Timestamp) -> usize {
        let before = self.held.len();
        self.held.retain(|_, held| held.seen >= since);
        before - self.held.len()
    }

    /// All totals. Those without a delta of late hold at `time`, too.
    pub(super) fn totals(&self, time: Timestamp) -> Vec<P> {
        let at = |held: &Held<P>| {
            let mut total = held.total.clone();
            let (start, end) = total.times();
            total.set_times(start, end.max(time));
            total
        };
        self.held.values().map(at).collect()
    }
}

fn attributes<P: Total>(point: &P) -> &AttributeSet {
    point.attributes()
}

impl<P: Total> Held<P> {
    fn add(&mut self, delta: &P, now: Timestamp) -> Taken {
        let unknown = Timestamp::default();
        let (begun, end) = self.total.times();
        let (start, time) = delta.times();
        // Whoever tries again sends the same again.
        if (start, time) == (self.last_start, end) {
            self.seen = now;
            return Taken::Repeated;
        }
        if time <= end || (start != unknown && start < begun) {
            return Taken::Late;
        }
        self.seen = now;
        self.last_start = start;
        if !self.total.add(delta) {
            self.total = delta.clone();
            let start = if start == unknown { end } else { start };
            self.total.set_times(start, time);
            return Taken::First;
        }
        self.total.set_times(begun, time);
        match start {
            start if start == unknown || start == end => Taken::Next,
            start if start > end => Taken::Gap,
            _ => Taken::Overlap,
        }
    }
}
