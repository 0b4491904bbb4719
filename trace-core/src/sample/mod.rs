//! Which traces are recorded: samplers that decide at the start of a trace.

mod constant;
mod parent_based;
mod ratio;

pub use constant::{AlwaysOff, AlwaysOn};
pub use parent_based::ParentBased;
pub use ratio::{InvalidRatio, RatioSampler};
