//! Backends that MPLP Trace writes to, each behind a feature.
#![cfg_attr(all(feature = "otlp", feature = "console"), doc = "\n")]
#![cfg_attr(all(feature = "otlp", feature = "console"), doc = include_str!("../README.md"))]
#![forbid(unsafe_code)]

#[cfg(all(test, any(feature = "jaeger", feature = "zipkin", feature = "mplp")))]
mod any_span;
#[cfg(feature = "clickhouse")]
pub mod clickhouse;
#[cfg(any(feature = "http-client", feature = "kafka"))]
pub mod connection;
#[cfg(feature = "console")]
pub mod console;
#[cfg(any(feature = "otlp-codec", feature = "zipkin"))]
mod decoded;
#[cfg(feature = "delivery")]
pub mod delivery;
#[cfg(feature = "grpc-client")]
#[cfg_attr(
    not(all(feature = "otlp-grpc", feature = "jaeger-remote-grpc")),
    allow(dead_code, unused_imports, reason = "each exporter uses a part")
)]
mod grpc_client;
#[cfg(feature = "http-client")]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, unused_imports, reason = "each exporter uses a part"))]
pub mod http_client;
#[cfg(feature = "jaeger")]
pub mod jaeger;
#[cfg(feature = "jaeger-receiver")]
pub mod jaeger_receiver;
#[cfg(feature = "jaeger-remote")]
pub mod jaeger_remote;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "mplp")]
pub mod mplp;
#[cfg(feature = "otlp-codec")]
pub mod otlp;
#[cfg(feature = "otlp-receiver")]
pub mod otlp_receiver;
#[cfg(any(feature = "otlp", feature = "zipkin"))]
mod outcome;
#[cfg(feature = "prometheus")]
#[cfg_attr(not(feature = "remote-write"), allow(unreachable_pub, reason = "shared with remote write"))]
pub mod prometheus;
#[cfg(feature = "receiver")]
#[cfg_attr(
    not(all(
        feature = "otlp-receiver",
        feature = "jaeger-receiver",
        feature = "zipkin-receiver",
        feature = "remote-write-receiver"
    )),
    allow(dead_code, unused_imports, reason = "each receiver uses a part")
)]
pub mod receiver;
#[cfg(feature = "remote-write")]
pub mod remote_write;
#[cfg(feature = "remote-write-receiver")]
pub mod remote_write_receiver;
#[cfg(any(
    feature = "clickhouse",
    feature = "grpc-client",
    feature = "kafka",
    feature = "otlp",
    feature = "remote-write",
    feature = "zipkin"
))]
mod shorten;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "jaeger")]
mod thrift;
#[cfg(any(feature = "otlp-codec", feature = "grpc-client", feature = "remote-write-receiver"))]
#[cfg_attr(not(feature = "otlp-codec"), allow(dead_code, reason = "each format uses a part"))]
mod wire_reader;
#[cfg(any(feature = "otlp-codec", feature = "prometheus"))]
#[cfg_attr(
    not(all(feature = "otlp-codec", feature = "remote-write")),
    allow(dead_code, reason = "each format uses a part")
)]
mod wire_writer;
#[cfg(feature = "zipkin")]
pub mod zipkin;
#[cfg(feature = "zipkin-receiver")]
pub mod zipkin_receiver;
