//! A detector for a single sequence of numbers, without the rest of the toolkit.

use std::iter::once;

use trace_core::signal::Verdict;

use super::model::{Rules, SeriesModel};
use crate::baseline::FeatureScale;
use crate::confidence::{ANCHOR, ConfidenceScale};
use crate::config::check_judging;
use crate::error::ConfigError;

/// The settings of a [`SeriesDetector`].
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesConfig {
    /// See [`AnomalyConfig::confidence_threshold`](crate::AnomalyConfig::confidence_threshold).
    pub confidence_threshold: f64,
    /// See [`AnomalyConfig::false_alarm_rate`](crate::AnomalyConfig::false_alarm_rate).
    pub false_alarm_rate: f64,
    /// See [`AnomalyConfig::warm_up`](crate::AnomalyConfig::warm_up).
    pub warm_up: usize,
    /// See [`AnomalyConfig::memory`](crate::AnomalyConfig::memory).
    pub memory: usize,
    /// How values are compared.
    pub scale: FeatureScale,
}

impl Default for SeriesConfig {
    fn default() -> Self {
        Self {
            confidence_threshold: ANCHOR,
            false_alarm_rate: 0.01,
            warm_up: 20,
            memory: 512,
            scale: FeatureScale::LINEAR,
        }
    }
}

impl SeriesConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is outside of the range its documentation gives.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_judging(self.confidence_threshold, self.false_alarm_rate, self.warm_up, self.memory)
    }
}

/// Watches one sequence of numbers: baseline and calibration of the ensemble, without a forest.
#[derive(Clone, Debug)]
pub struct SeriesDetector {
    model: SeriesModel,
    rules: Rules,
    residuals: Vec<f64>,
}

impl Default for SeriesDetector {
    fn default() -> Self {
        Self::of(&SeriesConfig::default())
    }
}

impl SeriesDetector {
    /// The name of the only feature in verdicts.
    pub const FEATURE: &'static str = "value";

    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// Settings outside of their ranges.
    pub fn new(config: &SeriesConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::of(config))
    }

    fn of(config: &SeriesConfig) -> Self {
        let rules = Rules {
            confidence: ConfidenceScale::new(config.false_alarm_rate),
            threshold: config.confidence_threshold,
            false_alarm_rate: config.false_alarm_rate,
            warm_up: config.warm_up,
            memory: config.memory,
        };
        let model = SeriesModel::new(once((Self::FEATURE, config.scale)), &rules);
        Self { model, rules, residuals: Vec::new() }
    }

    /// Judges a value, then learns from it. NaN and infinite values are missing: never anomalous, never learned.
    pub fn observe(&mut self, value: f64) -> Verdict {
        self.model.residuals(once(value), &mut self.residuals);
        self.model.observe(once(value), &self.residuals, None, &self.rules)
    }
}
