//! What Zipkin's clients send: v2 JSON by `POST /api/v2/spans` (9411).
//!
//! [`ZipkinReceiver`] is a `tower` service, and listens by itself.

mod service;

pub use service::ZipkinReceiver;
