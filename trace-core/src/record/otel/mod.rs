//! The `opentelemetry` API as a door (feature `otel`).
//!
//! ```
//! use opentelemetry::{global, trace::{Tracer, Span}};
//! use trace_core::{pipeline::Pipeline, record::otel::TracerProvider};
//!
//! let pipeline = Pipeline::builder().start()?;
//! global::set_tracer_provider(TracerProvider::new(pipeline.recorder().clone()));
//! global::tracer("my-library").start("work").end();
//! # Ok::<_, std::io::Error>(())
//! ```

pub(crate) mod convert;
mod provider;
mod span;
#[cfg(test)]
mod tests;

pub use provider::{Tracer, TracerProvider};
pub use span::OtelSpan;
