//! Decorators around any [`SpanExporter`](trace_core::signal::SpanExporter),
//! [`MetricExporter`](trace_core::signal::MetricExporter) or [`LogExporter`](trace_core::signal::LogExporter).
//!
//! | decorator | what it does |
//! |---|---|
//! | [`Spill`](spill::Spill) | a log on disk in front of a destination: what it holds survives an outage and a crash |
//! | [`TimeLimit`] | ends an attempt that takes too long, or panics |
//! | [`Retry`] | repeats failed attempts; the pipeline does so itself, this is for use outside of one |
//! | [`Throttle`] | at most so many records and bytes a second; waits, and drops nothing |
//! | [`Failover`] | an ordered list of destinations, of which one takes each batch |
//! | [`Tee`] | several destinations that take each batch, or any of them |
//!
//! [`DeliveryConfig`] puts them around an exporter in the right order, the same way for every kind.
//!
//! To send everything to several backends, give the pipeline several destinations: each has a queue, a thread, retries and
//! accounts of its own, which a [`Tee`] cannot have.

mod attempt;
mod batch;
mod config;
mod failover;
mod retry;
pub mod spill;
mod tee;
#[cfg(test)]
mod testing;
mod throttle;
mod wrap;

pub use attempt::TimeLimit;
pub use config::{
    DeliveryConfig, DeliveryConfigError, FailoverConfig, RetryConfig, TeeConfig, ThrottleConfig,
};
pub use failover::Failover;
pub use retry::Retry;
pub use tee::{Tee, TeePolicy};
pub use throttle::Throttle;
