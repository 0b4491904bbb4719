//! Spans around futures.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::current::activate;
use super::guard::ActiveScope;
use super::span::Span;

/// Runs a future inside a span.
pub trait InSpan: Future + Sized {
    /// The span is active whenever the future is polled, on whatever thread, and ends when the future completes
    /// or is dropped. A future dropped before it completed ends as cancelled: `mplp.status = "cancelled"`.
    fn in_span(self, span: Span) -> InstrumentedFuture<Self> {
        InstrumentedFuture { future: Box::pin(self), span: Some(span) }
    }
}

impl<F: Future> InSpan for F {}

/// A future inside a span; see [`InSpan::in_span`].
#[derive(Debug)]
pub struct InstrumentedFuture<F> {
    future: Pin<Box<F>>,
    span: Option<Span>,
}

impl<F> InstrumentedFuture<F> {
    /// The span, until the future has completed.
    pub fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }
}

impl<F: Future> Future for InstrumentedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let context = this.span.as_ref().and_then(Span::context).cloned();
        let out = {
            let _scope = ActiveScope(context.map(activate));
            this.future.as_mut().poll(cx)
        };
        if out.is_ready() {
            this.span = None;
        }
        out
    }
}

impl<F> Drop for InstrumentedFuture<F> {
    fn drop(&mut self) {
        // A panic is not a cancellation: the span itself notes it.
        if let Some(span) = self.span.take().filter(|_| !std::thread::panicking()) {
            span.set_attribute("mplp.status", "cancelled");
        }
    }
}
