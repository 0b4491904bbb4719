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
    /// or is dropped. A future dropped before it completed ends as cancelled: `mplp.status = "cancelled"`. A panic
    /// ends the span where it passes, with the error status `panicked`.
    fn in_span(self, span: Span) -> InstrumentedFuture<Self> {
        InstrumentedFuture { future: Some(Box::pin(self)), span: Some(span) }
    }
}

impl<F: Future> InSpan for F {}

/// A future inside a span; see [`InSpan::in_span`].
#[derive(Debug)]
pub struct InstrumentedFuture<F> {
    /// Gone when the future is dropped, which happens inside the span.
    future: Option<Pin<Box<F>>>,
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
        let mut ends_with_panic = EndsWithPanic { span: &mut this.span, panicked: true };
        let out = {
            let _scope = ActiveScope(context.map(activate));
            match &mut this.future {
                Some(future) => future.as_mut().poll(cx),
                // Only `drop` takes it.
                None => Poll::Pending,
            }
        };
        ends_with_panic.panicked = false;
        drop(ends_with_panic);
        if out.is_ready() {
            this.span = None;
        }
        out
    }
}

/// Ends the span where a panic passes, which may be caught before the future is dropped.
struct EndsWithPanic<'a> {
    span: &'a mut Option<Span>,
    panicked: bool,
}

impl Drop for EndsWithPanic<'_> {
    fn drop(&mut self) {
        if self.panicked {
            // Dropped while the thread panics, it gets the status.
            *self.span = None;
        }
    }
}

impl<F> Drop for InstrumentedFuture<F> {
    fn drop(&mut self) {
        let context = self.span.as_ref().and_then(Span::context).cloned();
        {
            let _scope = ActiveScope(context.map(activate));
            self.future = None;
        }
        // A panic is not a cancellation: the span itself notes it.
        if let Some(span) = self.span.take().filter(|_| !std::thread::panicking()) {
            span.set_attribute("mplp.status", "cancelled");
        }
    }
}
