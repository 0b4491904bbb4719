//! `google.rpc.Status`, and what an export is answered with.
//!
//! Field numbers: `google/rpc/status.proto`, `google/rpc/error_details.proto`, and
//! `opentelemetry/proto/collector/{trace,metrics,logs}/v1/*_service.proto`.

use std::time::Duration;

use serde_json::json;

use super::export::{LeftOut, Signal};
use crate::receiver::Failure;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `Status`, with `RetryInfo` if the client should come back.
pub(super) fn status(failure: &Failure, retry_after: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, 1, u64::from(failure.code()));
    put_bytes(&mut out, 2, failure.message().as_bytes());
    if failure.is_overload() {
        let (mut delay, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
        put_varint(&mut delay, 1, Duration::from_secs(retry_after).as_secs());
        put_bytes(&mut info, 1, &delay);
        put_bytes(&mut any, 1, RETRY_INFO.as_bytes());
        put_bytes(&mut any, 2, &info);
        put_bytes(&mut out, 3, &any);
    }
    out
}

/// The same as JSON.
pub(super) fn status_json(failure: &Failure, retry_after: u64) -> Vec<u8> {
    let mut status = json!({"code": failure.code(), "message": failure.message()});
    if failure.is_overload() {
        status["details"] = json!([{"@type": RETRY_INFO, "retryDelay": format!("{retry_after}s")}]);
    }
    status.to_string().into_bytes()
}

/// `ExportTraceServiceResponse` and those of the other signals, which are equal.
pub(super) fn success(left_out: LeftOut) -> Vec<u8> {
    let mut out = Vec::new();
    if left_out.records > 0 {
        let mut partial = Vec::new();
        put_varint(&mut partial, 1, left_out.records);
        put_bytes(&mut partial, 2, left_out.reason.unwrap_or_default().as_bytes());
        put_bytes(&mut out, 1, &partial);
    }
    out
}

/// The same as JSON.
pub(super) fn success_json(signal: Signal, left_out: LeftOut) -> Vec<u8> {
    if left_out.records == 0 {
        return b"{}".to_vec();
    }
    let key = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    let message = left_out.reason.unwrap_or_default();
    // 64-bit numbers are texts in OTLP/JSON.
    json!({"partialSuccess": {key: left_out.records.to_string(), "errorMessage": message}})
        .to_string()
        .into_bytes()
}

fn varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

fn put_varint(out: &mut Vec<u8>, field: u8, v: u64) {
    out.push(field << 3);
    varint(out, v);
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
