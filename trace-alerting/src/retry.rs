//! When to try again: exponential back-off with full jitter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// A channel's wish to wait is followed up to this long. One hour: longer waits hide that a channel is dead.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// How often and how long a notification is tried.
///
/// The wait before attempt *n + 1* is drawn evenly from zero to `initial * 2^(n-1)`, at most `max_delay`
/// ("full jitter", M. Brooker, AWS Architecture Blog, 2015), and at least what the channel asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryConfig {
    /// The largest wait after the first failure. Default 1 s.
    #[serde(with = "crate::duration_text")]
    pub initial: Duration,
    /// The largest wait of all. Default 5 min.
    #[serde(with = "crate::duration_text", alias = "max_delay")]
    pub max_delay: Duration,
    /// Attempts before giving up. Default 50.
    #[serde(alias = "max_attempts")]
    pub max_attempts: u32,
    /// Time since the first attempt before giving up. Default 6 h, so that mail survives greylisting.
    #[serde(with = "crate::duration_text", alias = "max_age")]
    pub max_age: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max_delay: Duration::from_secs(300),
            max_attempts: 50,
            max_age: Duration::from_secs(6 * 3600),
        }
    }
}

impl RetryConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if self.max_attempts == 0 {
            return Err(ConfigError::new("alerting.retry.maxAttempts", "must be at least 1"));
        }
        if self.initial.is_zero() || self.max_delay < self.initial {
            return Err(ConfigError::new("alerting.retry.initial", "must be over 0 and at most maxDelay"));
        }
        Ok(())
    }

    /// The largest wait after this many failed attempts.
    pub(crate) fn ceiling(&self, attempts: u32) -> Duration {
        let factor = 1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.max_delay)
    }

    /// The wait after this many failed attempts.
    pub(crate) fn delay(
        &self,
        attempts: u32,
        retry_after: Option<Duration>,
        random: &mut Random,
    ) -> Duration {
        let wish = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.ceiling(attempts).mul_f64(random.unit()).max(wish)
    }
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): small, seedable, good enough for jitter and message ids.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Even in `[0, 1)`: the upper 53 bits, as many as a double holds.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A random text of the form of a version 4 UUID.
    pub(crate) fn id(&mut self) -> String {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_largest_delay() {
        let retry = RetryConfig::default();
        let seconds: Vec<u64> = (1..=11).map(|n| retry.ceiling(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(retry.ceiling(u32::MAX), retry.max_delay);
    }

    #[test]
    fn the_jitter_spreads_over_the_whole_range() {
        let retry = RetryConfig::default();
        let mut random = Random::new(7);
        let delays: Vec<f64> = (0..10_000).map(|_| retry.delay(4, None, &mut random).as_secs_f64()).collect();
        assert!(delays.iter().all(|d| (0.0..=8.0).contains(d)));
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        // Standard error of the mean of an even spread over 8 s: 8 / sqrt(12 * 10000) = 0.023 s.
        assert!((mean - 4.0).abs() < 0.1, "{mean}");
        assert!(delays.iter().any(|d| *d < 0.4) && delays.iter().any(|d| *d > 7.6));
    }

    #[test]
    fn a_channels_wish_is_honoured_up_to_an_hour() {
        let retry = RetryConfig::default();
        let mut random = Random::new(7);
        assert!(retry.delay(1, Some(Duration::from_secs(30)), &mut random) >= Duration::from_secs(30));
        let days = Duration::from_secs(86_400 * 9);
        assert_eq!(retry.delay(1, Some(days), &mut random), MAX_RETRY_AFTER);
    }
}
