//! Without the `otel` feature the active baggage lies in a thread-local of ours.

use std::cell::RefCell;
use std::sync::Arc;

use super::Baggage;

thread_local! {
    static ACTIVE: RefCell<Option<Arc<Baggage>>> = const { RefCell::new(None) };
}

/// Puts back the one before when dropped.
pub(super) struct Entered(Option<Arc<Baggage>>);

/// `None` also while the thread is being torn down.
pub(super) fn current() -> Option<Arc<Baggage>> {
    ACTIVE.try_with(|active| active.borrow().clone()).ok().flatten()
}

pub(super) fn enter(baggage: Arc<Baggage>) -> Entered {
    Entered(ACTIVE.try_with(|active| active.replace(Some(baggage))).ok().flatten())
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Of a thread that is being torn down there is nothing to put back.
        let _ = ACTIVE.try_with(|active| active.replace(self.0.take()));
    }
}
