//! Backends that telemetry is written to.
#![forbid(unsafe_code)]
#[cfg(feature = "otlp")]
pub mod otlp;
