//! What is measured and where metrics go.

use std::time::Duration;

use serde::{Serialize, Serializer};
use trace_core::env::EnvSettings;
use trace_core::metric::{ExemplarFilter, TemporalityPreference};
use trace_exporters::delivery::DeliveryConfig;

use super::asked::Asked;
use super::exporter::{Destination, MetricExporterConfig, by_name, check_delivery, warn_of_one_backend};
use super::otlp::OtlpConfig;
use super::otlp_env::OtlpSignal;
use super::prometheus::PrometheusConfig;
use super::section::Section;
use super::tracing::ConsoleConfig;

/// `opentelemetry.metrics`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsConfig {
    /// Whether metrics are recorded; true by default.
    pub enabled: bool,
    /// Whether the machine's processors, memory, disks and network are measured too; false by default.
    pub system: bool,
    /// Which measurements may become exemplars: `always_on`, `always_off`, or `trace_based`, the default. Else
    /// `OTEL_METRICS_EXEMPLAR_FILTER`.
    pub exemplar_filter: ExemplarFilter,
    /// `exponentialHistograms`: whether histograms are exponential, which suits any range of values, rather than have the
    /// buckets that their makers chose. Else `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`, else false. Holds
    /// for every destination.
    pub exponential_histograms: bool,
    /// `intervalMs`: how often metrics are collected and sent; `exporters.otlp.intervalMs` wins. Else
    /// `OTEL_METRIC_EXPORT_INTERVAL`, else 60 s.
    #[serde(rename = "intervalMs", serialize_with = "super::duration::as_ms")]
    pub interval: Duration,
    /// `exportTimeoutMs`: the longest one call of an exporter may take; 0 is without limit. Else
    /// `OTEL_METRIC_EXPORT_TIMEOUT`, else as long as the exporter's `timeoutMs`.
    #[serde(rename = "exportTimeoutMs", serialize_with = "super::batch::ms")]
    pub export_timeout: Option<Duration>,
    /// Where metrics go.
    pub exporters: MetricExportersConfig,
}

/// `opentelemetry.metrics.exporters`: what is `None` is off. A key is a kind, or `kind/NAME` for a further destination of
/// the kind. An exporter is on if its section is there without `enabled: false`; else if `OTEL_METRICS_EXPORTER` lists it;
/// else, without that variable, if the environment has its endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricExportersConfig {
    /// A page that Prometheus scrapes.
    pub prometheus: Option<PrometheusConfig>,
    /// OTLP; see [`OtlpConfig`] for the variables that fill it in.
    pub otlp: Option<Destination<OtlpMetricsConfig>>,
    /// Metrics as text on the terminal.
    pub console: Option<ConsoleConfig>,
    /// All others, with those of `otlp` that have a name.
    #[serde(flatten, serialize_with = "by_name")]
    pub destinations: Vec<Destination<MetricExporterConfig>>,
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
    /// `intervalMs`: how often metrics are collected and sent. Else as `opentelemetry.metrics` says.
    #[serde(rename = "intervalMs", serialize_with = "super::duration::as_ms")]
    pub interval: Duration,
    /// `temporality`: `cumulative`, `delta` or `lowmemory`. Else
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, else cumulative.
    #[serde(serialize_with = "temporality")]
    pub temporality: TemporalityPreference,
}

fn temporality<S: Serializer>(preference: &TemporalityPreference, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(match preference {
        TemporalityPreference::Cumulative => "cumulative",
        TemporalityPreference::Delta => "delta",
        TemporalityPreference::LowMemory => "lowmemory",
    })
}

/// What `temporality` may be.
pub(super) const TEMPORALITIES: [(&str, TemporalityPreference); 3] = [
    ("cumulative", TemporalityPreference::Cumulative),
    ("delta", TemporalityPreference::Delta),
    ("lowmemory", TemporalityPreference::LowMemory),
];

/// The OpenTelemetry default of `OTEL_METRIC_EXPORT_INTERVAL`.
const INTERVAL: Duration = Duration::from_secs(60);

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            system: false,
            exemplar_filter: ExemplarFilter::default(),
            exponential_histograms: false,
            interval: INTERVAL,
            export_timeout: None,
            exporters: MetricExportersConfig::default(),
        }
    }
}

impl MetricsConfig {
    pub(super) fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let filter = s.field("exemplarFilter").parse::<ExemplarFilter>();
        let exponential = s.field("exponentialHistograms").flag().or(env.metrics.exponential_histograms);
        let interval = interval_of(s).or(env.metrics.export_interval).unwrap_or(INTERVAL);
        let timeout = s.field("exportTimeoutMs").integer(0..=600_000).map(Duration::from_millis);
        let timeout = timeout.map(|t| if t.is_zero() { Duration::MAX } else { t });
        Self {
            enabled: s.enabled_or(true),
            system: s.field("system").flag().unwrap_or(false),
            exemplar_filter: filter.or(env.metrics.exemplar_filter).unwrap_or_default(),
            exponential_histograms: exponential.unwrap_or(false),
            interval,
            export_timeout: timeout.or(env.metrics.export_timeout),
            exporters: s.section("exporters", |s| MetricExportersConfig::read(s, env, interval)),
        }
    }
}

fn interval_of(s: &Section<'_>) -> Option<Duration> {
    s.field("intervalMs").integer(100..=3_600_000).map(Duration::from_millis)
}

impl MetricExportersConfig {
    fn read(s: &Section<'_>, env: &EnvSettings, interval: Duration) -> Self {
        let list = env.metrics_exporters.as_deref();
        let asked = Asked::new(s, "OTEL_METRICS_EXPORTER", list, &["otlp", "prometheus", "console"]);
        let page = asked.for_kind("prometheus").unwrap_or(false);
        let console = asked.for_kind("console").unwrap_or(false);
        let signal = OtlpSignal::Metrics;
        let otlp = s.section("otlp", |s| {
            let on = asked.for_kind("otlp").unwrap_or_else(|| signal.has_endpoint(s));
            Destination::read(s, "otlp", on, &[], |s| Some(OtlpMetricsConfig::read(s, env, interval)))
        });
        let config = Self {
            prometheus: s.section("prometheus", |s| PrometheusConfig::read(s, page)),
            otlp,
            console: s.section("console", |s| ConsoleConfig::read(s, console)),
            destinations: MetricExporterConfig::read_all(s),
        };
        let deliveries: Vec<_> = config.deliveries().collect();
        check_delivery(s, &deliveries);
        let stands_in = |name: &str| deliveries.iter().any(|(_, d)| d.others().any(|other| other == name));
        let otlp = config.otlp.iter().map(|d| (&d.name, d.destination.endpoint.as_str()));
        let others = config.destinations.iter().filter_map(|d| Some((&d.name, d.config.url()?)));
        let own = otlp.chain(others).filter(|(name, _)| !stands_in(name));
        let own: Vec<_> = own.map(|(name, url)| (name.clone(), url.to_owned())).collect();
        warn_of_one_backend(s, &own);
        config
    }

    /// The destination of this name, such as `zipkin` or `otlp/backup`.
    pub fn destination(&self, name: &str) -> Option<&Destination<MetricExporterConfig>> {
        self.destinations.iter().find(|d| d.name == name)
    }

    /// The name and the delivery of every destination but the page and the terminal.
    pub fn deliveries(&self) -> impl Iterator<Item = (&str, &DeliveryConfig)> {
        let otlp = self.otlp.iter().map(|d| (d.name.as_str(), &d.delivery));
        otlp.chain(self.destinations.iter().map(|d| (d.name.as_str(), &d.delivery)))
    }
}

impl OtlpMetricsConfig {
    fn read(s: &Section<'_>, env: &EnvSettings, interval: Duration) -> Self {
        let temporality = s.field("temporality").one_of(&TEMPORALITIES);
        Self {
            destination: OtlpConfig::read(s, OtlpSignal::Metrics),
            interval: interval_of(s).unwrap_or(interval),
            temporality: temporality.or(env.metrics.temporality).unwrap_or_default(),
        }
    }
}
