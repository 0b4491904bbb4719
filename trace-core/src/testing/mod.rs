//! What tests of exporters, processors and instrumented code need (feature `testing`).

mod capture;
pub mod conformance;
mod tree;

pub use crate::clock::ManualClock;
pub use capture::CaptureExporter;
pub use tree::render_trace;
