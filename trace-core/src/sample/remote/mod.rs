//! Sampling that a Jaeger backend decides: its strategies, and asking for them.
//!
//! [`RemoteSampler`] samples by the last good strategy; its [`RemotePoller`] asks a [`StrategySource`] for a new one from
//! time to time. The sources over HTTP and gRPC are in `trace-exporters` (features `jaeger-remote`, `jaeger-remote-grpc`).
//!
//! ```
//! use trace_core::sample::remote::{RemoteConfig, RemoteSampler};
//!
//! let (sampler, poller) = RemoteSampler::new(RemoteConfig::new("checkout"))?;
//! // let polling = poller.spawn(JaegerSampling::new("http://localhost:5778/sampling")?)?;
//! # Ok::<(), trace_core::sample::InvalidRatio>(())
//! ```

mod operations;
mod poller;
mod sampler;
mod source;
mod strategy;
#[cfg(test)]
mod tests;

pub use poller::{Polling, RemotePoller};
pub use sampler::{RemoteConfig, RemoteSampler, RemoteStatus};
pub use source::{FetchError, StrategySource};
pub use strategy::{InvalidStrategy, OperationStrategy, PerOperation, Strategy};
