//! OTLP/JSON: rewritten as protobuf while it is read, and then decoded like any other request, so that both mean the same.
//!
//! Unknown keys are passed over, null is as good as nothing, 64-bit numbers may be texts or numbers, ids are hex of
//! either case. An id that is not hex is no id: its span is left out. Keys are lowerCamelCase alone.

mod message;
#[cfg(test)]
mod tests;
mod transcode;

use trace_core::batch::SpanBatchMut;
use trace_core::model::{LogBatchMut, MetricBatch};

use crate::otlp::{DecodeError, Decoded, decode_logs_within, decode_metrics_within, decode_spans_within};

/// Why JSON is no request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// It is no JSON, or a value is of another type than its key says.
    #[error("the body is not OTLP/JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// What it says cannot be read.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// The spans of a request, at most `most` spans, events and links; see
/// [`decode_spans_within`](crate::otlp::decode_spans_within).
///
/// # Errors
/// If it is no such request, or has more.
pub fn decode_spans_json(json: &[u8], most: usize) -> Result<Decoded<SpanBatchMut>, JsonError> {
    let bytes = transcode::transcode(json, &message::TRACES)?;
    Ok(decode_spans_within(&bytes, most)?)
}

/// The metrics of a request, at most `most` data points and exemplars; see
/// [`decode_metrics_within`](crate::otlp::decode_metrics_within).
///
/// # Errors
/// If it is no such request, or has more.
pub fn decode_metrics_json(json: &[u8], most: usize) -> Result<Decoded<MetricBatch>, JsonError> {
    let bytes = transcode::transcode(json, &message::METRICS)?;
    Ok(decode_metrics_within(&bytes, most)?)
}

/// The log records of a request, at most `most` records and nested values; see
/// [`decode_logs_within`](crate::otlp::decode_logs_within).
///
/// # Errors
/// If it is no such request, or has more.
pub fn decode_logs_json(json: &[u8], most: usize) -> Result<Decoded<LogBatchMut>, JsonError> {
    let bytes = transcode::transcode(json, &message::LOGS)?;
    Ok(decode_logs_within(&bytes, most)?)
}
