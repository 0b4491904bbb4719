//! A span around a part of a workflow.

use std::future::{Future, poll_fn};
use std::pin::pin;

use trace_core::model::{Status, Value};
use trace_core::record::Span;

/// A span that the work inside it can be told about. Dropped before [`Phase::end`], it ends as cancelled.
pub(super) struct Phase {
    span: Span,
    ended: bool,
}

impl Phase {
    pub(super) fn new(span: Span) -> Self {
        Self { span, ended: false }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn set(&self, key: &'static str, value: impl Into<Value>) {
        self.span.set_attribute(key, value);
    }

    /// Runs the work with the span as the active one.
    pub(super) async fn run<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| self.span.in_scope(|| work.as_mut().poll(cx))).await
    }

    /// Notes the outcome and ends the span.
    pub(super) fn end<T, E: std::error::Error>(mut self, outcome: Result<T, E>) -> Result<T, E> {
        self.ended = true;
        match &outcome {
            Ok(_) => self.span.set_status(Status::Ok),
            Err(error) => self.span.record_error(error),
        }
        outcome
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        // A panic is not a cancellation: the span itself notes it.
        if !self.ended && !std::thread::panicking() {
            self.span.set_attribute("mplp.status", "cancelled");
        }
    }
}
