//! From measurements to anomalies and alerts.
//!
//! [`DetectionStage`] closes windows of [`crate::analyze::RedWindows`] into samples, asks a
//! [`Detector`](crate::signal::Detector) about each on a thread of its own, follows every series through its
//! [`Lifecycle`], and writes what it finds into an [`AnomalyLog`](crate::store::AnomalyLog) and an
//! [`AlertSink`](crate::signal::AlertSink).

mod alert;
mod engine;
mod explain;
mod lifecycle;
mod sample;
mod stage;
#[cfg(test)]
mod tests;

pub use engine::DetectionStats;
pub use lifecycle::{Lifecycle, LifecycleConfig, SeriesName, Transition};
pub use sample::OwnedSample;
pub use stage::{DetectionConfig, DetectionStage, DetectionStageBuilder};
