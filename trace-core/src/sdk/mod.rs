//! The official OpenTelemetry SDK as neighbour (feature `otel-sdk`).
//!
//! | you have | you add |
//! |---|---|
//! | the SDK's `SdkTracerProvider`, and want its spans here | [`PipelineSpanProcessor`] |
//! | the SDK's `SdkMeterProvider`, and want its metrics here | [`PipelineMetricExporter`] in its `PeriodicReader` |
//! | this pipeline, and an official `SpanExporter` | [`OfficialSpanExporter`] |
//! | this pipeline, and an official `PushMetricExporter` | [`OfficialMetricExporter`] |
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use opentelemetry::trace::{Span, Tracer, TracerProvider};
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use trace_core::{pipeline::Pipeline, sdk::PipelineSpanProcessor, store::MemoryStore};
//!
//! let pipeline = Arc::new(Pipeline::builder().export_spans("memory", MemoryStore::default()).start()?);
//! let provider =
//!     SdkTracerProvider::builder().with_span_processor(PipelineSpanProcessor::new(pipeline.clone())).build();
//! provider.tracer("shop").start("order").end();
//! assert_eq!(pipeline.shutdown(Duration::from_secs(5))?.ledger.destinations[0].delivered, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What survives the way
//!
//! Spans: everything, in both directions, times to the nanosecond, repeated keys and empty arrays included. What
//! our data model does not have: times before 1970 or after 2554 (they become the nearest that exists, as in
//! OTLP), the difference between an empty and an absent version or schema of a library, and repeated attribute keys
//! of a library or a resource (the last one stays). A span without ids is counted as dropped (`invalid`), a link to
//! no span as a dropped link; OpenTelemetry calls both invalid.
//!
//! Metrics from the SDK: everything, except that sums over `i64::MAX` become doubles, and that exponential
//! histograms are refused by [`PipelineMetricExporter`], which the ledger counts. Metrics to an official exporter: see
//! [`OfficialMetricExporter`], for the SDK lets nobody else build its metric types.

mod hosted;
mod metric_data;
mod metric_exporter;
mod metric_mirror;
mod metric_source;
mod mirrored;
mod official;
mod processor;
mod redact;
mod replay;
mod resource;
mod span_buffer;
mod span_data;
mod span_exporter;
#[cfg(test)]
mod tests;

pub use metric_data::metrics_from_sdk;
pub use metric_exporter::OfficialMetricExporter;
pub use metric_source::PipelineMetricExporter;
pub use processor::PipelineSpanProcessor;
pub use resource::{resource_from_sdk, resource_to_sdk};
pub use span_data::{spans_from_sdk, spans_to_sdk};
pub use span_exporter::OfficialSpanExporter;
