//! Spans for the tests of the SQLite store.

use std::path::Path;
use std::sync::Arc;

use trace_core::batch::SpanBatch;
use trace_core::model::{KeyValue, Resource, SpanContext, SpanData, SpanId, Timestamp, TraceFlags, TraceId};
use trace_core::store::StoredTrace;
use trace_exporters::sqlite::SqliteConfig;

/// An hour in milliseconds.
pub(crate) const HOUR: u64 = 3_600_000;

/// Milliseconds after the start of an hour in 2025.
pub(crate) fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_nanos((1_760_000_400_000 + ms) * 1_000_000)
}

pub(crate) fn trace_id(n: u64) -> TraceId {
    TraceId::new(u128::from(n + 1) << 64 | 7).unwrap_or(TraceId::MIN)
}

/// A span of a millisecond.
pub(crate) fn span(trace: u64, id: u64, parent: u64, ms: u64) -> SpanData {
    let id = SpanId::new(id).unwrap_or(SpanId::MAX);
    let context = SpanContext::new(trace_id(trace), id, TraceFlags::SAMPLED);
    let mut span = SpanData::new(context, format!("operation {}", trace % 7), at(ms), at(ms + 1));
    span.parent_span_id = SpanId::new(parent);
    span
}

pub(crate) fn batch(service: &'static str, spans: impl IntoIterator<Item = SpanData>) -> SpanBatch {
    SpanBatch::from_spans(Arc::new(Resource::service(service)), spans)
}

/// The one span of a trace, with an attribute of half a kilobyte that cannot be compressed much.
pub(crate) fn noisy(n: u64, ms: u64) -> SpanData {
    let mut span = span(n, n + 1, 0, ms);
    let part = |i: u64| format!("{:x}", (n * 61 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    span.attributes.push(KeyValue::new("noise", (0..32).map(part).collect::<String>()));
    span
}

/// The ids of a trace's spans.
pub(crate) fn ids(trace: &StoredTrace) -> Vec<u64> {
    trace.spans.iter().map(|s| s.span.context.span_id.to_u64()).collect()
}

/// A store that keeps everything.
pub(crate) fn kept(directory: &Path) -> SqliteConfig {
    SqliteConfig::new(directory.join("store")).retention_hours(0).max_bytes(0)
}
