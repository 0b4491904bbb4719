//! Counts of alerts and notifications.

use serde::Serialize;
use trace_core::model::{AlertStatus, Timestamp};

/// A notification that was given up.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// When.
    pub at: Timestamp,
    /// For whom it was.
    pub channel: String,
    /// Its group.
    pub group_key: String,
    /// Whether it said that something is wrong or that it is over.
    pub status: AlertStatus,
    /// How many alerts it spoke of.
    pub alerts: usize,
    /// The message of the first of them.
    pub message: String,
    /// Attempts made.
    pub attempts: u32,
    /// Why it was given up.
    pub error: String,
}

/// What became of the notifications for one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelStats {
    /// The channel.
    pub name: String,
    /// Attempts made.
    pub attempts: u64,
    /// Notifications taken.
    pub delivered: u64,
    /// Notifications given up.
    pub failed: u64,
    /// Notifications waiting or on their way.
    pub pending: u64,
    /// The error of the last attempt, if it failed.
    pub last_error: Option<String>,
}

/// Counts since the start.
///
/// Alerts: `accepted = queued + looked at`; of those looked at, `suppressed` told nobody anything. Notifications:
/// `opened = delivered + failed + withdrawn + pending`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStats {
    /// Alerts taken.
    pub accepted: u64,
    /// Alerts refused: queue full, invalid, or closed.
    pub rejected: u64,
    /// Alerts taken and not yet looked at.
    pub queued: u64,
    /// Alerts that were duplicates, unknown resolves, or that no route sends to a channel.
    pub suppressed: u64,
    /// Alerts that found the table of firing alerts full of undelivered ones.
    pub overflowed: u64,
    /// Firing alerts forgotten to make room.
    pub evicted: u64,
    /// Alerts that are firing, or whose end not everybody was told of.
    pub live: u64,
    /// Notifications begun, one for each group, channel and piece of news.
    pub opened: u64,
    /// Notifications taken by a channel.
    pub delivered: u64,
    /// Notifications given up: the dead letters.
    pub failed: u64,
    /// Notifications that were not needed any more: it was over before the channel was told.
    pub withdrawn: u64,
    /// Notifications waiting or on their way.
    pub pending: u64,
    /// The same by channel.
    pub channels: Vec<ChannelStats>,
}

/// What became of everything, at the end.
pub type AlertReport = AlertStats;

impl AlertStats {
    /// Notifications and alerts of which somebody was not told.
    pub const fn lost(&self) -> u64 {
        self.failed + self.pending + self.queued + self.overflowed
    }
}
