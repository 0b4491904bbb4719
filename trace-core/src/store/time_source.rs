//! What stores, windows and services take the time from.

use std::sync::Arc;

use crate::model::Timestamp;

/// Tells the time. Tests give one that is moved by hand.
pub type TimeSource = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of the operating system.
pub fn system_time() -> TimeSource {
    Arc::new(Timestamp::now)
}
