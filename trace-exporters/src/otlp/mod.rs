//! OTLP: spans, metrics and logs to any OpenTelemetry receiver, over HTTP in protobuf or JSON, or over gRPC.
//!
//! [`OtlpSpanExporter`], [`OtlpMetricExporter`] and [`OtlpLogExporter`] make one attempt a call and say whether a failure is worth
//! another; the pipeline retries. Retryable are a connection that cannot be made or that ends without an answer, a
//! timeout, over HTTP 429, 502, 503 and 504, over gRPC `CANCELLED`, `DEADLINE_EXCEEDED`, `ABORTED`, `OUT_OF_RANGE`,
//! `UNAVAILABLE`, `DATA_LOSS`, and `RESOURCE_EXHAUSTED` with a `RetryInfo`; every other failure is final. Redirects are
//! not followed. Specification: <https://opentelemetry.io/docs/specs/otlp/>.

mod config;
mod decode;
mod encode;
mod env;
mod error;
mod exporter;
#[cfg(feature = "otlp-file")]
pub mod file;
#[cfg(feature = "otlp-grpc")]
mod grpc;
mod http;
mod json;
mod log_exporter;
mod log_groups;
mod outcome;
mod payload;
mod reply;
mod transport;

pub use crate::http_client::{Ask, Compression, HeaderProvider, Headers};
pub use config::{OtlpConfig, Protocol, Signal};
pub use decode::{
    DecodeError, Decoded, decode_logs, decode_logs_within, decode_metrics, decode_metrics_within,
    decode_spans, decode_spans_within,
};
pub use encode::{encode_logs, encode_metrics, encode_spans};
#[cfg(test)]
#[cfg_attr(not(feature = "otlp-receiver"), allow(unused_imports, reason = "its tests alone"))]
pub(crate) use encode::{generate, logs};
pub use env::FromEnv;
pub use error::OtlpConfigError;
pub use exporter::{OtlpMetricExporter, OtlpSpanExporter};
pub use json::{encode_logs_json, encode_metrics_json, encode_spans_json};
pub use log_exporter::OtlpLogExporter;
