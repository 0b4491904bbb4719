//! Deciding when a trace is over: all of its spans are held back until it is known whether one failed, was slow or
//! was found anomalous.
//!
//! ```
//! use std::time::Duration;
//! use trace_core::sample::tail::{Policy, TailConfig, TailSampler};
//! use trace_core::{pipeline::Pipeline, sample::AlwaysOn};
//!
//! let config = TailConfig::new()
//!     .policy("errors", Policy::error())
//!     .policy("slow", Policy::slower_than(Duration::from_secs(2)).or(Policy::slower_than_usual(0.99)))
//!     .policy("baseline", Policy::probability(0.05)?);
//! let pipeline = Pipeline::builder().processor(TailSampler::new(config)).start()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Steps in front of it, such as [`analyze::MeasureProcessor`](crate::analyze::MeasureProcessor), see every span; what
//! stands behind it sees what was kept.

mod anomalous;
mod cache;
mod config;
mod output;
mod policy;
mod sampler;
mod segments;
mod slow;
mod state;
#[cfg(test)]
mod tests;
mod trace;
mod vote;

pub use anomalous::AnomalousTraces;
pub use config::TailConfig;
pub use policy::Policy;
pub use sampler::{TailSampler, TailStats};
pub use trace::TraceView;
pub use vote::Vote;
