//! Jaeger, by whichever way its collector takes spans; and reading what its old clients send.
//!
//! Jaeger takes OTLP, and that is what an endpoint of `:4318` or `:4317` means. For collectors from before that, the
//! same spans go out as Thrift: over HTTP to `:14268/api/traces`, or in UDP datagrams to `:6831`. [`JaegerConfig`]
//! chooses by the endpoint. Mapping to Thrift: OpenTelemetry specification, "OpenTelemetry to Jaeger Transformation".

mod config;
mod decode;
mod encode;
mod error;
mod exporter;
mod same_backend;
#[cfg(test)]
mod tests;
mod udp;
mod wire;

pub use crate::decoded::Decoded;
pub use crate::http_client::{Endpoint, Headers, Timeout, TlsConfig};
pub use config::JaegerConfig;
#[cfg(feature = "jaeger-receiver")]
pub(crate) use decode::decode_binary_within;
pub use decode::{DecodeError, decode_binary, decode_binary_call, decode_compact};
pub use encode::{encode_binary, encode_compact};
pub use error::JaegerConfigError;
pub use exporter::JaegerExporter;
pub use same_backend::{Warning, same_backend};
pub use wire::Protocol;
