//! The clock that stores, windows and services are given.

use std::sync::Arc;

use crate::model::Timestamp;

/// Tells the time. Tests give one that is moved by hand.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The clock of the operating system.
pub fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}
