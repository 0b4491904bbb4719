//! Spans, metrics and alerts: the data, the traits, recording and the pipeline of MPLP Trace.
//!
//! Everything else in the workspace is an implementation of a trait of [`signal`] over the data of [`model`].

pub mod analyze;
pub mod batch;
pub mod clock;
pub mod detect;
#[cfg(feature = "http")]
pub mod http;
pub mod metric;
pub mod model;
pub mod pipeline;
pub mod propagate;
pub mod record;
pub mod sample;
pub mod service;
pub mod signal;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

/// For implementing the asynchronous traits of [`signal`] without a dependency of your own.
pub use async_trait::async_trait;
