//! What tests of exporters, processors and instrumented code need (feature `testing`).

mod capture;
mod tree;

pub use crate::clock::ManualClock;
pub use capture::CaptureExporter;
pub use tree::render_trace;
