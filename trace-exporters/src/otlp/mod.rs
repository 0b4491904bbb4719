//! OTLP: spans, metrics and logs to any OpenTelemetry receiver, over HTTP in protobuf or JSON, or over gRPC.
//!
//! [`OtlpSpanExporter`], [`OtlpMetricExporter`] and [`OtlpLogExporter`] make one attempt a call and say whether a failure is worth
//! another; the pipeline retries. Retryable are a connection that cannot be made or that ends without an answer, a
//! timeout, over HTTP 429, 502, 503 and 504, over gRPC `CANCELLED`, `DEADLINE_EXCEEDED`, `ABORTED`, `OUT_OF_RANGE`,
//! `UNAVAILABLE`, `DATA_LOSS`, and `RESOURCE_EXHAUSTED` with a `RetryInfo`; every other failure is final. Redirects are
//! not followed. Specification: <https://opentelemetry.io/docs/specs/otlp/>.

#[cfg(feature = "otlp")]
mod config;
mod decode;
mod encode;
#[cfg(feature = "otlp")]
mod env;
#[cfg(feature = "otlp")]
mod error;
#[cfg(feature = "otlp")]
mod exporter;
#[cfg(feature = "otlp-file")]
pub mod file;
#[cfg(all(fuzzing, feature = "otlp-grpc"))]
pub mod fuzzing;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(feature = "otlp")]
mod http;
mod json;
#[cfg(feature = "otlp")]
mod log_exporter;
mod log_groups;
#[cfg(feature = "otlp")]
mod payload;
#[cfg(feature = "otlp")]
mod remarks;
#[cfg(feature = "otlp")]
mod reply;
#[cfg(feature = "otlp")]
mod transport;

#[cfg(feature = "otlp")]
pub use crate::http_client::{Ask, Compression, Endpoint, HeaderProvider, Headers, Timeout, TlsConfig};
#[cfg(feature = "otlp")]
pub use config::{OtlpConfig, Protocol, Signal};
pub use decode::{
    DecodeError, Decoded, decode_logs, decode_logs_within, decode_metrics, decode_metrics_within,
    decode_spans, decode_spans_within,
};
pub use encode::{encode_logs, encode_metrics, encode_spans};
#[cfg(test)]
#[cfg_attr(not(feature = "otlp-receiver"), allow(unused_imports, reason = "its tests alone"))]
pub(crate) use encode::{generate, logs};
#[cfg(feature = "otlp")]
pub use env::FromEnv;
#[cfg(feature = "otlp")]
pub use error::OtlpConfigError;
#[cfg(feature = "otlp")]
pub use exporter::{OtlpMetricExporter, OtlpSpanExporter};
pub use json::{encode_logs_json, encode_metrics_json, encode_spans_json};
#[cfg(feature = "otlp")]
pub use log_exporter::OtlpLogExporter;
#[cfg(feature = "otlp")]
pub use remarks::Remarks;
