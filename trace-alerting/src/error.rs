//! What can go wrong outside of a delivery.

use crate::AlertReport;

/// A setting can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ConfigError {
    /// Where the setting stands, such as `alerting.notifications.email.toAddresses`.
    pub path: String,
    /// What is wrong with it and what to do. Never contains a secret.
    pub problem: String,
}

impl ConfigError {
    /// Names a setting and what is wrong with it.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// Alerting ended, and someone was not told of something.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error(
    "alerting ended with {} notifications given up, {} not delivered and {} alerts not looked at",
    .report.failed, .report.pending, .report.queued
)]
pub struct ShutdownError {
    /// The whole count.
    pub report: AlertReport,
}
