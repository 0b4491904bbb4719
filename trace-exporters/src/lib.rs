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
#[cfg(feature = "prometheus")]
#[cfg_attr(not(feature = "remote-write"), allow(unreachable_pub, reason = "shared with remote write"))]
pub mod prometheus;
#[cfg(feature = "remote-write")]
pub mod remote_write;
#[cfg(any(feature = "otlp", feature = "jaeger-remote-grpc"))]
mod wire_reader;
#[cfg(any(feature = "otlp", feature = "prometheus"))]
#[cfg_attr(
    not(all(feature = "otlp", feature = "remote-write")),
    allow(dead_code, reason = "each format uses a part")
)]
mod wire_writer;
