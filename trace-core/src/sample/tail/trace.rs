//! A trace as policies see it.

use std::time::Duration;

use super::segments::{Place, Segments};
use crate::batch::SpanRef;
use crate::model::TraceId;
use crate::sample::{Randomness, Threshold};

/// The spans of a trace that this process recorded and that have ended so far.
#[derive(Clone, Copy)]
pub struct TraceView<'a> {
    pub(super) trace_id: TraceId,
    pub(super) places: &'a [Place],
    pub(super) segments: &'a Segments,
    pub(super) randomness: Randomness,
    pub(super) head: Threshold,
}

impl<'a> TraceView<'a> {
    /// The trace.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Its spans, in the order in which they ended.
    pub fn spans(&self) -> impl Iterator<Item = SpanRef<'a>> + use<'a> {
        let segments = self.segments;
        self.places.iter().filter_map(move |place| segments.get(*place))
    }

    /// From the first start to the last end.
    pub fn duration(&self) -> Duration {
        let start = self.spans().map(|s| s.start()).min();
        let end = self.spans().map(|s| s.end()).max();
        start.zip(end).map_or(Duration::ZERO, |(start, end)| end.since(start))
    }

    /// What thresholds are compared with.
    pub const fn randomness(&self) -> Randomness {
        self.randomness
    }

    /// With what threshold the trace came here; [`Threshold::ALWAYS`] if that is unknown.
    pub const fn head(&self) -> Threshold {
        self.head
    }
}

/// Whether a span is work that came from outside of the process, or began here.
pub(super) fn is_entry(span: &SpanRef<'_>) -> bool {
    span.parent_span_id().is_none() || span.parent_is_remote()
}
