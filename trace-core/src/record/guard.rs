//! A span that is active on the thread that entered it.

use std::cell::OnceCell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::RefUnwindSafe;

use super::current::{Restore, activate, activate_ref, current_context, with_local};
use super::quiet;
use super::recorder::{Recorder, or_default};
use super::ring::MAX_VALUES;
use super::ring_span::{Elsewhere, RingSpan};
use super::ring_writer::Writer;
use super::span::Span;
use super::start::{Identity, Name, Start};
use super::{Callsite, bridge};
use crate::batch::ScopeRef;
use crate::model::{SpanContext, TenantTag, ValueRef};

/// A span that is the active one of its thread until the guard is dropped, which also ends it.
///
/// Guards are dropped in the reverse order of their creation, as scopes do. It cannot be held across `.await`
/// in a task that moves between threads, for it is not `Send`; see [`super::InSpan`] for async code.
pub struct SpanGuard {
    /// The span as [`span!`](crate::span) leaves it, until `span` is set.
    fast: Option<RingSpan>,
    /// Set from the beginning, or when it is first asked for. Neither this nor `restore` is dropped where nothing is in
    /// it, which is nearly always: the code for that would cost what it never does.
    span: ManuallyDrop<OnceCell<Span>>,
    restore: ManuallyDrop<Option<Restore>>,
    not_send: PhantomData<*const ()>,
}

// What a panic may interrupt is the making of a `Span` from scalars, which leaves the cell empty.
impl RefUnwindSafe for SpanGuard {}

impl SpanGuard {
    pub(super) fn new(span: Span) -> Self {
        let restore = ManuallyDrop::new(span.inherited().map(activate));
        Self { fast: None, span: ManuallyDrop::new(OnceCell::from(span)), restore, not_send: PhantomData }
    }

    #[inline(always)]
    fn of_ring(fast: RingSpan) -> Self {
        Self {
            fast: Some(fast),
            span: ManuallyDrop::new(OnceCell::new()),
            restore: ManuallyDrop::new(None),
            not_send: PhantomData,
        }
    }

    /// Ends the span now.
    pub fn end(self) {
        drop(self);
    }

    #[cold]
    #[inline(never)]
    fn finish(&mut self) {
        if let Some(fast) = self.fast.take() {
            self.span.get_or_init(|| fast.to_span());
            fast.leave();
        }
        if let Some(r) = self.restore.take() {
            r.restore();
        }
        // Which ends it.
        drop(self.span.take());
    }
}

impl Deref for SpanGuard {
    type Target = Span;
    fn deref(&self) -> &Span {
        self.span.get_or_init(|| self.fast.as_ref().map_or_else(Span::none, RingSpan::to_span))
    }
}

impl Drop for SpanGuard {
    #[inline]
    fn drop(&mut self) {
        match &self.fast {
            Some(fast) if self.span.get().is_none() && !std::thread::panicking() && fast.end() => {}
            _ => self.finish(),
        }
    }
}

impl std::fmt::Debug for SpanGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SpanGuard").field(&**self).finish()
    }
}

impl Span {
    /// Makes the span the active one of this thread until the guard is dropped, which also ends it.
    pub fn enter(self) -> SpanGuard {
        SpanGuard::new(self)
    }

    /// Makes it the active one.
    fn activated(&self) -> Option<Restore> {
        if self.named_later().is_none() {
            self.context().map(activate_ref)
        } else {
            self.inherited().map(activate)
        }
    }

    /// Runs `f` with this span as the active one; the span goes on afterwards.
    pub fn in_scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let _scope = ActiveScope(self.activated());
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
    start_in_chunk(recorder, callsite, parent.as_ref(), None, values)
}

/// Starts a span and enters it where that is done quickest: what [`span!`](crate::span) expands to. `write` puts
/// the values; `otherwise` is [`enter`] with them.
#[doc(hidden)]
#[inline(always)]
pub fn enter_fast<const VALUES: usize>(
    recorder: Option<&Recorder>,
    callsite: &'static Callsite,
    write: impl FnOnce(&mut Writer<'_>),
    otherwise: impl FnOnce() -> SpanGuard,
) -> SpanGuard {
    if !bridge::in_use() {
        if let Some(fast) = quiet::enter(recorder, callsite) {
            return SpanGuard::of_ring(fast);
        }
        if VALUES <= MAX_VALUES
            && let Some(fast) = RingSpan::start_fast(recorder, callsite, write)
        {
            return SpanGuard::of_ring(fast);
        }
    }
    otherwise()
}

/// Starts a span and enters it.
#[doc(hidden)]
#[inline(never)]
pub fn enter(recorder: Option<&Recorder>, callsite: &'static Callsite, values: &[ValueRef<'_>]) -> SpanGuard {
    #[cfg(feature = "otel")]
    if bridge::in_use() {
        return enter_both(recorder, callsite, values);
    }
    // The fast way may just have found out that spans are only counted here.
    if let Some(fast) = quiet::enter(recorder, callsite) {
        return SpanGuard::of_ring(fast);
    }
    match RingSpan::start(recorder, callsite, values) {
        Ok(fast) => SpanGuard::of_ring(fast),
        Err(Elsewhere::Nowhere) => Span::none().enter(),
        Err(Elsewhere::Chunk) => start(recorder, callsite, values).enter(),
        Err(Elsewhere::Decided(identity)) => {
            let parent = current_context();
            start_in_chunk(recorder, callsite, parent.as_ref(), Some(*identity), values).enter()
        }
    }
}

/// The same, with the `opentelemetry` context kept in step.
#[cfg(feature = "otel")]
fn enter_both(
    recorder: Option<&Recorder>,
    callsite: &'static Callsite,
    values: &[ValueRef<'_>],
) -> SpanGuard {
    with_local(|l| or_default(recorder, l.default()).map(super::outlived::heal));
    let above = bridge::innermost().map(|c| super::hot::Active::of(&c));
    match RingSpan::start_below(recorder, callsite, values, above) {
        Ok(fast) => {
            let span = fast.to_span();
            let restore = span.context().map(|c| Restore::of_api(bridge::attach(c)));
            SpanGuard {
                fast: Some(fast),
                // Set, so that the guard takes the long way out, which detaches.
                span: ManuallyDrop::new(OnceCell::from(span)),
                restore: ManuallyDrop::new(restore),
                not_send: PhantomData,
            }
        }
        Err(Elsewhere::Nowhere) => Span::none().enter(),
        Err(Elsewhere::Chunk) => start(recorder, callsite, values).enter(),
        Err(Elsewhere::Decided(context)) => {
            let parent = current_context();
            start_in_chunk(recorder, callsite, parent.as_ref(), Some(*context), values).enter()
        }
    }
}

fn start_in_chunk(
    recorder: Option<&Recorder>,
    callsite: &'static Callsite,
    parent: Option<&SpanContext>,
    decided: Option<Identity>,
    values: &[ValueRef<'_>],
) -> Span {
    let fields: Vec<_> = callsite.keys.iter().copied().zip(values.iter().copied()).collect();
    let scope = ScopeRef::Static(callsite.scope);
    let start = Start {
        name: Name::Static(callsite.name),
        kind: callsite.kind,
        scope: &scope,
        parent,
        decided,
        fields: &fields,
        start: None,
        tenant: TenantTag::NONE,
    };
    let recorder =
        recorder.cloned().or_else(|| with_local(|l| or_default(None, l.default()).cloned()).flatten());
    let Some(recorder) = recorder else { return Span::none() };
    with_local(|l| Span::start(&recorder, Some(l), &start))
        .unwrap_or_else(|| Span::start(&recorder, None, &start))
}
