//! How long an attempt may take.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

/// The limit of one attempt, or none. In configurations a number of milliseconds, of which 0 means none.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "u64")]
pub struct Timeout(Option<Duration>);

impl Timeout {
    /// Without a limit.
    pub const NONE: Self = Self(None);

    /// This many milliseconds; 0 means none.
    pub const fn from_millis(ms: u64) -> Self {
        Self(if ms > 0 { Some(Duration::from_millis(ms)) } else { None })
    }

    /// The limit, which is never zero.
    pub const fn limit(self) -> Option<Duration> {
        self.0
    }
}

impl From<u64> for Timeout {
    /// Milliseconds; 0 means none.
    fn from(ms: u64) -> Self {
        Self::from_millis(ms)
    }
}

impl From<Duration> for Timeout {
    /// A limit of zero means none.
    fn from(limit: Duration) -> Self {
        Self((!limit.is_zero()).then_some(limit))
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(limit) => fmt::Debug::fmt(&limit, f),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_means_without_limit_and_less_than_a_millisecond_is_one() {
        let read = |json| serde_json::from_str::<Timeout>(json).unwrap();
        assert_eq!((read("0"), read("0").limit()), (Timeout::NONE, None));
        assert_eq!(read("250").limit(), Some(Duration::from_millis(250)));
        assert_eq!(Timeout::from(Duration::ZERO), Timeout::NONE);
        assert_eq!(Timeout::from(Duration::from_micros(1)).limit(), Some(Duration::from_micros(1)));
        assert!(serde_json::from_str::<Timeout>("-1").is_err());
        assert_eq!(format!("{:?} {:?}", read("0"), read("1500")), "none 1.5s");
    }
}
