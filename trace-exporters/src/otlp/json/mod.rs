//! OTLP's JSON encoding, straight from the batches: ids in hex, enums and small integers as numbers, 64-bit integers as
//! texts, doubles that are no numbers as texts. Default values are left out.
//!
//! Specification: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

mod log;
mod metric;
mod span;
#[cfg(test)]
mod tests;
mod value;
mod writer;

use trace_core::batch::SpanBatch;
use trace_core::model::{LogBatch, MetricBatch};

use writer::Json;

/// Appends an `ExportTraceServiceRequest`, which is also a `TracesData`, as one line of JSON without its end; nothing for an
/// empty batch.
pub fn encode_spans_json(batch: &SpanBatch, out: &mut Vec<u8>) {
    if !batch.is_empty() {
        span::request(&mut Json::new(out), batch);
    }
}

/// Appends an `ExportMetricsServiceRequest`, which is also a `MetricsData`, as one line of JSON without its end; nothing for
/// a collection without points.
pub fn encode_metrics_json(batch: &MetricBatch, out: &mut Vec<u8>) {
    if batch.point_count() > 0 {
        metric::request(&mut Json::new(out), batch);
    }
}

/// Appends an `ExportLogsServiceRequest`, which is also a `LogsData`, as one line of JSON without its end; nothing for an
/// empty batch.
pub fn encode_logs_json(batch: &LogBatch, out: &mut Vec<u8>) {
    if !batch.is_empty() {
        log::request(&mut Json::new(out), batch);
    }
}
