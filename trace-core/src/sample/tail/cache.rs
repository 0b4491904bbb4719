//! What was decided about traces that are over.

use std::collections::HashMap;

use super::vote::Verdict;
use crate::model::TraceId;

/// The last verdicts, by trace. Bounded: two generations of half the capacity each, of which the older one is
/// forgotten when the younger one is full. A verdict that is asked for becomes young again, so the least recently used
/// ones go first.
#[derive(Debug)]
pub(super) struct DecisionCache {
    young: HashMap<TraceId, Verdict>,
    old: HashMap<TraceId, Verdict>,
    half: usize,
}

impl DecisionCache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), half: (capacity / 2).max(1) }
    }

    pub(super) fn get(&mut self, trace: TraceId) -> Option<Verdict> {
        if let Some(verdict) = self.young.get(&trace) {
            return Some(*verdict);
        }
        let verdict = self.old.remove(&trace)?;
        self.insert(trace, verdict);
        Some(verdict)
    }

    pub(super) fn insert(&mut self, trace: TraceId, verdict: Verdict) {
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(trace, verdict);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_verdicts_are_forgotten() {
        let id = |n: u128| TraceId::new(n).unwrap();
        let mut cache = DecisionCache::new(20);
        for n in 1..=100 {
            cache.insert(id(n), Verdict::Dropped);
            assert_eq!(cache.get(id(1)), Some(Verdict::Dropped), "used all the time");
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get(id(100)), Some(Verdict::Dropped));
        assert_eq!(cache.get(id(50)), None);
    }
}
