//! The guard of a context trace.

use std::sync::Arc;

use trace_core::model::{SpanContext, Status, TraceId, TraceIds};

use super::open::{End, OpenTrace};
use super::request::{FinishContextTrace, FinishedTrace};
use super::service::MonitoringContextIntegration;
use crate::error::IntegrationError;
use crate::error_info::ErrorInfo;

/// An open context trace. It can be finished by its ids or by the guard; one that is dropped open ends by itself:
/// as its metrics say if they were recorded, as failed while the thread panics, else as cancelled.
#[must_use = "a context trace ends when its guard is dropped"]
#[derive(Debug)]
pub struct ContextTrace {
    pub(super) integration: MonitoringContextIntegration,
    pub(super) open: Arc<OpenTrace>,
}

impl ContextTrace {
    /// The trace.
    pub fn trace_id(&self) -> TraceId {
        self.open.trace_id
    }

    /// The trace and the span that stands for the operation: what the calls take. Two context traces of one trace
    /// differ in the span.
    pub fn ids(&self) -> TraceIds {
        self.open.ids()
    }

    /// What spans of the operation become children of, with [`InContext`](trace_core::record::InContext) or
    /// [`SpanBuilder::parent`](trace_core::record::SpanBuilder::parent). `None` if nothing is recorded any more.
    pub fn span_context(&self) -> Option<&SpanContext> {
        self.open.span_context.as_ref()
    }

    /// Ends it as finished.
    ///
    /// # Errors
    /// [`IntegrationError::AlreadyFinished`] if it was finished by its ids before.
    pub fn finish(self, outcome: FinishContextTrace) -> Result<FinishedTrace, IntegrationError> {
        self.integration.finish_context_trace(self.ids(), outcome)
    }

    /// Ends it with an error: exception event, error metric and alert.
    ///
    /// # Errors
    /// As [`MonitoringContextIntegration::record_context_error`].
    pub fn fail(self, error: ErrorInfo) -> Result<super::ErrorRecorded, IntegrationError> {
        let (trace, context) = (Some(self.ids()), self.open.context.clone());
        self.integration.record_context_error(super::RecordContextError { trace, context, error })
    }
}

impl Drop for ContextTrace {
    fn drop(&mut self) {
        let recorded = self.open.state().metrics.as_ref().map(|m| m.success);
        let end = match recorded {
            Some(true) => End::Completed,
            Some(false) => End::Failed,
            None if std::thread::panicking() => End::Failed,
            None => End::Cancelled,
        };
        self.integration.shared.end(&self.open, end, |span, _| {
            if end == End::Failed && !std::thread::panicking() {
                span.set_status(Status::Error("operation failed".into()));
            }
        });
    }
}
