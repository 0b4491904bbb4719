//! A token bucket without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;

/// Lets through so many a second on average, and at most `burst` at once.
///
/// It keeps one number, the time at which the bucket will be full again: the "generic cell rate algorithm" (ITU-T
/// I.371), which is a token bucket.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    clock: Clock,
    /// Ticks at which time begins.
    origin: u64,
    /// Nanoseconds a token; `u64::MAX` if there are none.
    interval: u64,
    /// Nanoseconds that the bucket may be ahead: `burst - 1` tokens.
    tolerance: u64,
    full_at: AtomicU64,
}

impl TokenBucket {
    /// A full bucket. `per_second` is not negative; `burst` counts as 1 if it is less.
    pub(crate) fn new(per_second: f64, burst: f64, clock: Clock) -> Self {
        // Conversion of a float saturates.
        let interval = if per_second > 0.0 { (1e9 / per_second).round() as u64 } else { u64::MAX };
        let tolerance = (interval as f64 * (burst.max(1.0) - 1.0)) as u64;
        Self { origin: clock.ticks(), clock, interval, tolerance, full_at: AtomicU64::new(0) }
    }

    /// Takes a token, if there is one.
    pub(crate) fn take(&self) -> bool {
        if self.interval == u64::MAX {
            return false;
        }
        let now = u64::try_from(self.clock.since(self.origin).as_nanos()).unwrap_or(u64::MAX);
        self.full_at
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let ahead = full_at.saturating_sub(now);
                (ahead <= self.tolerance).then(|| full_at.max(now).saturating_add(self.interval))
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn a_burst_passes_and_then_the_rate_and_unused_tokens_do_not_pile_up() {
        let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
        let bucket = TokenBucket::new(10.0, 5.0, clock);
        let take = || (0..100).filter(|_| bucket.take()).count();
        assert_eq!(take(), 5);
        time.advance(Duration::from_millis(100));
        assert_eq!(take(), 1);
        time.advance(Duration::from_millis(99));
        assert_eq!(take(), 0);
        time.advance(Duration::from_millis(1));
        assert_eq!(take(), 1);
        time.advance(Duration::from_secs(3600));
        assert_eq!(take(), 5);
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_through_and_a_fraction_one_in_a_while() {
        let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
        let (none, slow) = (TokenBucket::new(0.0, 5.0, clock.clone()), TokenBucket::new(0.1, 0.0, clock));
        assert!(!none.take() && slow.take() && !slow.take());
        time.advance(Duration::from_secs(9));
        assert!(!slow.take());
        time.advance(Duration::from_secs(1));
        assert!(!none.take() && slow.take());
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let (clock, _time) = Clock::manual(Timestamp::from_unix_secs(1));
        let bucket = TokenBucket::new(1.0, 1000.0, clock);
        let taken: usize = std::thread::scope(|s| {
            let threads: Vec<_> =
                (0..4).map(|_| s.spawn(|| (0..1000).filter(|_| bucket.take()).count())).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(taken, 1000);
    }
}
