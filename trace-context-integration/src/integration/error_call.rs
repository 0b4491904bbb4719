//! The call for operations that failed.

use std::sync::Arc;

use trace_core::model::{Alert, AlertKind, Severity};

use super::measured::subject;
use super::open::{End, OpenTrace};
use super::request::{ErrorRecorded, RecordContextError};
use super::service::MonitoringContextIntegration;
use super::span::write_error;
use crate::context::ContextRef;
use crate::error::IntegrationError;
use crate::error_info::ErrorInfo;

impl MonitoringContextIntegration {
    /// Records that an operation failed: exception event, error metric, one alert; and ends its trace. Never
    /// waits. Thresholds are not looked at: a failure has its own alert.
    ///
    /// # Errors
    /// A named trace that is unknown or of another context; then nothing is recorded.
    pub fn record_context_error(
        &self,
        record: RecordContextError,
    ) -> Result<ErrorRecorded, IntegrationError> {
        let RecordContextError { trace, context, error } = record;
        let open = match trace {
            Some(ids) => Some(self.known(ids, &context)?),
            None => self.shared.traces.only_open_of(&self.tenant, &context),
        };
        Ok(self.record_failure(open, &context, &error))
    }

    /// The same for a trace that has been found, or for none.
    pub(super) fn record_failure(
        &self,
        open: Option<Arc<OpenTrace>>,
        context: &ContextRef,
        error: &ErrorInfo,
    ) -> ErrorRecorded {
        let shared = &self.shared;
        let now = shared.recorder.clock().now();
        if let Some(i) = &shared.instruments {
            i.error(open.as_deref(), &error.kind);
        }
        let ended = open.as_ref().and_then(|open| {
            let unknown_so_far = open.state().metrics.is_none();
            let ended = shared.end(open, End::Failed, |span, _| write_error(span, error))?;
            if unknown_so_far {
                shared.baselines.observe_failure(&open.baseline_key, now);
                if let Some(i) = &shared.instruments {
                    i.duration(open, ended.duration, false);
                }
            }
            Some(ended)
        });
        let what = open.as_ref().map_or_else(|| format!("context {context}"), |t| subject(t));
        let mut alert = Alert::new(
            AlertKind::WorkflowExecutionFailed,
            Severity::High,
            format!("{what} failed: {}", error.message),
            now,
        )
        .label("error_type", &*error.kind);
        alert.error = Some(error.message.clone());
        let alert = shared.raise(&self.tenant, context, open.as_deref(), alert);
        ErrorRecorded { ended, alert }
    }
}
