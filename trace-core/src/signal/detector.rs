//! What watches a stream of measurements.

use std::time::Duration;

use crate::model::{TenantId, Timestamp, TraceIds};

/// One observation of one series: a few named features of the same window of time.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The owner of the series.
    pub tenant: &'a TenantId,
    /// The series, such as `checkout/POST /orders`.
    pub series: &'a str,
    /// The end of the window.
    pub time: Timestamp,
    /// The length of the window.
    pub window: Duration,
    /// Names (with the unit as suffix) and values. A series has the same names in the same order every time.
    /// A value that is NaN is missing.
    pub features: &'a [(&'static str, f64)],
    /// How many events the window holds.
    pub events: u64,
    /// A trace that is typical for the upper end of the window.
    pub exemplar: Option<TraceIds>,
}

/// How sure a detector is at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictState {
    /// Not enough seen yet; never anomalous.
    Learning,
    /// Like itself.
    Normal,
    /// Unlike itself at the detector's threshold.
    Anomalous,
}

/// What one feature adds to a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureVerdict {
    /// The feature.
    pub name: &'static str,
    /// What was seen.
    pub observed: f64,
    /// What is normal.
    pub expected: Option<f64>,
    /// The edges of the normal band.
    pub band: Option<(f64, f64)>,
    /// The share of the score, 0 to 1; all features together make 1 unless the score is zero.
    pub contribution: f64,
}

/// What a detector thinks of a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether it is anomalous.
    pub state: VerdictState,
    /// The detector's own score; comparable only within it.
    pub score: f64,
    /// Calibrated, 0 to 1. The detector documents which false-alarm rate a value stands for.
    pub confidence: f64,
    /// What each feature adds, the largest first.
    pub features: Vec<FeatureVerdict>,
}

impl Verdict {
    /// No opinion yet.
    pub fn learning() -> Self {
        Self { state: VerdictState::Learning, score: 0.0, confidence: 0.0, features: Vec::new() }
    }
}

/// Watches many series, one sample at a time, in time order per series.
///
/// It runs on a thread of its own. It sees only the past, keeps its memory bounded, and gives the same verdicts
/// for the same samples. A panic is caught: the sample is counted as failed and the detector goes on with the
/// next one.
pub trait Detector: Send {
    /// A short name, such as `isolation_forest`.
    fn name(&self) -> &str;

    /// Judges a sample, then learns from it.
    fn observe(&mut self, sample: &Sample<'_>) -> Verdict;
}
