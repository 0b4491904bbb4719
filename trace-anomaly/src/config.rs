//! The settings of the ensemble.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
use crate::forest::ForestConfig;

/// The models that can be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ModelType {
    /// Isolation forest on residuals from robust baselines: [`EnsembleDetector`](crate::EnsembleDetector).
    #[default]
    IsolationForest,
}

impl ModelType {
    /// Every model, in the order of the documentation.
    pub const ALL: [Self; 1] = [Self::IsolationForest];

    /// The name in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IsolationForest => "isolation_forest",
        }
    }
}

impl std::str::FromStr for ModelType {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        Self::ALL
            .into_iter()
            .find(|m| m.as_str() == name)
            .ok_or_else(|| ConfigError::UnknownModel { name: name.chars().take(64).collect() })
    }
}

impl TryFrom<String> for ModelType {
    type Error = ConfigError;

    fn try_from(name: String) -> Result<Self, ConfigError> {
        name.parse()
    }
}

impl From<ModelType> for &'static str {
    fn from(model: ModelType) -> Self {
        model.as_str()
    }
}

/// The settings of [`EnsembleDetector`](crate::EnsembleDetector).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AnomalyConfig {
    /// The model.
    #[serde(alias = "model_type")]
    pub model_type: ModelType,
    /// An observation of this confidence or more is anomalous; above 0, at most 1. At 0.8 the false-alarm rate is
    /// `false_alarm_rate`; see [`ConfidenceScale`](crate::ConfidenceScale) for other values.
    #[serde(alias = "confidence_threshold")]
    pub confidence_threshold: f64,
    /// The share of ordinary observations that may reach a confidence of 0.8; 0.00001 to 0.2.
    #[serde(alias = "false_alarm_rate")]
    pub false_alarm_rate: f64,
    /// Observations of a series before it is judged, 8 to 10,000.
    #[serde(alias = "warm_up")]
    pub warm_up: usize,
    /// Observations over which a baseline forgets (calibration remembers four times as many), `warm_up` to
    /// 1,000,000.
    pub memory: usize,
    /// Series that are kept, 1 to 1,000,000; a new one evicts the one that was not seen for longest. A series of
    /// four features takes about 7 KiB.
    #[serde(alias = "max_series")]
    pub max_series: usize,
    /// The seed of every random choice.
    pub seed: u64,
    /// The forest.
    pub forest: ForestConfig,
}

impl Default for AnomalyConfig {
    fn default() -> Self {
        Self {
            model_type: ModelType::IsolationForest,
            confidence_threshold: crate::confidence::ANCHOR,
            false_alarm_rate: 0.01,
            warm_up: 20,
            memory: 512,
            max_series: 4096,
            seed: 42,
            forest: ForestConfig::default(),
        }
    }
}

impl AnomalyConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is outside of the range its documentation gives.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_judging(self.confidence_threshold, self.false_alarm_rate, self.warm_up, self.memory)?;
        within("maxSeries", self.max_series, 1..=1_000_000, "1 to 1000000")?;
        self.forest.validate()
    }
}

/// The checks that one series and the ensemble share.
pub(crate) fn check_judging(
    threshold: f64,
    false_alarm_rate: f64,
    warm_up: usize,
    memory: usize,
) -> Result<(), ConfigError> {
    within("confidenceThreshold", threshold, f64::MIN_POSITIVE..=1.0, "above 0 and at most 1")?;
    within("falseAlarmRate", false_alarm_rate, 1e-5..=0.2, "0.00001 to 0.2")?;
    within("warmUp", warm_up, 8..=10_000, "8 to 10000")?;
    within("memory", memory, warm_up..=1_000_000, "warmUp to 1000000")
}

/// An error that names the field unless the value is in the range. NaN is in no range.
pub(crate) fn within<T: PartialOrd + Display>(
    field: &'static str,
    value: T,
    range: RangeInclusive<T>,
    rule: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::OutOfRange { field, rule, value: value.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_survives_json() {
        let config = AnomalyConfig::default();
        config.validate().unwrap();
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains("\"modelType\":\"isolation_forest\""), "{json}");
        assert_eq!(serde_json::from_str::<AnomalyConfig>(&json).unwrap(), config);
    }

    #[test]
    fn both_spellings_are_read_and_what_is_left_out_is_the_default() {
        let camel: AnomalyConfig =
            serde_json::from_str(r#"{"confidenceThreshold":0.9,"warmUp":30}"#).unwrap();
        let snake: AnomalyConfig =
            serde_json::from_str(r#"{"confidence_threshold":0.9,"warm_up":30}"#).unwrap();
        assert_eq!(camel, snake);
        assert_eq!(camel.forest, ForestConfig::default());
    }

    #[test]
    fn an_unknown_model_is_an_error_that_lists_the_known() {
        let error = serde_json::from_str::<AnomalyConfig>(r#"{"modelType":"lstm"}"#).unwrap_err().to_string();
        assert!(error.contains("unknown modelType \"lstm\"; known: \"isolation_forest\""), "{error}");
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = serde_json::from_str::<AnomalyConfig>(r#"{"threshold":0.8}"#).unwrap_err().to_string();
        assert!(error.contains("threshold"), "{error}");
    }

    #[test]
    fn a_field_out_of_range_is_named_with_its_rule_and_value() {
        let base = AnomalyConfig::default;
        let cases = [
            (AnomalyConfig { confidence_threshold: 1.5, ..base() }, "confidenceThreshold", "1.5"),
            (AnomalyConfig { confidence_threshold: f64::NAN, ..base() }, "confidenceThreshold", "NaN"),
            (AnomalyConfig { confidence_threshold: 0.0, ..base() }, "confidenceThreshold", "0"),
            (AnomalyConfig { false_alarm_rate: 0.0, ..base() }, "falseAlarmRate", "0"),
            (AnomalyConfig { warm_up: 2, ..base() }, "warmUp", "2"),
            (AnomalyConfig { memory: 5, ..base() }, "memory", "5"),
            (AnomalyConfig { max_series: 0, ..base() }, "maxSeries", "0"),
            (
                AnomalyConfig { forest: ForestConfig { trees: 0, ..Default::default() }, ..base() },
                "forest.trees",
                "0",
            ),
            (
                AnomalyConfig { forest: ForestConfig { window: 10, ..Default::default() }, ..base() },
                "forest.window",
                "10",
            ),
        ];
        for (config, field, value) in cases {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.starts_with(&format!("{field} must be ")), "{message}");
            assert!(message.ends_with(&format!("got {value}")), "{message}");
        }
    }
}
