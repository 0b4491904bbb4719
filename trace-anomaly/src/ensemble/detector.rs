//! The ensemble as a [`Detector`].

use trace_core::signal::{Detector, Sample, Verdict};

use super::forest_group::ForestGroup;
use super::recent::RecentMap;
use crate::baseline::FeatureScale;
use crate::confidence::ConfidenceScale;
use crate::config::AnomalyConfig;
use crate::error::ConfigError;
use crate::series::{Rules, SeriesModel};

/// Forests that are kept; a forest serves all series that have the same features.
const MOST_FORESTS: usize = 16;

/// Watches many series; the implementation behind `modelType: isolation_forest`.
///
/// For each series and feature a [`RobustBaseline`](crate::RobustBaseline) gives a residual, and the history of
/// such residuals a p-value. A [`SlidingForest`](crate::SlidingForest) over the residuals of all series with the
/// same features adds a p-value for combinations that no feature shows alone. The smallest of them, corrected for
/// their number, is the score; the history of the series' scores turns it into the p-value that
/// [`ConfidenceScale`] turns into the confidence. See the [crate documentation](crate) for what is promised.
///
/// - A series whose feature names change starts anew.
/// - NaN and infinite features are missing: they have no vote, are not learned, and are not in the verdict. A
///   sample of nothing else is normal.
/// - Features are compared on the scale that [`FeatureScale::of`] gives their names.
/// - A series of a single feature is judged without a forest.
#[derive(Debug)]
pub struct EnsembleDetector {
    config: AnomalyConfig,
    rules: Rules,
    series: RecentMap<SeriesModel>,
    forests: RecentMap<ForestGroup>,
    name: String,
    residuals: Vec<f64>,
    restarted: u64,
}

/// What an [`EnsembleDetector`] holds and has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnsembleStats {
    /// Series that are kept.
    pub series: usize,
    /// Series that were forgotten to make room.
    pub evicted_series: u64,
    /// Series that started anew because their features changed.
    pub restarted_series: u64,
    /// Forests that are kept.
    pub forests: usize,
    /// Forests that were forgotten to make room.
    pub evicted_forests: u64,
}

impl EnsembleDetector {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// Settings outside of their ranges.
    pub fn new(config: AnomalyConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let rules = Rules {
            confidence: ConfidenceScale::new(config.false_alarm_rate),
            threshold: config.confidence_threshold,
            false_alarm_rate: config.false_alarm_rate,
            warm_up: config.warm_up,
            memory: config.memory,
        };
        Ok(Self {
            series: RecentMap::new(config.max_series),
            forests: RecentMap::new(MOST_FORESTS),
            config,
            rules,
            name: String::new(),
            residuals: Vec::new(),
            restarted: 0,
        })
    }

    /// The settings.
    pub fn config(&self) -> &AnomalyConfig {
        &self.config
    }

    /// What is held and what was given up.
    pub fn stats(&self) -> EnsembleStats {
        EnsembleStats {
            series: self.series.len(),
            evicted_series: self.series.evicted(),
            restarted_series: self.restarted,
            forests: self.forests.len(),
            evicted_forests: self.forests.evicted(),
        }
    }
}

impl Detector for EnsembleDetector {
    fn name(&self) -> &str {
        self.config.model_type.as_str()
    }

    fn observe(&mut self, sample: &Sample<'_>) -> Verdict {
        let features = sample.features;
        if features.is_empty() {
            return Verdict::learning();
        }
        let rules = &self.rules;
        let fresh = || SeriesModel::new(features.iter().map(|(n, _)| (*n, FeatureScale::of(n))), rules);
        // No tenant id has a line break.
        join(&mut self.name, [sample.tenant.as_str(), sample.series].into_iter());
        let model = self.series.get_or_insert_with(&self.name, fresh);
        if !model.fits(features) {
            *model = fresh();
            self.restarted += 1;
        }
        let values = features.iter().map(|(_, value)| *value);
        model.residuals(values.clone(), &mut self.residuals);
        if features.len() == 1 {
            return model.observe(values, &self.residuals, None, rules);
        }
        join(&mut self.name, features.iter().map(|(name, _)| *name));
        let (forest, seed) = (&self.config.forest, self.config.seed);
        let group = self
            .forests
            .get_or_insert_with(&self.name, || ForestGroup::new(features.len(), forest, seed, rules));
        let vote = group.judge(&self.residuals);
        let verdict = model.observe(values, &self.residuals, vote.as_ref(), rules);
        group.learn(model.run());
        verdict
    }
}

fn join<'a>(name: &mut String, parts: impl Iterator<Item = &'a str>) {
    name.clear();
    for part in parts {
        name.push_str(part);
        name.push('\n');
    }
}
