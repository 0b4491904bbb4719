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
#[inline]
pub fn start(recorder: Option<&Recorder>, callsite: &'static Callsite, fields: Fields<'_>) -> Span {
    let outer = bridge::innermost();
    let span = with_local(|l| {
        let parent = outer.or_else(|| l.active.last().cloned());
        with_recorder(recorder, l, |r, l| begin(r, l, callsite, parent.as_ref(), fields))
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
    let guard = with_local(|l| {
        let parent = l.active.last().cloned();
        let span = with_recorder(recorder, l, |r, l| begin(r, l, callsite, parent.as_ref(), fields));
        let restore = span.context().cloned().map(|c| {
            let span_id = c.span_id;
            Restore::of(l.push(c), span_id)
        });
        SpanGuard { span, restore, not_send: PhantomData }
    });
    guard.unwrap_or(SpanGuard { span: Span::none(), restore: None, not_send: PhantomData })
}

type Fields<'a> = &'a [(&'static str, ValueRef<'a>)];

#[inline]
fn with_recorder(
    recorder: Option<&Recorder>,
    l: &mut Local,
    f: impl FnOnce(&Recorder, &mut Local) -> Span,
) -> Span {
    match recorder {
        Some(r) => f(r, l),
        None => with_default(l, f).unwrap_or(Span::none()),
    }
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
