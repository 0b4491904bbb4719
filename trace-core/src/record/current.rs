//! The active span of a thread, and what recording keeps per thread beside it.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::bridge;
#[cfg(any(feature = "otel", feature = "tracing"))]
use super::draft::Draft;
use super::hot::{Active, NOWHERE, with_hot};
use super::id_gen::IdGenerator;
use super::lease::Lease;
use super::recorder::Recorder;
use crate::model::{SpanContext, SpanId, TraceId};

/// What recording keeps per thread, besides what [`super::hot`] has.
pub(super) struct Local {
    /// Active spans with a trace state, the innermost last.
    stateful: Vec<SpanContext>,
    /// Chunks by recorder, the last used first.
    pub(super) slots: Vec<Lease>,
    pub(super) ids: IdGenerator,
    /// Used drafts.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[allow(clippy::vec_box, reason = "a draft goes from owner to owner and is too large to be moved")]
    pub(super) drafts: Vec<Box<Draft>>,
    /// Replaces the global recorder on this thread.
    default: Option<Recorder>,
    suppressed: bool,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::new(Local {
        stateful: Vec::new(),
        slots: Vec::new(),
        ids: IdGenerator::seeded(),
        #[cfg(any(feature = "otel", feature = "tracing"))]
        drafts: Vec::new(),
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

    /// The thread's own default recorder.
    #[inline]
    pub(super) fn default(&self) -> &Option<Recorder> {
        &self.default
    }

    /// Replaces it.
    pub(super) fn set_default(&mut self, recorder: Option<Recorder>) -> Option<Recorder> {
        with_hot(|h| h.default = 0);
        std::mem::replace(&mut self.default, recorder)
    }

    /// The context of the innermost active span.
    fn active(&self) -> Option<SpanContext> {
        let active = with_hot(|h| h.innermost())?;
        let whole = |c: &&SpanContext| c.span_id.to_u64() == active.span;
        if active.has_state() { self.stateful.iter().rfind(whole).cloned() } else { active.context() }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        with_hot(|h| h.tear_down());
    }
}

/// The context of the innermost active span of this thread, whichever door it came through.
pub fn current_context() -> Option<SpanContext> {
    bridge::innermost().or_else(active)
}

fn active() -> Option<SpanContext> {
    let active = with_hot(|h| h.innermost())?;
    if active.has_state() { with_local(|l| l.active()).flatten() } else { active.context() }
}

/// Makes `context` the active one of this thread until it is restored.
pub(super) fn activate(context: SpanContext) -> Restore {
    let attached = bridge::attach(&context);
    let mut restore = activate_here(context);
    restore.attach(attached);
    restore
}

/// The same for a context that stays where it is. Where a span was active on this thread before, a place is ready, and
/// nothing else of the thread's state is touched.
#[inline]
pub(super) fn activate_ref(context: &SpanContext) -> Restore {
    let enter = || {
        with_hot(|h| {
            let (at, free) = h.next_place()?;
            *free = Active::of(context);
            h.enter_next();
            Some(at)
        })
        .flatten()
    };
    let is_plain = context.trace_state.is_empty() && !bridge::in_use();
    match is_plain.then(enter).flatten() {
        Some(at) => Restore {
            at,
            span: context.span_id.to_u64(),
            has_state: false,
            _attached: bridge::Attached::none(),
        },
        None => activate(context.clone()),
    }
}

/// The same as [`activate`], but not in the context of the `opentelemetry` API; see [`Restore::attach`].
#[inline]
pub(super) fn activate_here(context: SpanContext) -> Restore {
    let (active, has_state) = (Active::of(&context), !context.trace_state.is_empty());
    // Before it is entered: the thread's state has to be there, and to go after this.
    let lives = with_local(|l| {
        if has_state {
            l.stateful.push(context);
        }
    });
    let at = lives.and_then(|()| with_hot(|h| h.enter(active))).unwrap_or(NOWHERE);
    Restore { at, span: active.span, has_state, _attached: bridge::Attached::none() }
}

/// An entry among the active spans; [`Restore::restore`] takes it out.
pub(super) struct Restore {
    at: usize,
    span: u64,
    has_state: bool,
    _attached: bridge::Attached,
}

impl Restore {
    /// Restores the API's context alone.
    #[cfg(feature = "otel")]
    pub(super) fn of_api(attached: bridge::Attached) -> Self {
        Self { at: NOWHERE, span: 0, has_state: false, _attached: attached }
    }

    /// A local span without a trace state, which was entered at this place.
    #[cfg(feature = "tracing")]
    #[inline]
    pub(super) fn of_plain(at: usize, span: u64) -> Self {
        Self { at, span, has_state: false, _attached: bridge::Attached::none() }
    }

    /// Takes over what was attached to the API's context.
    #[inline]
    pub(super) fn attach(&mut self, attached: bridge::Attached) {
        self._attached = attached;
    }

    #[inline]
    pub(super) fn restore(self) {
        with_hot(|h| h.leave(self.at, self.span));
        if self.has_state {
            with_local(|l| {
                if let Some(at) = l.stateful.iter().rposition(|c| c.span_id.to_u64() == self.span) {
                    l.stateful.remove(at);
                }
            });
        }
    }
}

/// Records nothing on this thread from now on. The pipeline does this on its own threads, so that exporting is
/// never traced into itself; an exporter that starts threads of its own should do the same on them.
pub fn suppress() {
    if set_suppressed(true) == Some(false) {
        bridge::suppress_thread();
    }
}

/// Whether nothing is to be recorded on this thread now.
#[inline]
pub(crate) fn is_suppressed() -> bool {
    with_local(|l| l.suppressed).unwrap_or(false) || bridge::is_suppressed()
}

/// Says what was before.
fn set_suppressed(suppressed: bool) -> Option<bool> {
    with_local(|l| {
        // With no ring in reach the fast way is shut.
        Lease::unload(&mut l.slots);
        std::mem::replace(&mut l.suppressed, suppressed)
    })
}

/// Records nothing on this thread until the guard is dropped: for an exporter that runs on a borrowed thread.
pub fn suppress_scope() -> SuppressGuard {
    let before = set_suppressed(true).unwrap_or(true);
    SuppressGuard { before, _attached: bridge::suppress(), not_send: PhantomData }
}

/// Lets the thread record again, if it did before, when dropped.
#[must_use = "recording is off until the guard is dropped"]
pub struct SuppressGuard {
    before: bool,
    _attached: bridge::Attached,
    not_send: PhantomData<*const ()>,
}

impl std::fmt::Debug for SuppressGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SuppressGuard").field("before", &self.before).finish_non_exhaustive()
    }
}

impl Drop for SuppressGuard {
    fn drop(&mut self) {
        set_suppressed(self.before);
    }
}

/// Fresh ids outside of any thread state.
pub(super) fn detached_ids() -> (TraceId, SpanId) {
    let mut ids = IdGenerator::seeded();
    (ids.trace_id(), ids.span_id())
}
