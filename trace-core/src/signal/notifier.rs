//! How a person is told.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::{Alert, AlertStatus, Severity};

/// What a channel is asked to say: one group of alerts.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// Stays the same over retries of the same notification.
    pub idempotency_key: String,
    /// Identifies the group over its life.
    pub group_key: String,
    /// Labels that all alerts of the group share by the grouping rule.
    pub group_labels: BTreeMap<String, String>,
    /// Firing if any alert is.
    pub status: AlertStatus,
    /// The highest severity within.
    pub severity: Severity,
    /// The alerts, firing ones first.
    pub alerts: Vec<Alert>,
}

/// A channel took a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// The channel's own id of the message, if it gives one.
    pub message_id: Option<String>,
}

/// Why a channel did not take a notification. The message never contains a webhook URL, a token or a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// May pass: try again.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// How long the channel asked to wait.
        retry_after: Option<Duration>,
    },
    /// Stays: give up.
    #[error("{message}")]
    Permanent {
        /// What happened and what to do.
        message: String,
    },
    /// The message may have been taken: the connection broke after it was sent. Try again, with the same
    /// idempotency key.
    #[error("{message}")]
    Unknown {
        /// What happened.
        message: String,
    },
}

impl NotifyError {
    /// A failure that may pass.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient { message: message.into(), retry_after: None }
    }

    /// A failure that leaves open whether the message was taken.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::Unknown { message: message.into() }
    }

    /// A failure that stays.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent { message: message.into() }
    }
}

/// A channel that tells people. Makes one attempt; the caller retries transient errors, and drops a call that
/// takes longer than its timeout.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// The channel's name in routes and records, such as `slack`.
    fn name(&self) -> &str;

    /// Says it.
    ///
    /// # Errors
    /// See [`NotifyError`].
    async fn notify(&self, notification: &Notification) -> Result<Delivered, NotifyError>;
}
