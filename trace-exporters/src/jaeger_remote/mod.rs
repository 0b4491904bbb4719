//! Asking a Jaeger backend over HTTP how to sample.
//!
//! [`JaegerSampling`] is the source that a [`trace_core::sample::remote::RemotePoller`] asks: `GET ENDPOINT?service=NAME`,
//! which Jaeger's collector and agent answer at port 5778, and the OpenTelemetry collector's `jaegerremotesampling`
//! extension too. Their gRPC form is not spoken.
//!
//! ```
//! use trace_core::sample::remote::{RemoteConfig, RemoteSampler};
//! use trace_exporters::jaeger_remote::JaegerSampling;
//!
//! let (sampler, poller) = RemoteSampler::new(RemoteConfig::new("checkout"))?;
//! let polling = poller.spawn(JaegerSampling::new("http://localhost:5778/sampling")?)?; // until it is dropped
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod source;

pub use source::{InvalidSamplingEndpoint, JaegerSampling};
