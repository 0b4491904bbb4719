//! Spans around futures.

use std::error::Error;
use std::fmt;
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
        InstrumentedFuture { future: Some(Box::pin(self)), span: Some(span), record: None }
    }
}

impl<F: Future> InSpan for F {}

/// What is told of the result of a future, unless something is given to [`InstrumentedFuture::record_result`].
type Record<F> = fn(&Span, &<F as Future>::Output);

/// A future inside a span; see [`InSpan::in_span`].
pub struct InstrumentedFuture<F: Future, R = Record<F>> {
    /// Gone when the future is dropped, which happens inside the span.
    future: Option<Pin<Box<F>>>,
    span: Option<Span>,
    record: Option<R>,
}

// The future is boxed, and what records its result is only called.
impl<F: Future, R> Unpin for InstrumentedFuture<F, R> {}

impl<F: Future, R> InstrumentedFuture<F, R> {
    /// The span, until the future has completed.
    pub fn span(&self) -> Option<&Span> {
        self.span.as_ref()
    }

    /// Shows the result to `record`, with the span, which is still active and ends thereafter. In place of what was to
    /// record it before.
    ///
    /// ```
    /// use trace_core::{async_span, record::InSpan};
    ///
    /// # async fn fetch() -> Vec<u8> { Vec::new() }
    /// # async fn run() {
    /// let body = fetch()
    ///     .in_span(async_span!(kind: Client, "fetch"))
    ///     .record_result(|span, body| span.set_attribute("body.size", body.len()))
    ///     .await;
    /// # }
    /// ```
    pub fn record_result<N: FnOnce(&Span, &F::Output)>(mut self, record: N) -> InstrumentedFuture<F, N> {
        InstrumentedFuture { future: self.future.take(), span: self.span.take(), record: Some(record) }
    }
}

impl<F: Future<Output = Result<T, E>>, T, E: Error, R> InstrumentedFuture<F, R> {
    /// Records how the future ends; see [`Span::record_outcome`].
    pub fn record_outcome(self) -> InstrumentedFuture<F> {
        self.record_result(Span::record_outcome as Record<F>)
    }
}

impl<F: Future, R: FnOnce(&Span, &F::Output)> Future for InstrumentedFuture<F, R> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let context = this.span.as_ref().and_then(Span::inherited);
        let mut ends_with_panic = EndsWithPanic { span: &mut this.span, panicked: true };
        let out = {
            let _scope = ActiveScope(context.map(activate));
            let out = match &mut this.future {
                Some(future) => future.as_mut().poll(cx),
                // Only `drop` takes it.
                None => Poll::Pending,
            };
            if let (Poll::Ready(result), Some(span)) = (&out, &*ends_with_panic.span)
                && let Some(record) = this.record.take()
            {
                record(span, result);
            }
            out
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

impl<F: Future, R> Drop for InstrumentedFuture<F, R> {
    fn drop(&mut self) {
        let context = self.span.as_ref().and_then(Span::inherited);
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

impl<F: Future, R> fmt::Debug for InstrumentedFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstrumentedFuture").field("span", &self.span).finish_non_exhaustive()
    }
}
