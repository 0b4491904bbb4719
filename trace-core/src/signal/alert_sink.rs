//! Where alerts are handed in.

use crate::model::{Alert, AlertId, TenantId};

/// Why an alert was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// The queue is full; the caller may try later.
    #[error("alert queue is full ({capacity} alerts waiting): try again later or raise the capacity")]
    QueueFull {
        /// The queue's size.
        capacity: usize,
    },
    /// The alert itself is unusable.
    #[error("alert is invalid: {0}")]
    Invalid(String),
    /// The tenant has raised more alerts than its quota allows.
    #[error("tenant {tenant} is over its quota of alerts: try again later or raise the quota")]
    OverQuota {
        /// The tenant.
        tenant: TenantId,
    },
    /// Alerting is off or shut down.
    #[error("alerting is not running")]
    Closed,
}

/// Takes alerts: bounded, never waits. An accepted alert is deduplicated, grouped, routed and delivered by the
/// implementation, which keeps a queryable record of what became of it.
pub trait AlertSink: Send + Sync {
    /// Hands an alert in. A resolved alert ends the firing one with the same fingerprint.
    ///
    /// # Errors
    /// If it was not taken.
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected>;
}

impl<T: AlertSink + ?Sized> AlertSink for std::sync::Arc<T> {
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected> {
        (**self).raise(alert)
    }
}
