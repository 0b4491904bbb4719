//! The latest measurement made inside a sampled span, for each bucket or series.

use std::sync::{Mutex, PoisonError};

use crate::model::{Exemplar, SpanId, TraceId};

/// Tells the current trace and span, if that span is sampled. Called for every measurement: it must be quick.
pub type ExemplarSource = fn() -> Option<(TraceId, SpanId)>;

/// One place for each bucket; empty until the first exemplar comes.
#[derive(Default)]
pub(super) struct ExemplarSlots(Mutex<Vec<Option<Exemplar>>>);

impl ExemplarSlots {
    /// Puts an exemplar in its place. Gives up if another thread is just doing the same: any recent one will do.
    pub(super) fn offer(&self, slot: usize, make: impl FnOnce() -> Exemplar) {
        let Ok(mut slots) = self.0.try_lock() else { return };
        if slots.len() <= slot {
            slots.resize(slot + 1, None);
        }
        slots[slot] = Some(make());
    }

    /// Those that are there, in the order of the buckets.
    pub(super) fn snapshot(&self) -> Vec<Exemplar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect()
    }
}
