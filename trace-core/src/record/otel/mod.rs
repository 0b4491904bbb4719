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

mod attributes;
pub(crate) mod convert;
mod drafted;
mod lean;
mod provider;
mod scope;
mod sites;
mod span;
pub(crate) mod tenants;
#[cfg(test)]
mod tests;

pub(super) use attributes::Attributes;
pub(super) use lean::Lean;
pub use provider::{Tracer, TracerProvider};
pub use span::OtelSpan;
