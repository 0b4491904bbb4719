//! A span that is active on the thread that entered it.

use std::marker::PhantomData;
use std::ops::Deref;

use super::current::{Local, Restore, activate, with_local};
use super::recorder::{Recorder, with_default};
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
        let restore = span.context().cloned().map(|c| activate(Some(c)));
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
        let _scope = ActiveScope(self.context().cloned().map(|c| activate(Some(c))));
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
#[inline]
pub fn start(recorder: Option<&Recorder>, callsite: &'static Callsite, fields: Fields<'_>) -> Span {
    let outer = bridge::innermost();
    let span = in_recorder(recorder, |r, l| {
        let parent = outer.or_else(|| l.current.clone());
        begin(r, l, callsite, parent.as_ref(), fields)
    });
    span.unwrap_or(Span::none())
}

/// Starts a span and enters it: what [`span!`](crate::span) expands to.
#[doc(hidden)]
#[inline]
pub fn enter(recorder: Option<&Recorder>, callsite: &'static Callsite, fields: Fields<'_>) -> SpanGuard {
    if bridge::in_use() {
        return start(recorder, callsite, fields).enter();
    }
    let guard = in_recorder(recorder, |r, l| {
        let previous = l.current.take();
        let span = begin(r, l, callsite, previous.as_ref(), fields);
        let Some(context) = span.context() else {
            l.current = previous;
            return SpanGuard { span, restore: None, not_send: PhantomData };
        };
        l.current = Some(context.clone());
        SpanGuard { span, restore: Some(Restore::to(previous)), not_send: PhantomData }
    });
    guard.unwrap_or(SpanGuard { span: Span::none(), restore: None, not_send: PhantomData })
}

type Fields<'a> = &'a [(&'static str, ValueRef<'a>)];

#[inline]
fn in_recorder<R>(recorder: Option<&Recorder>, f: impl FnOnce(&Recorder, &mut Local) -> R) -> Option<R> {
    with_local(|l| match recorder {
        Some(r) => Some(f(r, l)),
        None => with_default(l, f),
    })
    .flatten()
}

#[inline]
fn begin(
    recorder: &Recorder,
    local: &mut Local,
    callsite: &'static Callsite,
    parent: Option<&SpanContext>,
    fields: Fields<'_>,
) -> Span {
    let scope = ScopeRef::Static(callsite.scope);
    let start = Start {
        name: Name::Static(callsite.name),
        kind: callsite.kind,
        scope: &scope,
        parent,
        fields,
        start: None,
    };
    Span::start(recorder, Some(local), &start)
}
