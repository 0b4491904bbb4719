//! How anomalies are told from what is normal.

use serde::Serialize;

use super::section::Section;

/// `anomalyDetection`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnomalyDetectionConfig {
    /// Whether anomalies are looked for; true by default.
    pub enabled: bool,
    /// `aiModel`: how.
    pub ai_model: AiModelConfig,
}

/// `anomalyDetection.aiModel`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AiModelConfig {
    /// The model; `isolation_forest` by default.
    pub model_type: ModelType,
    /// Anomalies below this confidence are not reported; 0.00001 to 1, 0.8 by default.
    pub confidence_threshold: f64,
    /// The share of normal samples that reach confidence 0.8: this is what a confidence means. 0.00001 to 0.2, 0.01
    /// by default.
    pub false_alarm_rate: f64,
}

/// The models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ModelType {
    /// Isolation forest on the residuals of robust baselines.
    #[default]
    IsolationForest,
}

impl Default for AnomalyDetectionConfig {
    fn default() -> Self {
        Self { enabled: true, ai_model: AiModelConfig::default() }
    }
}

impl Default for AiModelConfig {
    fn default() -> Self {
        Self { model_type: ModelType::default(), confidence_threshold: 0.8, false_alarm_rate: 0.01 }
    }
}

impl AnomalyDetectionConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        Self { enabled: s.enabled_or(true), ai_model: s.section("aiModel", AiModelConfig::read) }
    }
}

impl AiModelConfig {
    fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        Self {
            model_type: s
                .field("modelType")
                .one_of(&[("isolation_forest", ModelType::IsolationForest)])
                .unwrap_or(default.model_type),
            confidence_threshold: s
                .field("confidenceThreshold")
                .number(0.000_01..=1.0)
                .unwrap_or(default.confidence_threshold),
            false_alarm_rate: s
                .field("falseAlarmRate")
                .number(0.000_01..=0.2)
                .unwrap_or(default.false_alarm_rate),
        }
    }
}
