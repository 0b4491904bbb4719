//! Work under a span that someone else holds.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::current::activate;
use super::guard::ActiveScope;
use crate::model::SpanContext;

/// Makes the context the active one of this thread until the guard is dropped: spans started meanwhile become its
/// children. Ends no span.
pub fn enter_context(context: SpanContext) -> ContextGuard {
    ContextGuard { _scope: ActiveScope(Some(activate(context))), not_send: PhantomData }
}

/// What [`enter_context`] returns. Guards are dropped in the reverse order of their creation.
#[must_use = "the context is active until the guard is dropped"]
pub struct ContextGuard {
    _scope: ActiveScope,
    not_send: PhantomData<*const ()>,
}

impl std::fmt::Debug for ContextGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContextGuard").field("not_send", &self.not_send).finish()
    }
}

/// Runs a future under a span that someone else holds.
pub trait InContext: Future + Sized {
    /// The context is active whenever the future is polled, on whatever thread. Ends no span.
    fn in_context(self, context: SpanContext) -> ContextFuture<Self> {
        ContextFuture { future: Box::pin(self), context }
    }
}

impl<F: Future> InContext for F {}

/// A future under a span; see [`InContext::in_context`].
#[derive(Debug)]
pub struct ContextFuture<F> {
    future: Pin<Box<F>>,
    context: SpanContext,
}

impl<F: Future> Future for ContextFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let _scope = enter_context(this.context.clone());
        this.future.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Pipeline;
    use crate::record::{Recorder, current_context};

    fn child_of(recorder: &Recorder, parent: &SpanContext) -> bool {
        let child = recorder.span("child").start();
        child.context().is_some_and(|c| c.trace_id == parent.trace_id && c.span_id != parent.span_id)
    }

    #[tokio::test]
    async fn spans_started_under_a_context_belong_to_it_and_none_stays_active() {
        let pipeline = Pipeline::builder().start().unwrap();
        let recorder = pipeline.recorder();
        let held = recorder.span("held").start();
        let context = held.context().unwrap().clone();
        {
            let _guard = enter_context(context.clone());
            assert!(child_of(recorder, &context));
        }
        assert_eq!(current_context(), None);
        let work = async {
            let before = child_of(recorder, &context);
            tokio::task::yield_now().await;
            before && child_of(recorder, &context)
        };
        assert!(work.in_context(context.clone()).await);
        assert_eq!(current_context(), None);
        assert!(!child_of(recorder, &context));
    }
}
