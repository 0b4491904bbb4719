//! How metrics become Prometheus' own.

use serde::Deserialize;

use super::accumulate::DeltaConfig;

/// How OpenTelemetry's names and units become names of metrics and labels (OpenTelemetry specification, "Prometheus
/// Metrics Exporter").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
pub enum TranslationStrategy {
    /// Characters outside of `[a-zA-Z0-9_:]` become `_`; unit and `_total` are appended.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Characters outside of `[a-zA-Z0-9_:]` become `_`; nothing is appended.
    UnderscoreEscapingWithoutSuffixes,
    /// Names stay as they are; unit and `_total` are appended.
    #[serde(rename = "NoUTF8EscapingWithSuffixes")]
    NoUtf8EscapingWithSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

impl TranslationStrategy {
    /// Whether characters outside of the old set are replaced, whoever asks.
    pub(super) const fn cleans(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes)
    }

    /// Whether unit and `_total` are appended.
    pub(super) const fn has_suffixes(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::NoUtf8EscapingWithSuffixes)
    }
}

/// How metrics are exposed. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ExpositionConfig {
    /// How names are made. Default `UnderscoreEscapingWithSuffixes`.
    #[serde(alias = "translationStrategy")]
    pub translation_strategy: TranslationStrategy,
    /// Whether series carry the labels `otel_scope_*` of their library. Default `true`.
    #[serde(alias = "scopeLabels")]
    pub scope_labels: bool,
    /// Whether the attributes of the resource are shown as `target_info`. Default `true`.
    #[serde(alias = "targetInfo")]
    pub target_info: bool,
    /// Whether OpenMetrics has a `_created` line for each counter and histogram. Servers that do not know its meaning
    /// store it as one more series. Default `true`. Protobuf has the time in any case, at no such cost.
    #[serde(alias = "createdLines")]
    pub created_lines: bool,
    /// How deltas of the source are added up: for a [`Scrape`](super::Scrape).
    pub deltas: DeltaConfig,
}

impl Default for ExpositionConfig {
    fn default() -> Self {
        Self {
            translation_strategy: TranslationStrategy::default(),
            scope_labels: true,
            target_info: true,
            created_lines: true,
            deltas: DeltaConfig::default(),
        }
    }
}

impl ExpositionConfig {
    /// The same with another strategy.
    #[must_use]
    pub fn translated(mut self, strategy: TranslationStrategy) -> Self {
        self.translation_strategy = strategy;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_reads_both_spellings_and_refuses_unknown_keys() {
        let json = r#"{"translationStrategy":"NoUTF8EscapingWithSuffixes","scope_labels":false,"createdLines":false,
            "deltas":{"maxSeries":7,"stale_after_ms":8}}"#;
        let config: ExpositionConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.translation_strategy, TranslationStrategy::NoUtf8EscapingWithSuffixes);
        assert!(!config.scope_labels && !config.created_lines && config.target_info);
        assert_eq!((config.deltas.max_series, config.deltas.stale_after_ms), (7, 8));
        let error = serde_json::from_str::<ExpositionConfig>(r#"{"scopes":true}"#).unwrap_err().to_string();
        assert!(error.contains("scopes"), "{error}");
    }
}
