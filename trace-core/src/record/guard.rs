//! A span that is active on the thread that entered it.

use std::marker::PhantomData;
use std::ops::Deref;

use super::current::{Restore, activate, current_context, with_local};
use super::recorder::{Recorder, or_default};
use super::span::{Name, Span, Start};
use super::{Callsite, bridge};
use crate::batch::ScopeRef;
use crate::model::{SpanContext, ValueRef};

/// A span that is the active one of its thread until the guard is dropped, which also ends it.
///
/// Guards are dropped in the reverse order of their creation, as scopes do. It cannot be held across `.await`
/// in a task that moves between threads, for it is not `Send`; see [`super::InSpan`] for async code.
pub struct SpanGuard {
    span: Span,
    restore: Option<Restore>,
    not_send: PhantomData<*const ()>,
}

impl SpanGuard {
    pub(super) fn new(span: Span) -> Self {
        let restore = span.context().cloned().map(activate);
        Self { span, restore, not_send: PhantomData }
    }

    /// Ends the span now.
    pub fn end(self) {
        drop(self);
    }
}

impl Deref for SpanGuard {
    type Target = Span;
    fn deref(&self) -> &Span {
        &self.span
    }
}

impl Drop for SpanGuard {
    #[inline]
    fn drop(&mut self) {
        if let Some(r) = self.restore.take() {
            r.restore();
        }
    }
}

impl std::fmt::Debug for SpanGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SpanGuard").field(&self.span).finish()
    }
}

impl Span {
    /// Makes the span the active one of this thread until the guard is dropped, which also ends it.
    pub fn enter(self) -> SpanGuard {
        SpanGuard::new(self)
    }

    /// Runs `f` with this span as the active one; the span goes on afterwards.
    pub fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let _scope = ActiveScope(self.context().cloned().map(activate));
        f()
    }
}

/// Restores on drop, also when `f` panics.
pub(super) struct ActiveScope(pub(super) Option<Restore>);

impl Drop for ActiveScope {
    fn drop(&mut self) {
        if let Some(r) = self.0.take() {
            r.restore();
        }
    }
}

/// Starts a span under the thread's active one, without entering it: what
/// [`async_span!`](crate::async_span) expands to.
#[doc(hidden)]
pub fn start(recorder: Option<&Recorder>, callsite: &'static Callsite, values: &[ValueRef<'_>]) -> Span {
    let parent = current_context();
    start_in_chunk(recorder, callsite, parent.as_ref(), values)
}

/// Starts a span and enters it: what [`span!`](crate::span) expands to.
#[doc(hidden)]
#[inline]
pub fn enter(recorder: Option<&Recorder>, callsite: &'static Callsite, values: &[ValueRef<'_>]) -> SpanGuard {
    if bridge::in_use() {
        // The `opentelemetry` context has to be kept in step, which costs more than the ring saves.
        return start(recorder, callsite, values).enter();
    }
    let guard = with_local(|l| {
        if l.is_suppressed() {
            return None;
        }
        // Taken out, so that the recorder can be used together with the rest; a pointer goes there and back.
        let own = l.default.take();
        let span = match or_default(recorder, &own) {
            Some(r) => Span::start_in_ring(r, l, callsite, values),
            None => Some(Span::none()),
        };
        l.default = own;
        let span = span?;
        let restore = span.context().map(|c| Restore::of(l.active.len() - 1, c.span_id));
        Some(SpanGuard { span, restore, not_send: PhantomData })
    });
    match guard {
        Some(Some(guard)) => guard,
        _ => start(recorder, callsite, values).enter(),
    }
}

fn start_in_chunk(
    recorder: Option<&Recorder>,
    callsite: &'static Callsite,
    parent: Option<&SpanContext>,
    values: &[ValueRef<'_>],
) -> Span {
    let fields: Vec<_> = callsite.keys.iter().copied().zip(values.iter().copied()).collect();
    let scope = ScopeRef::Static(callsite.scope);
    let start = Start {
        name: Name::Static(callsite.name),
        kind: callsite.kind,
        scope: &scope,
        parent,
        fields: &fields,
        start: None,
    };
    let recorder =
        recorder.cloned().or_else(|| with_local(|l| or_default(None, &l.default).cloned()).flatten());
    let Some(recorder) = recorder else { return Span::none() };
    with_local(|l| Span::start(&recorder, Some(l), &start))
        .unwrap_or_else(|| Span::start(&recorder, None, &start))
}
