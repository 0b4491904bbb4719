//! What is slow for an operation.

use std::collections::HashMap;
use std::time::Duration;

use crate::analyze::QuantileSketch;

/// Operations that are kept apart; spans of further ones are never found slow.
const OPERATIONS: usize = 1000;
/// Durations that must have been seen before one can be called slow.
const ENOUGH: u64 = 100;
/// How long a generation of durations is collected. Two are looked at, so that the past fades.
const GENERATION: Duration = Duration::from_secs(300);
/// After how many durations a quantile is computed anew.
const REFRESH: u64 = 64;

/// One quantile of the durations of each operation, over the last five to ten minutes.
#[derive(Debug)]
pub(super) struct OperationDurations {
    quantile: f64,
    operations: HashMap<String, Durations>,
    generation_ends: Duration,
}

#[derive(Debug, Default)]
struct Durations {
    now: QuantileSketch,
    before: QuantileSketch,
    /// The quantile in milliseconds.
    limit: Option<f64>,
    fresh_until: u64,
}

impl OperationDurations {
    pub(super) fn new(quantile: f64) -> Self {
        Self { quantile, operations: HashMap::new(), generation_ends: GENERATION }
    }

    /// Takes a duration in; `now` is the time since the start.
    pub(super) fn observe(&mut self, operation: &str, duration: Duration, now: Duration) {
        if now >= self.generation_ends {
            self.turn(now);
        }
        if !self.operations.contains_key(operation) {
            if self.operations.len() >= OPERATIONS {
                return;
            }
            self.operations.insert(operation.to_owned(), Durations::default());
        }
        if let Some(durations) = self.operations.get_mut(operation) {
            durations.now.insert(duration.as_secs_f64() * 1e3);
        }
    }

    fn turn(&mut self, now: Duration) {
        self.generation_ends = now + GENERATION;
        self.operations.retain(|_, d| {
            d.before = std::mem::take(&mut d.now);
            (d.limit, d.fresh_until) = (None, 0);
            d.before.count() > 0
        });
    }

    /// Whether a duration is above the quantile of its operation.
    pub(super) fn is_slow(&mut self, operation: &str, duration: Duration) -> bool {
        let quantile = self.quantile;
        self.operations.get_mut(operation).and_then(|d| d.limit(quantile)).is_some_and(|limit| {
            // The sketch is off by up to 1 %; what is just at the quantile is not slow.
            duration.as_secs_f64() * 1e3 > limit * 1.01
        })
    }
}

impl Durations {
    fn limit(&mut self, quantile: f64) -> Option<f64> {
        let count = self.now.count() + self.before.count();
        if count < ENOUGH {
            return None;
        }
        if count >= self.fresh_until {
            let mut both = self.before.clone();
            both.merge(&self.now);
            self.limit = both.quantile(quantile);
            self.fresh_until = count + REFRESH;
        }
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_is_what_is_above_the_quantile_of_its_own_operation() {
        let mut durations = OperationDurations::new(0.9);
        let ms = Duration::from_millis;
        for n in 0..99 {
            durations.observe("fast", ms(n % 10), Duration::ZERO);
            durations.observe("slow", ms(1000 + n % 10), Duration::ZERO);
        }
        assert!(!durations.is_slow("fast", ms(500)), "too few to tell");
        durations.observe("fast", ms(1), Duration::ZERO);
        durations.observe("slow", ms(1001), Duration::ZERO);
        assert!(durations.is_slow("fast", ms(500)) && !durations.is_slow("fast", ms(5)));
        assert!(!durations.is_slow("slow", ms(900)) && durations.is_slow("slow", ms(1100)));
        assert!(!durations.is_slow("unknown", ms(9999)));
    }

    #[test]
    fn the_past_fades_and_operations_are_bounded() {
        let mut durations = OperationDurations::new(0.5);
        let (ms, minute) = (Duration::from_millis, Duration::from_secs(60));
        (0..200).for_each(|_| durations.observe("op", ms(10), Duration::ZERO));
        for turn in 1..=2 {
            (0..200).for_each(|_| durations.observe("op", ms(1000), minute * 6 * turn));
        }
        assert!(!durations.is_slow("op", ms(500)));
        (0..2 * OPERATIONS).for_each(|n| durations.observe(&n.to_string(), ms(1), minute));
        assert_eq!(durations.operations.len(), OPERATIONS);
    }
}
