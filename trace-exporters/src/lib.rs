//! Backends that MPLP Trace writes to, each behind a feature.
#![cfg_attr(all(feature = "otlp", feature = "console"), doc = "\n")]
#![cfg_attr(all(feature = "otlp", feature = "console"), doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]

#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "http-client")]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, unused_imports, reason = "each exporter uses a part"))]
pub mod http_client;
#[cfg(feature = "jaeger-remote")]
pub mod jaeger_remote;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "otlp-receiver")]
pub mod otlp_receiver;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "receiver")]
#[cfg_attr(
    not(feature = "otlp-receiver"),
    allow(dead_code, unused_imports, reason = "each receiver uses a part")
)]
pub mod receiver;
#[cfg(any(feature = "otlp", feature = "jaeger-remote-grpc"))]
mod wire_reader;
