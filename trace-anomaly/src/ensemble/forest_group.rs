//! The forest that all series with the same features share.

use crate::calibrate::Calibrator;
use crate::forest::{ForestConfig, SlidingForest};
use crate::series::{ForestVote, Rules};

/// Scores that must be known before the forest votes.
const ENOUGH_SCORES: f64 = 100.0;

/// A forest on residual rows and the history of its scores, pooled over series.
///
/// Residuals are in spreads of their own series, so rows of different series are of one kind. Sharing makes
/// the forest ready soon even if each series is slow, and one forest for hundreds of series costs less than a
/// megabyte where one each would cost hundreds.
#[derive(Debug)]
pub(super) struct ForestGroup {
    forest: SlidingForest,
    calibrator: Calibrator,
    row: Vec<f64>,
    shares: Vec<f64>,
    score: f64,
}

impl ForestGroup {
    /// A group that has seen nothing. The settings must be valid and `features` positive.
    pub(super) fn new(features: usize, config: &ForestConfig, seed: u64, rules: &Rules) -> Self {
        Self {
            forest: SlidingForest::of(features, config, seed),
            calibrator: Calibrator::of_range(0.0, 1.0, rules.calibration_memory(), rules.clip()),
            row: Vec::new(),
            shares: vec![0.0; features],
            score: f64::NAN,
        }
    }

    /// What the forest says of a row of residuals; nothing until it knows enough, and nothing of an empty row.
    pub(super) fn judge(&mut self, residuals: &[f64]) -> Option<ForestVote<'_>> {
        self.row.clear();
        // The logarithm beyond one spread keeps a single enormous residual from taking all cuts of a tree.
        self.row.extend(residuals.iter().map(|r| r.asinh()));
        self.score = f64::NAN;
        if !self.row.iter().any(|v| v.is_finite()) {
            return None;
        }
        self.score = self.forest.score(&self.row)?;
        if self.calibrator.learned() < ENOUGH_SCORES {
            return None;
        }
        self.forest.contributions(&self.row, &mut self.shares);
        Some(ForestVote { p: self.calibrator.p_value(self.score), shares: &self.shares })
    }

    /// Learns the row that was judged last, the `run`th of an anomaly (0 if it is normal). The forest learns normal
    /// rows only. Scores of anomalies belong to the false-alarm rate, but those of a long one weigh less and less
    /// (the inverse square of `run`), less than two in all.
    pub(super) fn learn(&mut self, run: usize) {
        self.calibrator.learn(self.score, 1.0 / (run.max(1) as f64).powi(2));
        if run == 0 {
            self.forest.learn(&self.row);
        }
    }
}
