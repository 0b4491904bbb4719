//! A trace as it is read back.

use std::sync::Arc;

use super::TraceSummary;
use crate::model::{Resource, SpanData, SpanId, Status, Timestamp, TraceId};

/// One span with what produced it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSpan {
    /// What produced it.
    pub resource: Arc<Resource>,
    /// The span.
    pub span: SpanData,
}

/// All stored spans of one trace. Serialises to the camelCase JSON of the HTTP API.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTrace {
    /// The trace.
    pub trace_id: TraceId,
    /// Its spans by start, each id once.
    pub spans: Vec<StoredSpan>,
    /// Whether the store has let spans of it go.
    pub incomplete: bool,
}

/// How much a span looks like the root: lower is better.
pub(crate) fn root_rank(parent: Option<SpanId>, parent_is_remote: bool) -> u8 {
    match parent {
        None => 0,
        Some(_) if parent_is_remote => 1,
        Some(_) => 2,
    }
}

/// The rank from which on a span is no local root.
pub(crate) const NO_ROOT: u8 = 2;

impl StoredTrace {
    /// The root: a span without a parent, else the entry into this process, else the earliest span.
    pub fn root(&self) -> Option<&StoredSpan> {
        self.spans
            .iter()
            .min_by_key(|s| (root_rank(s.span.parent_span_id, s.span.parent_is_remote), s.span.start))
    }

    /// The trace in one line; `None` if it has no spans.
    pub fn summary(&self) -> Option<TraceSummary> {
        let root = self.root()?;
        let start = self.spans.iter().map(|s| s.span.start).min()?;
        let end = self.spans.iter().map(|s| s.span.end).max()?;
        let rooted = root_rank(root.span.parent_span_id, root.span.parent_is_remote) < NO_ROOT;
        let duration = if rooted { root.span.end.since(root.span.start) } else { end.since(start) };
        Some(TraceSummary {
            trace_id: self.trace_id,
            root_name: root.span.name.to_string(),
            service: root.resource.service_name().to_owned(),
            start,
            duration_ms: duration.as_secs_f64() * 1e3,
            span_count: self.spans.len() as u64,
            error_count: self.spans.iter().filter(|s| matches!(s.span.status, Status::Error(_))).count()
                as u64,
        })
    }

    /// From the first start to the last end.
    pub fn extent(&self) -> Option<(Timestamp, Timestamp)> {
        let start = self.spans.iter().map(|s| s.span.start).min()?;
        Some((start, self.spans.iter().map(|s| s.span.end).max()?))
    }
}
