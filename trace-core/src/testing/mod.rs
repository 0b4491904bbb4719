//! What tests of exporters, processors and instrumented code need (feature `testing`).

mod capture;
pub mod conformance;
mod store_conformance;
mod tree;

pub use crate::clock::ManualClock;
pub use capture::CaptureExporter;
pub use store_conformance::{Fidelity, span_store};
pub use tree::render_trace;
