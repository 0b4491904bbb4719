//! What the neighbours promise.

mod exporting;
mod generate;
mod metrics;
mod processing;
mod suppression;
mod way;

pub(super) use way::plain;
