//! Our own OTLP protobuf encoder: batches in, bytes out, no intermediate message tree.

mod metric;
mod shared;
mod span;
#[cfg(test)]
mod tests;

use trace_core::batch::SpanBatch;
use trace_core::model::MetricBatch;

pub(crate) use metric::MetricRequest;
pub(crate) use span::SpanRequest;
#[cfg(test)]
pub(crate) use tests::generate;

/// Appends an `ExportTraceServiceRequest`, which is also a `TracesData`, with the spans of a batch; nothing for an empty
/// one.
pub fn encode_spans(batch: &SpanBatch, out: &mut Vec<u8>) {
    SpanRequest::new(batch).encode(out);
}

/// Appends an `ExportMetricsServiceRequest`, which is also a `MetricsData`, with a collection; nothing for one without
/// points.
pub fn encode_metrics(batch: &MetricBatch, out: &mut Vec<u8>) {
    MetricRequest::new(batch).encode(out);
}
