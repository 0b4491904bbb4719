//! The intervals of children, remembered until their parent ends.

use std::collections::{HashMap, VecDeque};

use crate::model::{SpanId, TraceId};

/// The union of half-open intervals in nanoseconds, by start, without overlaps.
#[derive(Debug, Default)]
pub(super) struct Intervals(Vec<(u64, u64)>);

/// Disjoint intervals of one parent at most; past that, neighbours are joined, which takes time from the parent.
const MAX_INTERVALS: usize = 256;

impl Intervals {
    pub(super) fn add(&mut self, start: u64, end: u64) {
        if end <= start {
            return;
        }
        // Everything from `from` to `to` touches the new interval.
        let from = self.0.partition_point(|i| i.1 < start);
        let to = self.0.partition_point(|i| i.0 <= end);
        if from == to {
            self.0.insert(from, (start, end));
        } else {
            let joined = (start.min(self.0[from].0), end.max(self.0[to - 1].1));
            self.0.splice(from..to, [joined]);
        }
        if self.0.len() > MAX_INTERVALS {
            let closest = (1..self.0.len()).min_by_key(|&i| self.0[i].0 - self.0[i - 1].1).unwrap_or(1);
            self.0[closest - 1].1 = self.0[closest].1;
            self.0.remove(closest);
        }
    }

    /// How much of an interval is covered.
    pub(super) fn covered(&self, start: u64, end: u64) -> u64 {
        self.0.iter().map(|i| i.1.min(end).saturating_sub(i.0.max(start))).sum()
    }
}

type Parent = (TraceId, SpanId);

/// The children of spans that have not ended yet. Bounded: the parent that was first heard of is forgotten first.
#[derive(Debug)]
pub(super) struct Children {
    of: HashMap<Parent, (Intervals, u64)>,
    /// Parents in order of arrival; an entry whose number differs is out of date.
    order: VecDeque<(Parent, u64)>,
    next: u64,
    capacity: usize,
    pub(super) forgotten: u64,
}

impl Children {
    pub(super) fn new(capacity: usize) -> Self {
        Self { of: HashMap::new(), order: VecDeque::new(), next: 0, capacity: capacity.max(1), forgotten: 0 }
    }

    pub(super) fn add(&mut self, parent: Parent, start: u64, end: u64) {
        if let Some((intervals, _)) = self.of.get_mut(&parent) {
            return intervals.add(start, end);
        }
        let mut intervals = Intervals::default();
        intervals.add(start, end);
        self.next += 1;
        self.of.insert(parent, (intervals, self.next));
        self.order.push_back((parent, self.next));
        // Parents that ended leave their place in the order behind; twice the capacity bounds these too.
        while self.of.len() > self.capacity || self.order.len() > 2 * self.capacity {
            let Some((oldest, number)) = self.order.pop_front() else { break };
            if self.of.get(&oldest).is_some_and(|(_, n)| *n == number) {
                self.of.remove(&oldest);
                self.forgotten += 1;
            }
        }
    }

    /// Parents that are waited for.
    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    pub(super) fn take(&mut self, parent: Parent) -> Option<Intervals> {
        self.of.remove(&parent).map(|(intervals, _)| intervals)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn coverage_equals_that_of_a_bitmap(raw in proptest::collection::vec((0u64..60, 0u64..20), 0..20)) {
            let mut intervals = Intervals::default();
            let mut bitmap = [false; 80];
            for (start, length) in raw {
                intervals.add(start, start + length);
                bitmap[start as usize..(start + length) as usize].fill(true);
            }
            prop_assert_eq!(intervals.covered(10, 50), bitmap[10..50].iter().filter(|b| **b).count() as u64);
        }
    }

    fn parent(n: u64) -> Parent {
        (TraceId::new(1).unwrap(), SpanId::new(n).unwrap())
    }

    #[test]
    fn the_memory_is_bounded_in_parents_and_in_children() {
        let mut children = Children::new(10);
        for n in 1..=1000 {
            children.add(parent(n), 0, 1);
            if n % 2 == 0 {
                assert!(children.take(parent(n)).is_some());
            }
            assert!(children.of.len() <= 10 && children.order.len() <= 20);
        }
        assert!(children.forgotten > 400 && children.take(parent(999)).is_some());

        for n in 0..10_000 {
            children.add(parent(1), n * 10, n * 10 + 5);
        }
        let intervals = children.take(parent(1)).unwrap();
        assert_eq!(intervals.0.len(), MAX_INTERVALS);
        assert!(intervals.covered(0, 100_000) >= 50_000);
    }
}
