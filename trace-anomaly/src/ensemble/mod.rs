//! The detector for many series: baselines by series, a shared forest on their residuals, one confidence.

mod detector;
mod forest_group;
mod recent;

pub use detector::{EnsembleDetector, EnsembleStats};
