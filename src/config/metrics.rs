//! What is measured and where metrics go.

use std::time::Duration;

use serde::Serialize;
use trace_core::env::EnvSettings;
use trace_core::metric::ExemplarFilter;

use super::asked::Asked;
use super::endpoint::Endpoint;
use super::otlp::OtlpConfig;
use super::section::Section;

/// `opentelemetry.metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsConfig {
    /// Whether metrics are recorded; true by default.
    pub enabled: bool,
    /// Whether the machine's processors, memory, disks and network are measured too; false by default.
    pub system: bool,
    /// Which measurements may become exemplars: `always_on`, `always_off`, or `trace_based`, the default. Else
    /// `OTEL_METRICS_EXEMPLAR_FILTER`.
    pub exemplar_filter: ExemplarFilter,
    /// Where metrics go.
    pub exporters: MetricExportersConfig,
}

/// `opentelemetry.metrics.exporters`: what is `None` is off. An exporter is on if its section is there without
/// `enabled: false`; else if `OTEL_METRICS_EXPORTER` lists it; else, without that variable, if the environment has its
/// endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricExportersConfig {
    /// A page that Prometheus scrapes.
    pub prometheus: Option<PrometheusConfig>,
    /// OTLP over HTTP.
    pub otlp: Option<OtlpMetricsConfig>,
}

/// `opentelemetry.metrics.exporters.prometheus`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusConfig {
    /// The path of the page; `/metrics` by default.
    pub endpoint: String,
    /// The port; 9090 by default, 0 lets the system choose.
    pub port: u16,
}

/// `opentelemetry.metrics.exporters.otlp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtlpMetricsConfig {
    /// Where and how. The endpoint is else `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`, else
    /// `http://localhost:4318/v1/metrics`. Without an `Authorization` header of its own it sends that of the traces,
    /// if it goes to the same host.
    #[serde(flatten)]
    pub destination: OtlpConfig,
    /// `intervalMs`: how often metrics are collected and sent. Else `OTEL_METRIC_EXPORT_INTERVAL`, else 60 s.
    #[serde(rename = "intervalMs", serialize_with = "super::duration::as_ms")]
    pub interval: Duration,
}

/// The OpenTelemetry default of `OTEL_METRIC_EXPORT_INTERVAL`.
const INTERVAL: Duration = Duration::from_secs(60);

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            system: false,
            exemplar_filter: ExemplarFilter::default(),
            exporters: MetricExportersConfig::default(),
        }
    }
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self { endpoint: "/metrics".to_owned(), port: 9090 }
    }
}

impl MetricsConfig {
    pub(super) fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let exporters = |s: &Section<'_>| MetricExportersConfig::read(s, env);
        let filter = s.field("exemplarFilter").parse::<ExemplarFilter>();
        Self {
            enabled: s.enabled_or(true),
            system: s.field("system").flag().unwrap_or(false),
            exemplar_filter: filter.or(env.metrics.exemplar_filter).unwrap_or_default(),
            exporters: s.section("exporters", exporters),
        }
    }
}

impl MetricExportersConfig {
    fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let list = env.metrics_exporters.as_deref();
        let asked = Asked::new(s, "OTEL_METRICS_EXPORTER", list, &["otlp", "prometheus"]);
        let page = asked.for_kind("prometheus").unwrap_or(false);
        Self {
            prometheus: s.section("prometheus", |s| PrometheusConfig::read(s, page)),
            otlp: s.section("otlp", |s| OtlpMetricsConfig::read(s, asked.for_kind("otlp"), env)),
        }
    }
}

impl PrometheusConfig {
    fn read(s: &Section<'_>, otherwise: bool) -> Option<Self> {
        let default = Self::default();
        let on = s.enabled_or(otherwise);
        let config = Self {
            endpoint: s.field("endpoint").parse::<PagePath>().map_or(default.endpoint, |p| p.0),
            port: s.field("port").port().unwrap_or(default.port),
        };
        on.then_some(config)
    }
}

impl OtlpMetricsConfig {
    fn read(s: &Section<'_>, asked: Option<bool>, env: &EnvSettings) -> Option<Self> {
        let destination =
            OtlpConfig::read(s, asked, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", Endpoint::local_metrics);
        let interval = s.field("intervalMs").integer(100..=3_600_000).map(Duration::from_millis);
        let interval = interval.or(env.metrics.export_interval).unwrap_or(INTERVAL);
        Some(Self { destination: destination?, interval })
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
