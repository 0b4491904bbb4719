//! The token bucket.

use std::time::Duration;

/// A token bucket (ITU-T I.371, annex A: the leaky bucket, turned over): filled at a rate, emptied by what passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TokenBucket {
    rate: f64,
    capacity: f64,
    tokens: f64,
    at: Duration,
}

impl TokenBucket {
    /// A full bucket. It holds at least one token if it is ever filled, else nothing could pass.
    pub(super) fn new((rate, capacity): (f64, f64), now: Duration) -> Self {
        let capacity = if rate > 0.0 { capacity.max(1.0) } else { capacity };
        Self { rate, capacity, tokens: capacity, at: now }
    }

    /// Fills up to now. Time that goes back counts as standing still.
    pub(super) fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.rate).min(self.capacity);
    }

    /// Takes one token, if there is one.
    pub(super) fn take(&mut self) -> bool {
        // A share of a token that is missing by rounding alone must not cost a span.
        let there = self.tokens >= 1.0 - 1e-9;
        if there {
            self.tokens = (self.tokens - 1.0).max(0.0);
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_only_the_rate() {
        let mut bucket = TokenBucket::new((10.0, 5.0), Duration::ZERO);
        let mut taken = |at_ms: u64| {
            bucket.advance(Duration::from_millis(at_ms));
            std::iter::from_fn(|| bucket.take().then_some(())).count()
        };
        assert_eq!(taken(0), 5);
        assert_eq!(taken(99), 0);
        assert_eq!(taken(100), 1);
        assert_eq!(taken(350), 2);
        assert_eq!(taken(300), 0, "time that goes back fills nothing");
        assert_eq!(taken(60_000), 5, "never more than it holds");
    }

    #[test]
    fn a_slow_bucket_still_lets_single_ones_pass_and_a_closed_one_nothing() {
        let mut slow = TokenBucket::new((0.5, 0.5), Duration::ZERO);
        assert!(slow.take() && !slow.take());
        slow.advance(Duration::from_secs(2));
        assert!(slow.take());
        assert!(!TokenBucket::new((0.0, 0.0), Duration::ZERO).take());
    }
}
