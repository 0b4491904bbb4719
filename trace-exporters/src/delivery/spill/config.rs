//! Where a log is, and how much it may hold.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::delivery::config::{DeliveryConfigError, nonzero};

/// A log on disk in front of a destination.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SpillConfig {
    /// The folder; it is made if it is missing, readable by its owner alone. Each destination needs one of its own.
    pub dir: PathBuf,
    /// Whether every batch goes by the log, or those alone that the destination does not take. Default `always`.
    #[serde(default)]
    pub mode: SpillMode,
    /// The most bytes on disk; the oldest segment goes first. Default 1 GiB.
    #[serde(default = "max_bytes", alias = "maxBytes")]
    pub max_bytes: u64,
    /// The size of a segment. Default 16 MiB.
    #[serde(default = "segment_bytes", alias = "segmentBytes")]
    pub segment_bytes: u64,
    /// When what was written is forced to the disk. Default `interval`.
    #[serde(default)]
    pub fsync: Fsync,
    /// For `interval`: how often, in milliseconds. Default 1000.
    #[serde(default = "second", alias = "fsyncIntervalMs")]
    pub fsync_interval_ms: u64,
    /// How long a flush waits for the destination, in milliseconds. Default 5000.
    #[serde(default = "flush_wait", alias = "flushWaitMs")]
    pub flush_wait_ms: u64,
    /// How long a shutdown goes on delivering, in milliseconds; it stops at the first failure. What is left stays on
    /// disk. Default 2000.
    #[serde(default = "shutdown_wait", alias = "shutdownWaitMs")]
    pub shutdown_wait_ms: u64,
    /// What becomes of batches while the destination refuses whoever sends, or is at another address. Default `hold`.
    #[serde(default, alias = "whileMisconfigured")]
    pub while_misconfigured: WhileMisconfigured,
    /// For `hold`: the longest wait before the next attempt, in milliseconds. Default 60 000.
    #[serde(default = "minute", alias = "misconfiguredWaitMs")]
    pub misconfigured_wait_ms: u64,
}

/// What becomes of batches while an error says that somebody must change the configuration, here or there: an unknown
/// token, a missing permission, a wrong path. Such an error is not retryable by the specifications of the wires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhileMisconfigured {
    /// They stay in the log, which is tried again at long intervals; its size is the limit. For who knows that it will be
    /// set right.
    #[default]
    Hold,
    /// They are lost as `permanent_error`, as without a log.
    Drop,
}

/// Which batches go by the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpillMode {
    /// Every batch: what was taken survives a crash at any moment.
    #[default]
    Always,
    /// Those that the destination fails to take for now, and those after them until the log is empty again. Costs no
    /// disk while all is well.
    #[serde(alias = "onFailure")]
    OnFailure,
}

/// When what was written is forced to the disk. A crash or kill of the process loses nothing with any of them; a loss of
/// power or a crash of the system does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fsync {
    /// When the system likes.
    Never,
    /// Every [`SpillConfig::fsync_interval_ms`].
    #[default]
    Interval,
    /// Before a batch counts as taken.
    Always,
}

fn max_bytes() -> u64 {
    1 << 30
}

fn segment_bytes() -> u64 {
    16 << 20
}

fn second() -> u64 {
    1000
}

fn minute() -> u64 {
    60_000
}

fn flush_wait() -> u64 {
    5000
}

fn shutdown_wait() -> u64 {
    2000
}

impl SpillConfig {
    /// The defaults in this folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            mode: SpillMode::default(),
            max_bytes: max_bytes(),
            segment_bytes: segment_bytes(),
            fsync: Fsync::default(),
            fsync_interval_ms: second(),
            flush_wait_ms: flush_wait(),
            shutdown_wait_ms: shutdown_wait(),
            while_misconfigured: WhileMisconfigured::default(),
            misconfigured_wait_ms: minute(),
        }
    }

    /// Checks everything that can be checked without the disk.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), DeliveryConfigError> {
        if self.dir.as_os_str().is_empty() {
            let remedy = "name a folder that survives restarts";
            return Err(DeliveryConfigError::Missing { field: "spill.dir", remedy });
        }
        nonzero("spill.fsync_interval_ms", Some(self.fsync_interval_ms))?;
        nonzero("spill.misconfigured_wait_ms", Some(self.misconfigured_wait_ms))?;
        let least = |field, found, other, least| match found < least {
            true => Err(DeliveryConfigError::TooSmall { field, found, other, least }),
            false => Ok(()),
        };
        least("spill.segment_bytes", self.segment_bytes, "the smallest segment", 4096)?;
        let twice = self.segment_bytes.saturating_mul(2);
        least("spill.max_bytes", self.max_bytes, "twice spill.segment_bytes", twice)
    }

    /// The longest wait while the destination refuses who sends, if batches are held then.
    pub(super) fn misconfigured_wait(&self) -> Option<Duration> {
        (self.while_misconfigured == WhileMisconfigured::Hold)
            .then(|| Duration::from_millis(self.misconfigured_wait_ms))
    }

    pub(super) fn fsync_interval(&self) -> Duration {
        Duration::from_millis(self.fsync_interval_ms)
    }
}
