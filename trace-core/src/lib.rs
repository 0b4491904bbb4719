//! Spans, metrics and alerts: the data, the traits, recording and the pipeline of MPLP Trace.
//!
//! Everything else in the workspace is an implementation of a trait of [`signal`] over the data of [`model`].

pub mod batch;
pub mod metric;
pub mod model;
pub mod propagate;
pub mod sample;
pub mod signal;
