//! How the monitoring system itself is doing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Timestamp;

/// Ordered: `Healthy < Degraded < Unhealthy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthLevel {
    /// Everything works.
    #[default]
    Healthy,
    /// Works, with losses or delays.
    Degraded,
    /// Does not do its job.
    Unhealthy,
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Fine.
    Pass,
    /// Look at it.
    Warn,
    /// Broken.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// The result.
    pub status: CheckStatus,
    /// What was seen.
    pub message: String,
}

/// The state of one part of the system.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentHealth {
    /// The worst of its checks.
    pub status: HealthLevel,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Records lost so far.
    pub dropped: u64,
    /// The last error, if there was one.
    pub last_error: Option<String>,
}

impl ComponentHealth {
    /// The state that these checks amount to: a failure makes it unhealthy, a warning degraded.
    pub fn from_checks(checks: Vec<Check>, dropped: u64, last_error: Option<String>) -> Self {
        let status = checks.iter().fold(HealthLevel::Healthy, |worst, c| {
            worst.max(match c.status {
                CheckStatus::Pass => HealthLevel::Healthy,
                CheckStatus::Warn => HealthLevel::Degraded,
                CheckStatus::Fail => HealthLevel::Unhealthy,
            })
        });
        Self { status, checks, dropped, last_error }
    }
}

/// The state of the whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthStatus {
    /// The worst component; a component that is not required can only degrade.
    pub overall: HealthLevel,
    /// 100 when every component is healthy; a degraded one counts half, an unhealthy one nothing.
    pub score: u8,
    /// When it was looked at.
    pub checked_at: Timestamp,
    /// The parts by name.
    pub components: BTreeMap<String, ComponentHealth>,
}
