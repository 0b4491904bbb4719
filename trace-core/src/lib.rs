//! Spans, metrics and alerts: the data, the traits, recording and the pipeline of MPLP Trace.
//!
//! ```
//! use std::time::Duration;
//! use trace_core::{pipeline::Pipeline, span, store::MemoryStore};
//!
//! let store = MemoryStore::default();
//! let pipeline = Pipeline::builder().export_spans("memory", store.clone()).start()?;
//! {
//!     let _order = span!(recorder: pipeline.recorder(), "order", user.id = 7);
//!     let charge = span!(recorder: pipeline.recorder(), kind: Client, "charge_card"); // a child of the order
//!     charge.set_attribute("amount", 12.5);
//! }
//! let report = pipeline.shutdown(Duration::from_secs(5))?; // an error if a span was lost
//! assert_eq!(report.ledger.destinations[0].delivered, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`model`], [`batch`] | plain data; many spans in columns |
//! | [`signal`] | the traits that users implement |
//! | [`record`] | `span!`, async spans, the `opentelemetry` API (feature `otel`), the `tracing` layer (feature `tracing`) |
//! | [`log`] | log records, and the bridge from `tracing` events (feature `tracing`) |
//! | [`metric`] | instruments and their collection |
//! | [`pipeline`] | processors, destinations, retry, shutdown, the account of every span |
//! | [`sample`], [`propagate`] | which traces are recorded; trace headers: W3C, B3, Jaeger and others |
//! | [`process`] | processors: enrich, redact, resource |
//! | [`tenant`] | whose telemetry it is, quotas, fair shares |
//! | [`mod@env`], [`resource`] | `OTEL_*` variables; what a process finds out about itself |
//! | [`store`], [`analyze`] | the in-memory store; windows, critical path, baselines, advice |
//! | [`detect`] | from windows to anomalies to alerts |
//! | [`service`] | `TracingService`: metrics, alerts, queries and health behind five calls |
//! | `sdk` (feature `otel-sdk`) | the official OpenTelemetry SDK as neighbour |
//! | `http` (feature `http`) | tower layers for servers and clients |
//! | `testing` (feature `testing`) | what tests of exporters and instrumented code need |
//!
//! Everything else in the workspace is an implementation of a trait of [`signal`] over the data of [`model`].
// One instruction, in `clock/tsc.rs`.
#![deny(unsafe_code)]

pub mod analyze;
pub mod batch;
pub mod clock;
pub mod detect;
pub mod env;
#[cfg(feature = "http")]
pub mod http;
pub mod log;
pub mod metric;
pub mod model;
pub mod pipeline;
pub mod process;
pub mod propagate;
pub mod record;
pub mod resource;
pub mod sample;
#[cfg(feature = "otel-sdk")]
pub mod sdk;
pub mod service;
pub mod signal;
pub mod store;
pub mod tenant;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

/// For implementing the asynchronous traits of [`signal`] without a dependency of your own.
pub use async_trait::async_trait;
