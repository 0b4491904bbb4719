//! The page that Prometheus scrapes.

use serde::Serialize;

use super::section::Section;
use super::server::HostName;

/// `opentelemetry.metrics.exporters.prometheus`.
///
/// What is said about names and labels holds for `/metrics` of the server, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusConfig {
    /// The path of the page; `/metrics` by default.
    pub endpoint: String,
    /// The address or name to listen at. Else `OTEL_EXPORTER_PROMETHEUS_HOST`, else that of the server.
    pub host: Option<String>,
    /// The port; 0 lets the system choose. Else `OTEL_EXPORTER_PROMETHEUS_PORT`, else 9090.
    pub port: u16,
    /// `translationStrategy`: how names are made.
    pub translation_strategy: TranslationStrategy,
    /// `scopeLabels`: whether series carry the labels `otel_scope_*` of their library; true by default.
    pub scope_labels: bool,
    /// `targetInfo`: whether the resource's attributes are shown as `target_info`; true by default.
    pub target_info: bool,
    /// `createdLines`: whether OpenMetrics has a `_created` line for each counter and histogram; true by default.
    pub created_lines: bool,
}

/// How the names of OpenTelemetry become those of Prometheus (OpenTelemetry specification, "Prometheus Metrics
/// Exporter").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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

const STRATEGIES: [(&str, TranslationStrategy); 4] = [
    ("UnderscoreEscapingWithSuffixes", TranslationStrategy::UnderscoreEscapingWithSuffixes),
    ("UnderscoreEscapingWithoutSuffixes", TranslationStrategy::UnderscoreEscapingWithoutSuffixes),
    ("NoUTF8EscapingWithSuffixes", TranslationStrategy::NoUtf8EscapingWithSuffixes),
    ("NoTranslation", TranslationStrategy::NoTranslation),
];

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self {
            endpoint: "/metrics".to_owned(),
            host: None,
            port: 9090,
            translation_strategy: TranslationStrategy::default(),
            scope_labels: true,
            target_info: true,
            created_lines: true,
        }
    }
}

impl PrometheusConfig {
    /// `otherwise`: whether there is a page without the section.
    pub(super) fn read(s: &Section<'_>, otherwise: bool) -> Option<Self> {
        let default = Self::default();
        let on = s.enabled_or(otherwise);
        let config = Self {
            endpoint: s.field("endpoint").parse::<PagePath>().map_or(default.endpoint, |p| p.0),
            host: s.field("host").otel_env("OTEL_EXPORTER_PROMETHEUS_HOST").parse::<HostName>().map(|h| h.0),
            port: s.field("port").otel_env("OTEL_EXPORTER_PROMETHEUS_PORT").port().unwrap_or(default.port),
            translation_strategy: s.field("translationStrategy").one_of(&STRATEGIES).unwrap_or_default(),
            scope_labels: s.field("scopeLabels").flag().unwrap_or(default.scope_labels),
            target_info: s.field("targetInfo").flag().unwrap_or(default.target_info),
            created_lines: s.field("createdLines").flag().unwrap_or(default.created_lines),
        };
        on.then_some(config)
    }
}

/// The path of a page: `/` and what a URL may have there.
struct PagePath(String);

#[derive(Debug, thiserror::Error)]
#[error("a path that begins with /, without ? and #, such as /metrics")]
struct PagePathError;

impl std::str::FromStr for PagePath {
    type Err = PagePathError;

    fn from_str(text: &str) -> Result<Self, PagePathError> {
        let path = http::uri::PathAndQuery::try_from(text).map_err(|_| PagePathError)?;
        if text.starts_with('/') && path.as_str() == text && path.query().is_none() {
            Ok(Self(text.to_owned()))
        } else {
            Err(PagePathError)
        }
    }
}
