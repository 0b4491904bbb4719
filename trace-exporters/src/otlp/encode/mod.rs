//! Our own OTLP protobuf encoder: batches in, bytes out, no intermediate message tree.

mod log;
mod metric;
mod shared;
mod span;
#[cfg(test)]
mod tests;

use trace_core::batch::SpanBatch;
use trace_core::model::{LogBatch, MetricBatch};

pub(crate) use span::{rows_by_scope, span_flags};
#[cfg(test)]
pub(crate) use tests::{expected, generate, logs};

/// Appends an `ExportTraceServiceRequest`, which is also a `TracesData`, with the spans of a batch; nothing for an empty
/// one.
pub fn encode_spans(batch: &SpanBatch, out: &mut Vec<u8>) {
    span::span_request(batch, out);
}

/// Appends an `ExportMetricsServiceRequest`, which is also a `MetricsData`, with a collection; nothing for one without
/// points.
pub fn encode_metrics(batch: &MetricBatch, out: &mut Vec<u8>) {
    metric::metric_request(batch, out);
}

/// Appends an `ExportLogsServiceRequest`, which is also a `LogsData`, with the records of a batch; nothing for an empty one.
pub fn encode_logs(batch: &LogBatch, out: &mut Vec<u8>) {
    log::log_request(batch, out);
}
