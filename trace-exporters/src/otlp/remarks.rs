//! What a receiver says beside a success.

use std::sync::{Mutex, PoisonError};

/// What a receiver remarked while it took everything: receivers announce limits and deprecated fields so. Also successes
/// that cannot be read. Outlives the exporter.
#[derive(Debug, Default)]
pub struct Remarks(Mutex<(u64, Option<String>)>);

impl Remarks {
    /// How many there were, and the last one.
    pub fn read(&self) -> (u64, Option<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add(&self, text: String) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = (kept.0 + 1, Some(text));
    }
}
