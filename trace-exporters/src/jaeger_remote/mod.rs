//! Asking a Jaeger backend how to sample.
//!
//! [`JaegerSampling`] is the source that a [`trace_core::sample::remote::RemotePoller`] asks over HTTP: `GET
//! ENDPOINT?service=NAME`, which Jaeger's collector and agent answer at port 5778, and the OpenTelemetry collector's
//! `jaegerremotesampling` extension too. `JaegerGrpcSampling` (feature `jaeger-remote-grpc`) asks the same over gRPC, at
//! port 5779; [`source`] takes whichever an address means.
//!
//! ```
//! use trace_core::sample::remote::{RemoteConfig, RemoteSampler};
//! use trace_exporters::jaeger_remote::JaegerSampling;
//!
//! let (sampler, poller) = RemoteSampler::new(RemoteConfig::new("checkout"))?;
//! let polling = poller.spawn(JaegerSampling::new("http://localhost:5778/sampling")?)?; // until it is dropped
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod any;
mod endpoint;
#[cfg(all(fuzzing, feature = "jaeger-remote-grpc"))]
pub mod fuzzing;
#[cfg(feature = "jaeger-remote-grpc")]
mod grpc;
#[cfg(feature = "jaeger-remote-grpc")]
mod message;
mod source;

pub use any::source;
pub use endpoint::InvalidSamplingEndpoint;
#[cfg(feature = "jaeger-remote-grpc")]
pub use grpc::JaegerGrpcSampling;
pub use source::JaegerSampling;
