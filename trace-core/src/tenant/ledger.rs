//! What became of a tenant's telemetry.

use serde::Serialize;

/// The account of one tenant at one moment: `received = accepted + dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantLedger {
    /// The tenant; `other` for all that came after the table was full.
    pub tenant: String,
    /// Spans that came.
    pub received: u64,
    /// Of these, within the quota.
    pub accepted: u64,
    /// Of these, over the quota.
    pub dropped: u64,
    /// Spans that a destination's queue had no room for, summed over the destinations.
    pub queue_lost: u64,
    /// Metric series in use.
    pub series: u64,
    /// Points of further series, which were dropped.
    pub points_dropped: u64,
    /// Firing alerts over the quota, which were refused.
    pub alerts_refused: u64,
}

impl TenantLedger {
    /// Whether the account adds up.
    pub fn adds_up(&self) -> bool {
        self.received == self.accepted + self.dropped
    }
}
