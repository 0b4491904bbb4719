//! What can be asked of stored traces, and what comes back.

use std::error::Error;
use std::time::Duration;

use serde::Serialize;

use super::SpanFilter;
use crate::analyze::QuantileSketch;
use crate::model::{TenantId, TimeRange, Timestamp, TraceId};

/// Why stored spans could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The store does not answer; the same call may succeed later.
    #[error("span store does not answer: {message}")]
    Unavailable {
        /// What happened.
        message: String,
        /// The cause, if another error is behind it.
        #[source]
        source: Option<Box<dyn Error + Send + Sync + 'static>>,
    },
    /// The cursor did not come from this store.
    #[error("cursor {0:?} was not made by this store: leave it out to start at the newest trace")]
    InvalidCursor(String),
}

/// Which traces are wanted. The default wants the newest of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpanQuery {
    /// Traces with a span that passes this.
    pub filter: SpanFilter,
    /// Only traces with at least one failed span.
    pub error_only: bool,
    /// Traces that took at least this long.
    pub min_duration: Option<Duration>,
    /// Traces that took at most this long.
    pub max_duration: Option<Duration>,
    /// Traces that started inside.
    pub range: Option<TimeRange>,
    /// How many at most; 0 stands for [`SpanQuery::DEFAULT_LIMIT`], more than [`SpanQuery::MAX_LIMIT`] for that.
    pub limit: usize,
    /// Where the previous page ended.
    pub cursor: Option<String>,
}

impl SpanQuery {
    /// Traces on a page if nothing else is said.
    pub const DEFAULT_LIMIT: usize = 20;
    /// The largest page.
    pub const MAX_LIMIT: usize = 1000;

    /// The page size that [`SpanQuery::limit`] stands for.
    pub fn page_size(&self) -> usize {
        match self.limit {
            0 => Self::DEFAULT_LIMIT,
            n => n.min(Self::MAX_LIMIT),
        }
    }
}

/// How long spans took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    /// Milliseconds. A span that was sampled counts for as many as it stands for, see
    /// [`crate::batch::SpanRef::adjusted_count`].
    pub milliseconds: QuantileSketch,
    /// Failed spans among them, each counted once.
    pub errors: u64,
}

/// A part of a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The results, newest first.
    pub items: Vec<T>,
    /// What to put into the next query; `None` after the last page.
    pub next_cursor: Option<String>,
}

/// A trace in one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// The name of its root; of the earliest span while no root has arrived.
    pub root_name: String,
    /// The service of that span.
    pub service: String,
    /// The earliest start.
    pub start: Timestamp,
    /// The duration of the root; from the first start to the last end while no root has arrived.
    pub duration_ms: f64,
    /// Spans received so far.
    pub span_count: u64,
    /// Failed spans among them.
    pub error_count: u64,
}

/// A trace whose local root has ended, as a subscriber is told.
#[derive(Clone, Debug, PartialEq)]
pub struct EndedTrace {
    /// The owner.
    pub tenant: TenantId,
    /// The trace.
    pub trace: TraceSummary,
}
