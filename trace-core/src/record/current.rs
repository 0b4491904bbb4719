//! The active span of a thread, and the thread's chunk.

use std::cell::RefCell;

use super::bridge;
use super::id_gen::IdGenerator;
use super::recorder::{Lease, Recorder};
use crate::model::{SpanContext, SpanId, TraceId};

/// Everything that recording keeps per thread.
pub(super) struct Local {
    /// The active spans that were entered through `span!`, [`super::Span`] or the `tracing` layer, the innermost
    /// last.
    pub(super) active: Vec<SpanContext>,
    /// Chunks by recorder, the last used first.
    pub(super) slots: Vec<Lease>,
    pub(super) ids: IdGenerator,
    /// Replaces the global recorder on this thread.
    pub(super) default: Option<Recorder>,
    suppressed: bool,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local {
        active: Vec::new(),
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

/// Whether the thread's state is in use right now: the caller is a sampler, or something it called.
pub(super) fn is_within_itself() -> bool {
    LOCAL.try_with(|l| l.try_borrow_mut().is_err()).unwrap_or(false)
}

impl Local {
    #[inline]
    pub(super) fn is_suppressed(&self) -> bool {
        self.suppressed
    }
}

/// The context of the innermost active span of this thread, whichever door it came through.
pub fn current_context() -> Option<SpanContext> {
    bridge::innermost().or_else(|| with_local(|l| l.active.last().cloned()).flatten())
}

/// Makes `context` the active one of this thread until it is restored.
pub(super) fn activate(context: SpanContext) -> Restore {
    let attached = bridge::attach(&context);
    let span_id = context.span_id;
    let at = with_local(|l| l.push(context)).unwrap_or(usize::MAX);
    Restore { at, span_id, _attached: attached }
}

impl Local {
    /// Makes `context` the active one, and says where it lies.
    fn push(&mut self, context: SpanContext) -> usize {
        self.active.push(context);
        self.active.len() - 1
    }

    /// Ends what `push` began. Usually the innermost; a `tracing` span may be left while an inner one is entered.
    #[inline]
    pub(super) fn pop(&mut self, at: usize, span_id: SpanId) {
        if at + 1 == self.active.len() && self.active[at].span_id == span_id {
            self.active.pop();
        } else if let Some(at) = self.active.iter().rposition(|c| c.span_id == span_id) {
            self.active.remove(at);
        }
    }
}

/// An entry among the active spans; [`Restore::restore`] takes it out.
pub(super) struct Restore {
    at: usize,
    span_id: SpanId,
    _attached: bridge::Attached,
}

impl Restore {
    #[inline]
    pub(super) fn restore(self) {
        with_local(|l| l.pop(self.at, self.span_id));
    }
}

/// Records nothing on this thread from now on. The pipeline does this on its own threads, so that exporting is
/// never traced into itself; an exporter that starts threads of its own should do the same on them.
pub fn suppress() {
    if with_local(|l| std::mem::replace(&mut l.suppressed, true)) == Some(false) {
        bridge::suppress_thread();
    }
}

/// Records nothing on this thread until the guard is dropped.
#[cfg(feature = "otel-sdk")]
pub(crate) fn suppress_scope() -> Suppressed {
    let before = with_local(|l| std::mem::replace(&mut l.suppressed, true)).unwrap_or(true);
    Suppressed { before, _attached: bridge::suppress() }
}

/// Restores what was before when dropped.
#[cfg(feature = "otel-sdk")]
pub(crate) struct Suppressed {
    before: bool,
    _attached: bridge::Attached,
}

#[cfg(feature = "otel-sdk")]
impl Drop for Suppressed {
    fn drop(&mut self) {
        let before = self.before;
        with_local(|l| l.suppressed = before);
    }
}

/// Fresh ids outside of any thread state.
pub(super) fn detached_ids() -> (TraceId, SpanId) {
    let mut ids = IdGenerator::seeded();
    (ids.trace_id(), ids.span_id())
}
