//! OTLP over HTTP with protobuf bodies: spans and metrics to any OpenTelemetry receiver.
//!
//! [`OtlpSpanExporter`] and [`OtlpMetricExporter`] make one attempt a call and say whether a failure is worth
//! another; the pipeline retries. Retryable are 429, 502, 503, 504, a connection that cannot be made or that
//! ends without an answer, and a timeout; every other failure is final. Redirects are not followed.
//! Specification: <https://opentelemetry.io/docs/specs/otlp/>.

mod config;
mod decode;
mod encode;
mod env;
mod error;
mod exporter;
mod http;
mod payload;
mod reply;

pub use crate::http_client::{Compression, Headers};
pub use config::{OtlpConfig, Signal};
pub use decode::{
    DecodeError, Decoded, decode_metrics, decode_metrics_within, decode_spans, decode_spans_within,
};
#[cfg(test)]
#[cfg_attr(not(feature = "otlp-receiver"), allow(unused_imports, reason = "its tests alone"))]
pub(crate) use encode::generate;
pub use encode::{encode_metrics, encode_spans};
pub use env::FromEnv;
pub use error::OtlpConfigError;
pub use exporter::{OtlpMetricExporter, OtlpSpanExporter};
