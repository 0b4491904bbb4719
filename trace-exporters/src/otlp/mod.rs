//! OTLP.
pub mod encode;
