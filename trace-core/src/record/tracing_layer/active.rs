//! Entered `tracing` spans of a thread, which may be left in any order.

use std::cell::RefCell;

use crate::model::SpanContext;
use crate::record::bridge;
use crate::record::current::{Restore, activate, activate_here};
use crate::record::draft::Draft;
use crate::record::hot::{Active, with_hot};

thread_local! {
    static ENTERED: RefCell<Entered> = const { RefCell::new(Entered(Vec::new())) };
}

struct Entered(Vec<One>);

struct One {
    layer: u64,
    id: u64,
    recorded: bool,
    restore: Restore,
}

impl Drop for Entered {
    /// A thread that ends inside a span has nothing left to restore, and what would be restored may be gone.
    #[cfg_attr(
        not(feature = "otel"),
        expect(clippy::forget_non_drop, reason = "without the API nothing is attached")
    )]
    fn drop(&mut self) {
        self.0.drain(..).for_each(|one| std::mem::forget(one.restore));
    }
}

/// Makes the span of a layer the active one. It runs while the span is locked; what may run foreign code is returned.
#[inline]
pub(super) fn enter(layer: u64, id: u64, draft: &Draft) -> Option<Deferred> {
    let restore = activate_here(draft.context());
    let recorded = draft.held.recorded;
    push(One { layer, id, recorded, restore });
    bridge::in_use().then(|| Deferred { layer, id, context: draft.context() })
}

/// The same for a span without a trace state that is recorded. Nothing is locked.
#[inline]
pub(super) fn enter_plain(layer: u64, id: u64, own: Active) {
    // With a ring, the thread's state is there, and goes after this.
    if !bridge::in_use()
        && let Some(Some(at)) = with_hot(|h| h.lent.is_some().then(|| h.enter_words(own)))
    {
        return push(One { layer, id, recorded: true, restore: Restore::of_plain(at, own.span) });
    }
    if let Some(context) = own.context() {
        push(One { layer, id, recorded: true, restore: activate(context) });
    }
}

#[inline(always)]
fn push(one: One) {
    let _ = ENTERED.try_with(|e| {
        if let Ok(mut e) = e.try_borrow_mut() {
            e.0.push(one);
        }
    });
}

/// A span that has to be attached to the `opentelemetry` context too.
pub(super) struct Deferred {
    layer: u64,
    id: u64,
    context: SpanContext,
}

impl Deferred {
    pub(super) fn attach(self) {
        let attached = bridge::attach(&self.context);
        let _ = ENTERED.try_with(|e| {
            let mut e = e.try_borrow_mut().ok()?;
            let one = e.0.iter_mut().rev().find(|one| one.id == self.id && one.layer == self.layer)?;
            one.restore.attach(attached);
            Some(())
        });
    }
}

/// Ends what [`enter`] began. Whether the span is recorded; `false` if it was not entered here.
#[inline]
pub(super) fn exit(layer: u64, id: u64) -> bool {
    let left = ENTERED.try_with(|e| {
        let mut e = e.try_borrow_mut().ok()?;
        if e.0.last().is_some_and(|one| one.id == id && one.layer == layer) {
            return e.0.pop();
        }
        let at = e.0.iter().rposition(|one| one.id == id && one.layer == layer)?;
        Some(e.0.remove(at))
    });
    match left {
        Ok(Some(one)) => {
            // Outside of the borrow: detaching may run foreign code.
            one.restore.restore();
            one.recorded
        }
        _ => false,
    }
}

/// The innermost entered span of a layer, if it is recorded.
pub(super) fn innermost(layer: u64) -> Option<u64> {
    ENTERED
        .try_with(|e| {
            let e = e.try_borrow().ok()?;
            let one = e.0.iter().rev().find(|one| one.layer == layer)?;
            one.recorded.then_some(one.id)
        })
        .ok()
        .flatten()
}
