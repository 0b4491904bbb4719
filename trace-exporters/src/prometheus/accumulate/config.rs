//! How much is remembered of sources that report deltas.

use std::time::Duration;

use serde::Deserialize;

/// How deltas are added up. Unknown keys are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DeltaConfig {
    /// Series whose totals are kept; points of further ones are left out and counted. Default 100 000.
    #[serde(alias = "maxSeries")]
    pub max_series: usize,
    /// Milliseconds without a delta after which a series is forgotten; 0 means never. If it comes back, it begins anew
    /// at zero with a new start. Default 300 000, which is when Prometheus forgets, too.
    #[serde(alias = "staleAfterMs")]
    pub stale_after_ms: u64,
}

impl Default for DeltaConfig {
    fn default() -> Self {
        Self { max_series: 100_000, stale_after_ms: 300_000 }
    }
}

impl DeltaConfig {
    pub(super) fn stale_after(self) -> Option<Duration> {
        (self.stale_after_ms > 0).then(|| Duration::from_millis(self.stale_after_ms))
    }
}
