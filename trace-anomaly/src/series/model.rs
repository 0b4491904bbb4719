//! The model of one series, whatever number of features it has.

use trace_core::signal::{FeatureVerdict, Verdict, VerdictState};

use crate::baseline::{FeatureScale, Pace, RobustBaseline, residual_surprise, surprise_to_residual};
use crate::calibrate::Calibrator;
use crate::confidence::ConfidenceScale;

/// Calibration remembers so many times longer than baselines: it lives off rare events.
const CALIBRATION_MEMORY: usize = 4;
/// A run of anomalous observations up to this length is chance until shown otherwise; a longer one is an incident.
const LONGEST_CHANCE_RUN: usize = 4;

/// What is the same for every series of a detector.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) confidence: ConfidenceScale,
    pub(crate) threshold: f64,
    pub(crate) false_alarm_rate: f64,
    pub(crate) warm_up: usize,
    pub(crate) memory: usize,
}

impl Rules {
    /// An empty calibration of surprises.
    fn surprise_calibrator(&self) -> Calibrator {
        Calibrator::of_surprise(self.calibration_memory(), self.clip())
    }

    pub(crate) fn calibration_memory(&self) -> usize {
        self.memory.saturating_mul(CALIBRATION_MEMORY)
    }

    /// Scores rarer than this teach no more than that they are rare. Well below the false-alarm rate, so that the
    /// rate at the threshold is not touched.
    pub(crate) fn clip(&self) -> f64 {
        (self.false_alarm_rate / 5.0).min(0.001)
    }
}

/// What a forest says of the residuals of one observation.
#[derive(Clone, Debug)]
pub(crate) struct ForestVote<'a> {
    /// Calibrated.
    pub(crate) p: f64,
    /// The share of each feature; together 1.
    pub(crate) shares: &'a [f64],
}

#[derive(Clone, Debug)]
struct FeatureModel {
    baseline: RobustBaseline,
    calibrator: Calibrator,
}

/// The model of one series.
#[derive(Clone, Debug)]
pub(crate) struct SeriesModel {
    names: Vec<&'static str>,
    features: Vec<FeatureModel>,
    combined: Calibrator,
    observations: usize,
    /// How many anomalous observations came without a normal one between.
    run: usize,
    /// The first observations of the run, to be learned when it has ended.
    held: Vec<Held>,
    /// `-ln p` by feature; NaN if it has no vote. Kept to reuse the memory.
    surprises: Vec<f64>,
}

/// What calibration will learn from an anomalous observation.
#[derive(Clone, Debug)]
struct Held {
    residuals: Vec<f64>,
    score: f64,
}

impl SeriesModel {
    pub(crate) fn new(features: impl Iterator<Item = (&'static str, FeatureScale)>, rules: &Rules) -> Self {
        let (names, features): (Vec<_>, Vec<_>) = features
            .map(|(name, scale)| {
                let baseline = RobustBaseline::new(scale, rules.warm_up, rules.memory);
                (name, FeatureModel { baseline, calibrator: rules.surprise_calibrator() })
            })
            .unzip();
        Self {
            names,
            features,
            combined: rules.surprise_calibrator(),
            observations: 0,
            run: 0,
            held: Vec::new(),
            surprises: Vec::new(),
        }
    }

    /// Whether the model is for exactly these features.
    pub(crate) fn fits(&self, features: &[(&'static str, f64)]) -> bool {
        self.names.len() == features.len() && self.names.iter().zip(features).all(|(a, (b, _))| a == b)
    }

    /// The residual of each value, NaN if it is missing or not yet known what is normal.
    pub(crate) fn residuals(&self, values: impl Iterator<Item = f64>, residuals: &mut Vec<f64>) {
        residuals.clear();
        residuals.extend(self.features.iter().zip(values).map(|(f, v)| f.baseline.residual(v)));
    }

    /// Judges an observation by its residuals, then learns it.
    pub(crate) fn observe(
        &mut self,
        values: impl Iterator<Item = f64> + Clone,
        residuals: &[f64],
        forest: Option<&ForestVote<'_>>,
        rules: &Rules,
    ) -> Verdict {
        if !values.clone().any(f64::is_finite) {
            let state = if self.is_learning(rules) { VerdictState::Learning } else { VerdictState::Normal };
            return Verdict { state, ..Verdict::learning() };
        }
        let score = self.score(residuals, forest);
        let verdict = match score {
            Some(score) if !self.is_learning(rules) => self.verdict(score, values.clone(), forest, rules),
            _ => Verdict::learning(),
        };
        self.observations = self.observations.saturating_add(1);
        self.learn(values, residuals, score, verdict.state, rules);
        verdict
    }

    /// How many anomalous observations came without a normal one between.
    pub(crate) fn run(&self) -> usize {
        self.run
    }

    fn is_learning(&self, rules: &Rules) -> bool {
        self.observations < rules.warm_up
    }

    /// The surprise of the most surprising channel, corrected for how many there are to choose from (Šidák):
    /// `-ln(1 - (1 - p)^m)`. `None` if no channel has a vote.
    fn score(&mut self, residuals: &[f64], forest: Option<&ForestVote<'_>>) -> Option<f64> {
        self.surprises.clear();
        let (mut least, mut channels) = (1.0_f64, 0.0);
        for (feature, residual) in self.features.iter().zip(residuals) {
            let surprise = residual_surprise(*residual);
            if surprise.is_nan() {
                self.surprises.push(f64::NAN);
                continue;
            }
            let p = feature.calibrator.p_value(surprise);
            self.surprises.push(-p.ln());
            least = least.min(p);
            channels += 1.0;
        }
        if channels == 0.0 {
            return None;
        }
        if let Some(vote) = forest {
            least = least.min(vote.p);
            channels += 1.0;
        }
        Some(-(-(channels * (-least).ln_1p()).exp_m1()).ln())
    }

    fn verdict(
        &self,
        score: f64,
        values: impl Iterator<Item = f64>,
        forest: Option<&ForestVote<'_>>,
        rules: &Rules,
    ) -> Verdict {
        let confidence = rules.confidence.confidence(self.combined.p_value(score));
        let state =
            if confidence >= rules.threshold { VerdictState::Anomalous } else { VerdictState::Normal };
        let features = self.explain(values, forest, rules);
        Verdict { state, score: score.max(0.0), confidence, features }
    }

    /// The features that had a vote, the largest contribution first.
    ///
    /// Squared surprises add up: a feature's own, and its share of the forest's.
    fn explain(
        &self,
        values: impl Iterator<Item = f64>,
        forest: Option<&ForestVote<'_>>,
        rules: &Rules,
    ) -> Vec<FeatureVerdict> {
        let mut verdicts = Vec::with_capacity(self.features.len());
        for (i, (observed, surprise)) in values.zip(&self.surprises).enumerate() {
            if surprise.is_nan() {
                continue;
            }
            let by_forest = forest.map_or(0.0, |vote| vote.p.ln().powi(2) * vote.shares[i]);
            let FeatureModel { baseline, calibrator } = &self.features[i];
            let width = surprise_to_residual(calibrator.quantile(rules.false_alarm_rate));
            verdicts.push(FeatureVerdict {
                name: self.names[i],
                observed,
                expected: baseline.expected(),
                band: baseline.band(width),
                contribution: surprise * surprise + by_forest,
            });
        }
        let sum: f64 = verdicts.iter().map(|v| v.contribution).sum();
        for verdict in &mut verdicts {
            verdict.contribution = if sum > 0.0 { verdict.contribution / sum } else { 0.0 };
        }
        verdicts.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
        verdicts
    }

    /// Learns an observation.
    ///
    /// Baselines learn it at once, in an anomaly ten times slower; an anomaly that lasts longer than their memory is
    /// taken for the new norm. Calibration learns an anomalous run when it has ended: all of a short run, because
    /// chance makes such runs and they belong to the false-alarm rate, but only one observation of a longer one,
    /// so that an incident neither wears off while it lasts nor hides the next one.
    fn learn(
        &mut self,
        values: impl Iterator<Item = f64>,
        residuals: &[f64],
        score: Option<f64>,
        state: VerdictState,
        rules: &Rules,
    ) {
        let anomalous = state == VerdictState::Anomalous;
        if anomalous {
            self.run = self.run.saturating_add(1);
            if let Some(score) = score
                && self.held.len() < LONGEST_CHANCE_RUN
            {
                self.held.push(Held { residuals: residuals.to_vec(), score });
            }
        } else {
            let learned = if self.run > LONGEST_CHANCE_RUN { 1 } else { self.held.len() };
            for held in std::mem::take(&mut self.held).into_iter().take(learned) {
                self.calibrate(&held.residuals, Some(held.score));
            }
            self.run = 0;
            self.calibrate(residuals, score);
        }
        let pace = if anomalous && self.run <= rules.memory { Pace::Anomalous } else { Pace::Normal };
        for (feature, value) in self.features.iter_mut().zip(values) {
            for value in feature.baseline.learn(value, pace).unwrap_or_default() {
                feature.calibrator.learn(residual_surprise(feature.baseline.residual(value)), 1.0);
            }
        }
    }

    fn calibrate(&mut self, residuals: &[f64], score: Option<f64>) {
        if let Some(score) = score {
            self.combined.learn(score, 1.0);
        }
        for (feature, residual) in self.features.iter_mut().zip(residuals) {
            feature.calibrator.learn(residual_surprise(*residual), 1.0);
        }
    }
}
