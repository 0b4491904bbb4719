//! MPLP Trace in one package: every crate of the workspace behind a feature of its own, and the configuration.
//!
//! | feature | module |
//! |---|---|
//! | (always) | [`core`](mod@core) |
//! | `exporters` | `exporters` |
//! | `anomaly` | `anomaly` |
//! | `alerting` | `alerting` |
//! | `context` | `context_integration` |
//! | `module` | [`config`], and [`module`](mod@module) with [`TraceModule`]: everything assembled from a configuration |
//! | `http` | `core::http`: tower layers for servers |
//! | `tracing` | `core::record::tracing_layer` |
//! | `otel` | (nothing new: `TraceModule::set_global` also serves the `opentelemetry` API) |
//! | `grpc` | (nothing new: OTLP and Jaeger over gRPC too) |
//! | `zstd` | (nothing new: `compression: zstd`) |
//! | `sqlite`, `kafka` | (nothing new: the destinations of these names, and the receiver `kafka`) |
//! | `jaeger-grpc` | (nothing new: `jaeger_remote` sampling also over gRPC) |
//! | `receivers` | `TraceModule::listen`: OTLP, Jaeger, Zipkin and remote write from others |
//! | `server` (default) | all of these but `tracing`, `otel` and `kafka`, `server`, and the program `mplp-trace` |
#![forbid(unsafe_code)]

#[cfg(feature = "module")]
pub mod config;
#[cfg(feature = "module")]
mod error;
#[cfg(feature = "module")]
pub mod module;
#[cfg(feature = "server")]
pub mod server;

#[cfg(feature = "alerting")]
pub use trace_alerting as alerting;
#[cfg(feature = "anomaly")]
pub use trace_anomaly as anomaly;
#[cfg(feature = "context")]
pub use trace_context_integration as context_integration;
pub use trace_core as core;
#[cfg(feature = "exporters")]
pub use trace_exporters as exporters;

#[cfg(feature = "module")]
pub use config::TraceConfig;
#[cfg(feature = "module")]
pub use error::{ConfigErrors, ConfigProblem, ConfigWarning};
#[cfg(feature = "module")]
pub use module::TraceModule;

/// The programs of the README, compiled and run.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
