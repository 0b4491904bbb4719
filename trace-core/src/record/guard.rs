//! A span that is active on the thread that entered it.

use std::marker::PhantomData;
use std::ops::Deref;

use super::current::{Restore, activate, current_context, with_local};
use super::id_gen::IdGenerator;
use super::recorder::{Lease, Recorder, or_default};
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
        return enter_attached(recorder, callsite, values);
    }
    let guard = with_local(|l| {
        if l.is_suppressed() {
            return None;
        }
        let parent = l.active.last();
        let span = start_in_ring(recorder, &l.default, &mut l.ids, &mut l.slots, callsite, parent, values)?;
        let restore = span.context().map(|c| {
            l.active.push(c.clone());
            Restore::of(l.active.len() - 1, c.span_id)
        });
        Some(SpanGuard { span, restore, not_send: PhantomData })
    });
    match guard {
        Some(Some(guard)) => guard,
        _ => start(recorder, callsite, values).enter(),
    }
}

/// The same where the `opentelemetry` context has to be kept in step.
#[cold]
fn enter_attached(
    recorder: Option<&Recorder>,
    callsite: &'static Callsite,
    values: &[ValueRef<'_>],
) -> SpanGuard {
    let parent = current_context();
    let span = with_local(|l| {
        if l.is_suppressed() {
            return None;
        }
        start_in_ring(recorder, &l.default, &mut l.ids, &mut l.slots, callsite, parent.as_ref(), values)
    });
    match span {
        Some(Some(span)) => span.enter(),
        _ => start_in_chunk(recorder, callsite, parent.as_ref(), values).enter(),
    }
}

#[inline]
fn start_in_ring(
    recorder: Option<&Recorder>,
    own: &Option<Recorder>,
    ids: &mut IdGenerator,
    slots: &mut Vec<Lease>,
    callsite: &'static Callsite,
    parent: Option<&SpanContext>,
    values: &[ValueRef<'_>],
) -> Option<Span> {
    match or_default(recorder, own) {
        Some(r) => Span::start_in_ring(r, ids, slots, callsite, parent, values),
        None => Some(Span::none()),
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
