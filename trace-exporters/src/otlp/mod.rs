//! OTLP over HTTP with protobuf bodies: spans and metrics to any OpenTelemetry receiver.
//!
//! [`OtlpSpanExporter`] and [`OtlpMetricExporter`] make one attempt a call and say whether a failure is worth
//! another; the pipeline retries. Retryable are 429, 502, 503, 504, a connection that cannot be made or that
//! ends without an answer, and a timeout; every other failure is final. Redirects are not followed.
//! Specification: <https://opentelemetry.io/docs/specs/otlp/>.

mod config;
#[cfg(not(feature = "tls"))]
mod connect;
#[cfg(feature = "tls")]
#[path = "connect_tls.rs"]
pub(crate) mod connect;
mod encode;
mod env;
mod error;
mod exporter;
mod http;
mod payload;
mod reply;
mod secret;

pub use config::{Compression, OtlpConfig, Signal};
pub use env::FromEnv;
pub use error::OtlpConfigError;
pub use exporter::{OtlpMetricExporter, OtlpSpanExporter};
pub use secret::Headers;
