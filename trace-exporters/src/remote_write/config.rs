//! Where metrics are written to, and how.

use std::collections::BTreeMap;

use http::Uri;
use serde::Deserialize;

use super::error::RemoteWriteConfigError;
use crate::http_client::{Endpoint, Headers, Timeout, TlsConfig, check_request};
use crate::prometheus::{DeltaConfig, TranslationStrategy};

/// Which version of the protocol is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub enum RemoteWriteVersion {
    /// 2.0, unless the receiver does not store it; then 1.0 from there on.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// 1.0 alone.
    #[serde(rename = "1.0", alias = "1")]
    V1,
    /// 2.0 alone: a receiver that does not store it is an error.
    #[serde(rename = "2.0", alias = "2")]
    V2,
}

/// Where metrics are written to, and how. Unknown keys are refused; `Debug` shows neither header values nor the query.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RemoteWriteConfig {
    /// The receiver. Default `http://localhost:9090/api/v1/write`.
    #[serde(alias = "endpoint")]
    pub url: Endpoint,
    /// The version of the protocol. Default `auto`.
    pub version: RemoteWriteVersion,
    /// Headers of each request, such as `authorization`.
    pub headers: Headers,
    /// Limit of one attempt in milliseconds; 0 means none. Default 30 000.
    #[serde(rename = "timeout_ms", alias = "timeoutMs")]
    pub timeout: Timeout,
    /// Series in one request; a larger batch is split. Default 2000.
    #[serde(alias = "maxSeriesPerRequest")]
    pub max_series_per_request: usize,
    /// How names are made. Default `UnderscoreEscapingWithSuffixes`.
    #[serde(alias = "translationStrategy")]
    pub translation_strategy: TranslationStrategy,
    /// Whether series carry the labels `otel_scope_*` of their library. Default `true`.
    #[serde(alias = "scopeLabels")]
    pub scope_labels: bool,
    /// Whether the attributes of the resource are written as `target_info`. Default `true`.
    #[serde(alias = "targetInfo")]
    pub target_info: bool,
    /// Labels of every series, besides `job` and `instance`.
    #[serde(alias = "externalLabels")]
    pub external_labels: BTreeMap<String, String>,
    /// Whether a series that is there no more is marked as ended, so that its last value is not shown for five minutes.
    /// Default `true`.
    #[serde(alias = "stalenessMarkers")]
    pub staleness_markers: bool,
    /// How deltas are added up.
    pub deltas: DeltaConfig,
    /// Certificates for `https`.
    pub tls: TlsConfig,
}

impl Default for RemoteWriteConfig {
    fn default() -> Self {
        Self {
            url: "http://localhost:9090/api/v1/write".into(),
            version: RemoteWriteVersion::Auto,
            headers: Headers::default(),
            timeout: Timeout::from_millis(30_000),
            max_series_per_request: 2000,
            translation_strategy: TranslationStrategy::default(),
            scope_labels: true,
            target_info: true,
            external_labels: BTreeMap::new(),
            staleness_markers: true,
            deltas: DeltaConfig::default(),
            tls: TlsConfig::default(),
        }
    }
}

impl RemoteWriteConfig {
    /// The defaults with another receiver.
    pub fn new(url: impl Into<Endpoint>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// The same in one version of the protocol.
    #[must_use]
    pub fn version(mut self, version: RemoteWriteVersion) -> Self {
        self.version = version;
        self
    }

    /// Adds a header, replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), RemoteWriteConfigError> {
        self.uri()?;
        check_request(&self.headers, &self.tls)?;
        if let Some(name) = self.headers.names().find(|n| is_ours(n)) {
            return Err(RemoteWriteConfigError::Header { name: name.to_owned() });
        }
        if self.max_series_per_request == 0 {
            return Err(RemoteWriteConfigError::NoSeries);
        }
        for (name, value) in &self.external_labels {
            let fail = |reason| Err(RemoteWriteConfigError::Label { name: name.clone(), reason });
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() || !name.chars().all(legal) {
                return fail("is not a label: letters, digits and _, not beginning with a digit");
            }
            if name.starts_with("__") {
                return fail("begins with __, which Prometheus keeps for itself");
            }
            if ["job", "instance", "le"].contains(&name.as_str()) {
                return fail("is set by the exporter");
            }
            if value.is_empty() {
                return fail("has no value");
            }
        }
        Ok(())
    }

    pub(super) fn uri(&self) -> Result<Uri, RemoteWriteConfigError> {
        Ok(self.url.uri("url")?)
    }
}

/// Headers that say what the body is.
fn is_ours(name: &str) -> bool {
    name.eq_ignore_ascii_case("x-prometheus-remote-write-version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_reads_both_spellings_and_refuses_unknown_keys() {
        let json = r#"{"url":"http://h/w","version":"1.0","timeoutMs":5,"external_labels":{"zone":"a"},
                       "maxSeriesPerRequest":7,"translationStrategy":"NoTranslation","headers":{"authorization":"hunter2"}}"#;
        let config: RemoteWriteConfig = serde_json::from_str(json).unwrap();
        assert_eq!((config.version, config.timeout), (RemoteWriteVersion::V1, 5.into()));
        assert_eq!(config.translation_strategy, TranslationStrategy::NoTranslation);
        assert!(config.validate().is_ok());
        assert!(!format!("{config:?}").contains("hunter2"));
        let error = serde_json::from_str::<RemoteWriteConfig>(r#"{"ulr":"x"}"#).unwrap_err().to_string();
        assert!(error.contains("ulr"), "{error}");
    }

    #[test]
    fn what_cannot_work_is_named() {
        let label = |name: &str, value: &str| RemoteWriteConfig {
            external_labels: BTreeMap::from([(name.to_owned(), value.to_owned())]),
            ..RemoteWriteConfig::default()
        };
        for (config, part) in [
            (RemoteWriteConfig::new("localhost"), "url"),
            (RemoteWriteConfig::new("http://u:hunter2@h"), "credentials"),
            (RemoteWriteConfig { max_series_per_request: 0, ..RemoteWriteConfig::default() }, "max_series"),
            (
                RemoteWriteConfig::default().header("X-Prometheus-Remote-Write-Version", "1"),
                "set by the exporter",
            ),
            (label("0x", "a"), "external_labels.0x"),
            (label("__a", "a"), "keeps for itself"),
            (label("job", "a"), "set by the exporter"),
            (label("zone", ""), "no value"),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        }
    }
}
