//! Entered `tracing` spans of a thread, which may be left in any order.

use std::cell::RefCell;

use crate::model::SpanContext;
use crate::record::current::{Restore, activate};

thread_local! {
    static ENTERED: RefCell<Entered> = const { RefCell::new(Entered(Vec::new())) };
}

struct Entered(Vec<(u64, Restore)>);

impl Drop for Entered {
    /// A thread that ends inside a span has nothing left to restore, and what would be restored may be gone.
    fn drop(&mut self) {
        self.0.drain(..).for_each(std::mem::forget);
    }
}

pub(super) fn enter(id: u64, context: SpanContext) {
    let restore = activate(context);
    let _ = ENTERED.try_with(|e| {
        if let Ok(mut e) = e.try_borrow_mut() {
            e.0.push((id, restore));
        }
    });
}

pub(super) fn exit(id: u64) {
    let left = ENTERED.try_with(|e| {
        let mut e = e.try_borrow_mut().ok()?;
        let at = e.0.iter().rposition(|(i, _)| *i == id)?;
        Some(e.0.remove(at).1)
    });
    // Restored outside of the borrow: detaching may run foreign code.
    if let Ok(Some(restore)) = left {
        restore.restore();
    }
}
