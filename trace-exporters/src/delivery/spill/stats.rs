//! What a log has taken, delivered and lost.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use trace_core::signal::{Keeper, Kept};

/// The account of a [`Spill`](super::Spill), readable at any time. The pipeline's ledger reads it too.
#[derive(Debug, Default)]
pub struct SpillStats(Mutex<SpillCounts>);

/// What a log has taken, delivered and lost since it was opened, in spans or data points.
///
/// `recovered + accepted = delivered + held + dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpillCounts {
    /// Found on disk when it was opened.
    pub recovered: u64,
    /// Written since.
    pub accepted: u64,
    /// Taken by the destination.
    pub delivered: u64,
    /// Still on disk.
    pub held: u64,
    /// Lost, by reason: `spill_full`, `spill_corrupt`, and what the destination says: `rejected`, `permanent_error`,
    /// `panic`, `retries_exhausted`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes of a frame that was being written when the last run ended; they were cut off.
    pub torn_bytes: u64,
    /// Attempts that failed and were repeated.
    pub retries: u64,
    /// Times that the disk failed to write.
    pub disk_failures: u64,
    /// Why the destination or the disk last failed; empty again after a success.
    pub last_error: Option<String>,
}

impl SpillStats {
    /// The account now.
    pub fn counts(&self) -> SpillCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn with<T>(&self, f: impl FnOnce(&mut SpillCounts) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SpillCounts {
    pub(super) fn lose(&mut self, reason: &'static str, records: u64) {
        if records > 0 {
            *self.dropped.entry(reason).or_default() += records;
        }
    }

    /// Whether it adds up.
    pub fn adds_up(&self) -> bool {
        self.recovered + self.accepted == self.delivered + self.held + self.dropped.values().sum::<u64>()
    }
}

impl fmt::Display for SpillCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} recovered, {} accepted, {} delivered", self.recovered, self.accepted, self.delivered)?;
        write!(f, ", {} held in {} bytes", self.held, self.bytes)?;
        self.dropped.iter().try_for_each(|(reason, n)| write!(f, ", {n} lost ({reason})"))
    }
}

impl Keeper for SpillStats {
    fn kept(&self) -> Kept {
        let c = self.counts();
        Kept {
            recovered: c.recovered,
            accepted: c.accepted,
            delivered: c.delivered,
            held: c.held,
            dropped: c.dropped,
            last_error: c.last_error,
        }
    }
}
