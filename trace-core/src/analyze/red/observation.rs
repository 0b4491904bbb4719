//! What the windows are told.

use std::time::Duration;

use serde::Serialize;

use crate::batch::{SpanRef, StatusRef};
use crate::model::{SpanKind, TenantId, Timestamp, TraceIds};

/// The outcome of a span without its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SpanOutcome {
    /// Nothing was said.
    #[default]
    Unset,
    /// Declared a success.
    Ok,
    /// Failed.
    Error,
}

impl From<StatusRef<'_>> for SpanOutcome {
    fn from(status: StatusRef<'_>) -> Self {
        match status {
            StatusRef::Unset => Self::Unset,
            StatusRef::Ok => Self::Ok,
            StatusRef::Error(_) => Self::Error,
        }
    }
}

/// One finished span, as the windows see it.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The owner's name.
    pub tenant: &'a str,
    /// The service.
    pub service: &'a str,
    /// The span's name.
    pub operation: &'a str,
    /// The span's kind.
    pub kind: SpanKind,
    /// The outcome.
    pub status: SpanOutcome,
    /// Whether it is a local root: work that came from outside of the process, or began here.
    pub entry: bool,
    /// How many spans it stands for: 1 if all are recorded, the adjusted count if they are sampled. Less than 1, or
    /// no number, counts as 1; more than 2^32 as that.
    pub weight: f64,
    /// When it ended. A time in the future counts as now.
    pub end: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How long none of its children was running.
    pub self_time: Duration,
    /// The span, for exemplars; `None` if it was not recorded.
    pub trace: Option<TraceIds>,
}

impl<'a> Observation<'a> {
    /// What a span says of itself, with its whole duration as self time.
    pub fn of(span: &SpanRef<'a>) -> Self {
        let duration = span.duration();
        Self {
            tenant: span.tenant(),
            service: span.resource().service_name(),
            operation: span.name(),
            kind: span.kind(),
            status: span.status().into(),
            entry: span.parent_span_id().is_none() || span.parent_is_remote(),
            weight: span.adjusted_count(),
            end: span.end(),
            duration,
            self_time: duration,
            trace: Some(TraceIds { trace_id: span.trace_id(), span_id: Some(span.span_id()) }),
        }
    }

    /// A successful call of the default tenant that took this long by itself.
    pub fn call(service: &'a str, operation: &'a str, end: Timestamp, duration: Duration) -> Self {
        Self {
            tenant: TenantId::DEFAULT,
            service,
            operation,
            kind: SpanKind::Internal,
            status: SpanOutcome::Unset,
            entry: false,
            weight: 1.0,
            end,
            duration,
            self_time: duration,
            trace: None,
        }
    }
}
