//! Zipkin v2 JSON: spans to `/api/v2/spans`, and reading what Zipkin's clients send there.
//!
//! Sources: `zipkin2-api.yaml` of openzipkin/zipkin-api, and the OpenTelemetry specification, "OpenTelemetry to Zipkin
//! Transformation". Zipkin knows texts only: numbers and truth values come back as text. OpenTelemetry has deprecated
//! its Zipkin exporters; prefer OTLP where the receiver takes it.

mod annotation;
mod config;
mod decode;
mod encode;
mod endpoint;
mod env;
mod exporter;
mod names;
mod shared;
#[cfg(test)]
mod tests;

pub use crate::decoded::Decoded;
pub use crate::http_client::{Compression, Endpoint, Headers, HttpConfigError, Timeout, TlsConfig};
pub use config::ZipkinConfig;
#[cfg(feature = "zipkin-receiver")]
pub(crate) use decode::decode_json_within;
pub use decode::{DecodeError, decode_json};
pub use encode::encode_json;
pub use env::FromEnv;
pub use exporter::ZipkinExporter;
