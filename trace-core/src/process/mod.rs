//! Processors: steps that every batch passes before it is fanned out.
//!
//! A processor is a [`SpanProcessor`](crate::signal::SpanProcessor); the pipeline runs them in the order in which they
//! were added. Put [`RedactProcessor`] after everything that adds attributes.
//!
//! ```
//! use trace_core::pipeline::Pipeline;
//! use trace_core::process::{EnrichProcessor, RedactProcessor, Redaction};
//!
//! let redact = RedactProcessor::builder().usual_secrets(Redaction::Mask).build()?;
//! let pipeline = Pipeline::builder()
//!     .processor(EnrichProcessor::new().set("deployment.region", "eu-1"))
//!     .processor(redact)
//!     .start()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod enrich;
mod redact;
mod resource;
mod tenant;

pub use enrich::EnrichProcessor;
pub use redact::{PatternDetector, RedactBuilder, RedactError, RedactProcessor, Redaction};
pub use resource::ResourceProcessor;
pub use tenant::TenantProcessor;
