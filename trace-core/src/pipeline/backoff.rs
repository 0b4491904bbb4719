//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// The longest first wait; 0.5 s by default.
    pub initial: Duration,
    /// The longest wait; 30 s by default.
    pub max: Duration,
    /// The longest time from the first attempt to the last; 5 minutes by default. Then the batch is dropped.
    pub give_up_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(500),
            max: Duration::from_secs(30),
            give_up_after: Duration::from_secs(300),
        }
    }
}

/// Shorter waits that are asked for do not keep attempts from becoming rarer.
const SECOND: Duration = Duration::from_secs(1);
/// No single wait is longer.
const HOUR: Duration = Duration::from_secs(3600);

impl RetryPolicy {
    /// The wait after the given number of failed attempts. `random` is uniform in [0, 1); `asked` is what the
    /// destination asked for, which is honoured up to one hour. Less than a second is taken as the least: a destination
    /// that says "at once", or whose date a wrong clock takes to be past, is not asked without pause.
    pub fn wait(&self, failed: u32, random: f64, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked.filter(|asked| *asked >= SECOND) {
            return asked.min(HOUR);
        }
        let ceiling =
            self.initial.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(self.max).min(HOUR);
        // At least a tenth, so that a run of small numbers does not become a busy loop.
        ceiling.mul_f64(0.1 + 0.9 * random.clamp(0.0, 1.0)).max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_maximum_and_honour_what_was_asked() {
        let p = RetryPolicy::default();
        assert_eq!(p.wait(1, 1.0, None), Duration::from_millis(500));
        assert_eq!(p.wait(3, 1.0, None), Duration::from_secs(2));
        assert_eq!(p.wait(60, 1.0, None), Duration::from_secs(30));
        assert_eq!(p.wait(1, 0.0, None), Duration::from_millis(50));
        assert_eq!(p.wait(1, 0.0, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(p.wait(1, 0.0, Some(Duration::from_secs(99_999))), Duration::from_secs(3600));
        // A date that a wrong clock takes to be past, or a destination that says "at once" again and again.
        assert_eq!(p.wait(3, 1.0, Some(Duration::ZERO)), Duration::from_secs(2));
        assert_eq!(p.wait(1, 0.0, Some(Duration::from_millis(300))), Duration::from_millis(300));
    }
}
