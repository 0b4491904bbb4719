//! What waits for one channel.

use std::collections::BTreeSet;

use trace_core::model::Timestamp;

use super::cell::{CellId, Turn};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    pub(super) name: String,
    /// Cells whose time has come.
    pub(super) ready: BTreeSet<Turn>,
    /// Cells with news: waiting, ready or in flight.
    pub(super) open: BTreeSet<CellId>,
    /// The attempt that the channel has.
    pub(super) in_flight: Option<(u64, CellId)>,
    /// The channel asked for silence until then.
    pub(super) not_before: Timestamp,
    pub(super) attempts: u64,
    pub(super) delivered: u64,
    pub(super) failed: u64,
    /// The error of the last attempt, if it failed.
    pub(super) last_error: Option<String>,
}
