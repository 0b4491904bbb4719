//! OTLP from others into the pipeline: gRPC, HTTP/protobuf and HTTP/JSON.
//!
//! [`OtlpReceiver`] is a `tower` service for a server that a program has; [`OtlpListener`] listens by itself, with gRPC
//! and HTTP on every port of its. A request is answered with success when a [`Holder`](crate::receiver::Holder) has taken
//! all of it, such as the pipeline through its [`Ingest`](trace_core::pipeline::Ingest). Records that cannot be kept are
//! left out and named in a partial success; under load a client is told when to come back.
//! Specification: <https://opentelemetry.io/docs/specs/otlp/>.

mod config;
mod export;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grpc;
mod http_answer;
mod json;
mod listener;
mod service;
mod status;

pub use config::{InvalidReceiver, OtlpReceiverConfig};
pub use json::{JsonError, decode_logs_json, decode_metrics_json, decode_spans_json};
pub use listener::OtlpListener;
pub use service::OtlpReceiver;
