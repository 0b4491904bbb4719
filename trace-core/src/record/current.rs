//! The active span of a thread, and the thread's chunk.

use std::cell::RefCell;

use super::bridge;
use super::id_gen::IdGenerator;
use super::recorder::{Lease, Recorder};
use crate::model::{SpanContext, SpanId, TraceId};

/// Everything that recording keeps per thread.
pub(super) struct Local {
    /// The innermost active span that was entered through `span!`, [`super::Span`] or the `tracing` layer.
    pub(super) current: Option<SpanContext>,
    /// Chunks by recorder, the last used first.
    pub(super) slots: Vec<Lease>,
    pub(super) ids: IdGenerator,
    /// Replaces the global recorder on this thread.
    pub(super) default: Option<Recorder>,
    suppressed: bool,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local {
        current: None,
        slots: Vec::new(),
        ids: IdGenerator::seeded(),
        default: None,
        suppressed: false,
    });
}

/// Runs with the thread's state; `None` while the thread is being torn down, or within itself.
#[inline]
pub(super) fn with_local<R>(f: impl FnOnce(&mut Local) -> R) -> Option<R> {
    LOCAL.try_with(|l| l.try_borrow_mut().ok().map(|mut l| f(&mut l))).ok().flatten()
}

impl Local {
    #[inline]
    pub(super) fn is_suppressed(&self) -> bool {
        self.suppressed
    }
}

/// The context of the innermost active span of this thread, whichever door it came through.
pub fn current_context() -> Option<SpanContext> {
    bridge::innermost().or_else(|| with_local(|l| l.current.clone()).flatten())
}

/// Makes `context` the active one of this thread, and returns what to restore.
pub(super) fn activate(context: Option<SpanContext>) -> Restore {
    let attached = bridge::attach(context.as_ref());
    let previous = with_local(|l| std::mem::replace(&mut l.current, context)).flatten();
    Restore { previous, _attached: attached }
}

/// What was active before; [`Restore::restore`] makes it so again.
pub(super) struct Restore {
    previous: Option<SpanContext>,
    _attached: bridge::Attached,
}

impl Restore {
    /// For a span that was made active without [`activate`].
    #[inline]
    pub(super) fn to(previous: Option<SpanContext>) -> Self {
        Self { previous, _attached: bridge::Attached::none() }
    }

    #[inline]
    pub(super) fn restore(self) {
        let previous = self.previous;
        with_local(|l| l.current = previous);
    }

    /// The context that was active before.
    #[cfg(feature = "tracing")]
    pub(super) fn previous_mut(&mut self) -> &mut Option<SpanContext> {
        &mut self.previous
    }
}

/// Records nothing on this thread from now on. The pipeline does this on its own threads, so that exporting is
/// never traced into itself; an exporter that starts threads of its own should do the same on them.
pub fn suppress() {
    with_local(|l| l.suppressed = true);
}

/// Fresh ids outside of any thread state.
pub(super) fn detached_ids() -> (TraceId, SpanId) {
    let mut ids = IdGenerator::seeded();
    (ids.trace_id(), ids.span_id())
}
