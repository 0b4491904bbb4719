//! Spans that have been open for too long.

use std::time::Duration;

use serde::Serialize;

use crate::model::{SpanId, Timestamp, TraceId};

/// What is known of the spans that have not ended, as of the last time that the pipeline looked: once a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenSpans {
    /// Spans that the pipeline knows to be open.
    pub open: u64,
    /// Of these, open for longer than [`super::RecorderBuilder::open_too_long`].
    pub too_long: u64,
    /// Spans of the `opentelemetry` API and the `tracing` layer that began while more than
    /// [`super::SpanLimits::open_spans`] of these were known; they are counted nowhere here, and are recorded when they end.
    pub unlisted: u64,
    /// The longest open of those, the oldest first; at most [`OpenSpans::LISTED`].
    pub oldest: Vec<OpenSpan>,
}

/// A span that has been open for too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenSpan {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// Its name as it was when it started; of a span of the `opentelemetry` API or the `tracing` layer at most 48 bytes, and
    /// `…` if it was longer.
    pub name: String,
    /// When that was.
    pub start: Timestamp,
}

impl OpenSpans {
    /// So many spans are named at most.
    pub const LISTED: usize = 16;
    /// When a span counts as open for too long, unless it is set.
    pub const TOO_LONG: Duration = Duration::from_secs(600);

    pub(super) fn add(
        &mut self,
        start: Timestamp,
        now: Timestamp,
        limit: Duration,
        span: impl FnOnce() -> OpenSpan,
    ) {
        self.open += 1;
        if start + limit >= now {
            return;
        }
        self.too_long += 1;
        let at = self.oldest.partition_point(|s| s.start <= start);
        if at < Self::LISTED {
            self.oldest.truncate(Self::LISTED - 1);
            self.oldest.insert(at, span());
        }
    }
}
