//! How a destination is delivered to: the same for every kind of exporter.

use std::time::Duration;

use serde::Deserialize;
use trace_core::pipeline::{DestinationConfig, RetryPolicy};

use super::spill::SpillConfig;
use super::tee::TeePolicy;

/// How a destination is delivered to. Everything is optional; without anything the pipeline's defaults hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeliveryConfig {
    /// How failed attempts are repeated.
    pub retry: RetryConfig,
    /// A log on disk in front of the destination.
    pub spill: Option<SpillConfig>,
    /// The most that is sent a second.
    pub throttle: Option<ThrottleConfig>,
    /// Other destinations to send to while this one is down.
    pub failover: Option<FailoverConfig>,
    /// Other destinations to send everything to as well, where one of them is enough.
    pub tee: Option<TeeConfig>,
    /// Limit of one attempt in milliseconds. Default 10 000.
    #[serde(alias = "timeoutMs")]
    pub timeout_ms: Option<u64>,
}

/// Exponential back-off with full jitter; a destination's `Retry-After` is honoured instead, up to an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryConfig {
    /// The longest first wait in milliseconds. Default 500.
    #[serde(alias = "initialMs")]
    pub initial_ms: u64,
    /// The longest wait in milliseconds. Default 30 000.
    #[serde(alias = "maxMs")]
    pub max_ms: u64,
    /// When a batch is given up, in milliseconds since its first attempt. By default 300 000 from memory, and never from
    /// disk, where the size of the log is the limit.
    #[serde(alias = "giveUpAfterMs")]
    pub give_up_after_ms: Option<u64>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { initial_ms: 500, max_ms: 30_000, give_up_after_ms: None }
    }
}

/// The most that is sent a second; at least one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThrottleConfig {
    /// Spans or data points a second; without limit by default.
    #[serde(alias = "recordsPerSecond")]
    pub records_per_second: Option<u64>,
    /// Bytes a second, as the pipeline reckons batches: near to the size before compression. Without limit by default.
    #[serde(alias = "bytesPerSecond")]
    pub bytes_per_second: Option<u64>,
}

/// Other destinations to send to while one is down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FailoverConfig {
    /// Their names, in the order in which they are tried.
    pub to: Vec<String>,
    /// When the first one is tried again after a failure, in milliseconds. Default 30 000.
    #[serde(default = "probe_after", alias = "probeAfterMs")]
    pub probe_after_ms: u64,
}

fn probe_after() -> u64 {
    30_000
}

/// Other destinations that get every batch too, as one destination with this one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TeeConfig {
    /// Their names.
    pub to: Vec<String>,
    /// Whether a batch is taken when `any` of them all has taken it, which is the default, or when `all` have.
    #[serde(default = "any")]
    pub policy: TeePolicy,
}

fn any() -> TeePolicy {
    TeePolicy::Any
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryConfigError {
    /// A number that must not be zero.
    #[error("{field} is 0: use a positive number, or leave it out")]
    Zero {
        /// The setting.
        field: &'static str,
    },
    /// Two numbers that do not fit together.
    #[error("{field} is {found}: it must be at least {other}, which is {least}")]
    TooSmall {
        /// The setting.
        field: &'static str,
        /// What it is.
        found: u64,
        /// What it depends on.
        other: &'static str,
        /// The least that works.
        least: u64,
    },
    /// Two settings of which each stands for the other destinations.
    #[error("tee is set beside failover: use one of them")]
    TeeAndFailover,
    /// A setting without which its section means nothing.
    #[error("{field} is missing: {remedy}")]
    Missing {
        /// The setting.
        field: &'static str,
        /// What to do.
        remedy: &'static str,
    },
}

impl DeliveryConfig {
    /// Checks everything that can be checked without disk and network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), DeliveryConfigError> {
        use DeliveryConfigError::Missing;
        let least = |field, found, other, least| match found < least {
            true => Err(DeliveryConfigError::TooSmall { field, found, other, least }),
            false => Ok(()),
        };
        nonzero("retry.initial_ms", Some(self.retry.initial_ms))?;
        least("retry.max_ms", self.retry.max_ms, "retry.initial_ms", self.retry.initial_ms)?;
        nonzero("timeout_ms", self.timeout_ms)?;
        if let Some(t) = &self.throttle {
            nonzero("throttle.records_per_second", t.records_per_second)?;
            nonzero("throttle.bytes_per_second", t.bytes_per_second)?;
            if t.records_per_second.or(t.bytes_per_second).is_none() {
                let remedy = "set it or throttle.bytes_per_second";
                return Err(Missing { field: "throttle.records_per_second", remedy });
            }
        }
        if let Some(f) = &self.failover {
            nonzero("failover.probe_after_ms", Some(f.probe_after_ms))?;
            if f.to.is_empty() {
                return Err(Missing {
                    field: "failover.to",
                    remedy: "name the destinations to fall back to",
                });
            }
        }
        if let Some(t) = &self.tee {
            if self.failover.is_some() {
                return Err(DeliveryConfigError::TeeAndFailover);
            }
            if t.to.is_empty() {
                return Err(Missing { field: "tee.to", remedy: "name the destinations that get it too" });
            }
        }
        self.spill.as_ref().map_or(Ok(()), SpillConfig::validate)
    }

    /// The names of the destinations that this one passes batches to: those of `failover` or of `tee`.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        let failover = self.failover.iter().flat_map(|f| &f.to);
        failover.chain(self.tee.iter().flat_map(|t| &t.to)).map(String::as_str)
    }

    /// The limit of one attempt.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(10_000))
    }

    /// The settings of the pipeline's destination that go with the wrapped exporter: its retries, and a time limit that
    /// leaves room for what the decorators do in one call.
    #[must_use]
    pub fn destination(&self, mut config: DestinationConfig) -> DestinationConfig {
        config.retry = self.retry.from_memory();
        config.timeout = self.timeout();
        if self.spill.is_some() {
            // A call writes to disk, and a flush waits no longer than this.
            config.timeout = config.timeout.max(Duration::from_secs(10));
        } else {
            let alternatives = self.failover.as_ref().map_or(0, |f| f.to.len());
            config.timeout *= 1 + u32::try_from(alternatives).unwrap_or(u32::MAX - 1);
            if self.throttle.is_some() {
                // Waiting for one's turn is no failure; each attempt has a limit of its own.
                config.timeout = config.timeout.max(Duration::from_secs(3600));
            }
        }
        config
    }
}

impl RetryConfig {
    /// For batches in memory.
    pub fn from_memory(&self) -> RetryPolicy {
        let default = RetryPolicy::default().give_up_after;
        RetryPolicy {
            initial: Duration::from_millis(self.initial_ms),
            max: Duration::from_millis(self.max_ms),
            give_up_after: self.give_up_after_ms.map_or(default, Duration::from_millis),
        }
    }

    /// For batches on disk.
    pub fn from_disk(&self) -> RetryPolicy {
        let give_up_after = self.give_up_after_ms.map_or(Duration::MAX, Duration::from_millis);
        RetryPolicy { give_up_after, ..self.from_memory() }
    }
}

pub(super) fn nonzero(field: &'static str, value: Option<u64>) -> Result<(), DeliveryConfigError> {
    if value == Some(0) { Err(DeliveryConfigError::Zero { field }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> DeliveryConfig {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn both_spellings_are_read_and_unknown_keys_are_refused() {
        let snake = r#"{"retry":{"initial_ms":1,"max_ms":2,"give_up_after_ms":3},"throttle":{"records_per_second":4},
            "failover":{"to":["b"],"probe_after_ms":5},"timeout_ms":6,
            "spill":{"dir":"/d","segment_bytes":1048576,"fsync":"always"}}"#;
        let camel = r#"{"retry":{"initialMs":1,"maxMs":2,"giveUpAfterMs":3},"throttle":{"recordsPerSecond":4},
            "failover":{"to":["b"],"probeAfterMs":5},"timeoutMs":6,
            "spill":{"dir":"/d","segmentBytes":1048576,"fsync":"always"}}"#;
        assert_eq!(read(snake), read(camel));
        assert!(read(snake).validate().is_ok());
        let error = serde_json::from_str::<DeliveryConfig>(r#"{"spil":{}}"#).unwrap_err().to_string();
        assert!(error.contains("spil"), "{error}");
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (json, part) in [
            (r#"{"retry":{"initial_ms":0}}"#, "retry.initial_ms is 0"),
            (r#"{"retry":{"initial_ms":9,"max_ms":8}}"#, "retry.max_ms is 8"),
            (r#"{"timeout_ms":0}"#, "timeout_ms is 0"),
            (r#"{"throttle":{}}"#, "throttle.records_per_second is missing"),
            (r#"{"throttle":{"bytes_per_second":0}}"#, "throttle.bytes_per_second is 0"),
            (r#"{"failover":{"to":[]}}"#, "failover.to is missing"),
            (r#"{"tee":{"to":[]}}"#, "tee.to is missing"),
            (r#"{"tee":{"to":["b"]},"failover":{"to":["c"]}}"#, "use one of them"),
            (r#"{"spill":{"dir":""}}"#, "spill.dir is missing"),
            (r#"{"spill":{"dir":"d","max_bytes":1024}}"#, "spill.max_bytes is 1024"),
            (r#"{"spill":{"dir":"d","segment_bytes":1}}"#, "spill.segment_bytes is 1"),
        ] {
            let error = read(json).validate().unwrap_err().to_string();
            assert!(error.contains(part), "{json}: {error}");
        }
        assert!(DeliveryConfig::default().validate().is_ok());
    }

    #[test]
    fn the_pipeline_gets_the_same_retries_and_room_for_the_decorators() {
        let of = |json| read(json).destination(DestinationConfig::default());
        assert_eq!(of("{}"), DestinationConfig::default());
        assert_eq!(of(r#"{"retry":{"initial_ms":7}}"#).retry.initial, Duration::from_millis(7));
        assert_eq!(of(r#"{"timeout_ms":50}"#).timeout, Duration::from_millis(50));
        assert_eq!(of(r#"{"timeout_ms":50,"failover":{"to":["b"]}}"#).timeout, Duration::from_millis(100));
        assert_eq!(of(r#"{"timeout_ms":50,"spill":{"dir":"d"}}"#).timeout, Duration::from_secs(10));
        assert!(of(r#"{"throttle":{"records_per_second":1}}"#).timeout >= Duration::from_secs(3600));
    }
}
