//! Backends that MPLP Trace writes to, each behind a feature.
#![cfg_attr(all(feature = "otlp", feature = "console"), doc = "\n")]
#![cfg_attr(all(feature = "otlp", feature = "console"), doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]

#[cfg(feature = "clickhouse")]
pub mod clickhouse;
#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "http-client")]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, unused_imports, reason = "each exporter uses a part"))]
pub mod http_client;
#[cfg(feature = "jaeger-remote")]
pub mod jaeger_remote;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(any(feature = "otlp", feature = "jaeger-remote-grpc"))]
mod wire_reader;
