//! What is traced and where spans go.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use trace_core::env::EnvSettings;
use trace_exporters::delivery::DeliveryConfig;

use super::asked::Asked;
use super::batch::{BatchConfig, LimitsConfig};
use super::endpoint::Endpoint;
use super::exporter::{Destination, SpanExporterConfig, by_name, check_delivery, warn_of_one_backend};
use super::otlp::OtlpConfig;
use super::otlp_env::OtlpSignal;
use super::sampling::SamplingConfig;
use super::section::Section;
use super::service::ServiceConfig;

/// `opentelemetry.tracing`.
#[derive(Clone, Debug, PartialEq)]
pub struct TracingConfig {
    /// Whether spans are recorded; true by default.
    pub enabled: bool,
    /// `samplingRate`: the share of new traces that is exported, 0 to 1, unless `sampling.head` decides. By default 0.1 in
    /// production, else 1; also 1 if `sampling.tail` decides.
    pub sampling_rate: f64,
    /// Other samplers. If the file has neither `samplingRate` nor `sampling.head`, `OTEL_TRACES_SAMPLER` decides.
    pub sampling: SamplingConfig,
    /// Where spans go.
    pub exporters: TraceExportersConfig,
    /// How they are batched for destinations elsewhere.
    pub batch: BatchConfig,
    /// How much one span may hold.
    pub limits: LimitsConfig,
}

impl Serialize for TracingConfig {
    /// Without the rate if a head decides: the file has one of them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rate = self.sampling.head.is_none().then_some(self.sampling_rate);
        let mut s = serializer.serialize_struct("TracingConfig", 6)?;
        s.serialize_field("enabled", &self.enabled)?;
        s.serialize_field("samplingRate", &rate)?;
        s.serialize_field("sampling", &self.sampling)?;
        s.serialize_field("exporters", &self.exporters)?;
        s.serialize_field("batch", &self.batch)?;
        s.serialize_field("limits", &self.limits)?;
        s.end()
    }
}

/// `opentelemetry.tracing.exporters`: what is `None` is off. A key is a kind, or `kind/NAME` for a further destination of
/// the kind. An exporter is on if its section is there without `enabled: false`; else if `OTEL_TRACES_EXPORTER` lists it;
/// else, without that variable, if the environment has its endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceExportersConfig {
    /// OTLP; see [`OtlpConfig`] for the variables that fill it in.
    pub otlp: Option<Destination<OtlpConfig>>,
    /// Spans as text on the terminal.
    pub console: Option<ConsoleConfig>,
    /// All others, with those of `otlp` that have a name.
    #[serde(flatten, serialize_with = "by_name")]
    pub destinations: Vec<Destination<SpanExporterConfig>>,
}

/// Output on the terminal. Has no settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConsoleConfig {}

impl ConsoleConfig {
    pub(super) fn read(s: &Section<'_>, otherwise: bool) -> Option<Self> {
        s.enabled_or(otherwise).then_some(Self {})
    }
}

impl TracingConfig {
    /// The defaults for a service, whose environment decides the sampling rate.
    pub fn for_service(service: &ServiceConfig) -> Self {
        let sampling_rate = if service.is_production() { 0.1 } else { 1.0 };
        Self {
            enabled: true,
            sampling_rate,
            sampling: SamplingConfig::default(),
            exporters: TraceExportersConfig::default(),
            batch: BatchConfig::default(),
            limits: LimitsConfig::default(),
        }
    }

    pub(super) fn read(s: &Section<'_>, service: &ServiceConfig, env: &EnvSettings) -> Self {
        let default = Self::for_service(service);
        let rate = s.field("samplingRate").number(0.0..=1.0);
        let sampling = s.section("sampling", |s| SamplingConfig::read(s, rate.is_some(), env));
        let otherwise = if sampling.tail.is_some() { 1.0 } else { default.sampling_rate };
        Self {
            enabled: s.enabled_or(default.enabled),
            sampling_rate: rate.unwrap_or(otherwise),
            sampling,
            exporters: s.section("exporters", |s| TraceExportersConfig::read(s, env)),
            batch: s.section("batch", |s| BatchConfig::read(s, &env.batch)),
            limits: s.section("limits", |s| LimitsConfig::read(s, env)),
        }
    }
}

impl TraceExportersConfig {
    fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let list = env.traces_exporters.as_deref();
        let asked = Asked::new(s, "OTEL_TRACES_EXPORTER", list, &["otlp", "zipkin", "console"]);
        let signal = OtlpSignal::Traces;
        let otlp = s.section("otlp", |s| {
            let on = asked.for_kind("otlp").unwrap_or_else(|| signal.has_endpoint(s));
            Destination::read(s, "otlp", on, &[], |s| Some(OtlpConfig::read(s, signal)))
        });
        let console = asked.for_kind("console").unwrap_or(false);
        let mut config = Self {
            destinations: SpanExporterConfig::read_all(s, asked.for_kind("zipkin")),
            console: s.section("console", |s| ConsoleConfig::read(s, console)),
            otlp,
        };
        config.leave_out_a_second_jaeger(s);
        check_delivery(s, &config.deliveries().collect::<Vec<_>>());
        warn_of_one_backend(s, &config.urls());
        config
    }

    /// The destination of this name, such as `zipkin` or `otlp/backup`.
    pub fn destination(&self, name: &str) -> Option<&Destination<SpanExporterConfig>> {
        self.destinations.iter().find(|d| d.name == name)
    }

    /// The name and the delivery of every destination but the terminal.
    pub fn deliveries(&self) -> impl Iterator<Item = (&str, &DeliveryConfig)> {
        let otlp = self.otlp.iter().map(|d| (d.name.as_str(), &d.delivery));
        otlp.chain(self.destinations.iter().map(|d| (d.name.as_str(), &d.delivery)))
    }

    /// The name and the URL of those that have one and get spans of their own accord.
    fn urls(&self) -> Vec<(String, String)> {
        let otlp = self.otlp.iter().map(|d| (&d.name, d.endpoint.as_str()));
        let others = self.destinations.iter().filter_map(|d| Some((&d.name, d.config.url()?)));
        let stands_in = |name: &str| self.deliveries().any(|(_, d)| d.others().any(|other| other == name));
        let own = otlp.chain(others).filter(|(name, _)| !stands_in(name));
        own.map(|(name, url)| (name.clone(), url.to_owned())).collect()
    }

    /// Jaeger at the very URL of OTLP is the same destination, mostly by two habits of configuring it.
    fn leave_out_a_second_jaeger(&mut self, s: &Section<'_>) {
        let Some(otlp) = &self.otlp else { return };
        let same = |d: &Destination<SpanExporterConfig>| {
            let SpanExporterConfig::Jaeger(jaeger) = &d.config else { return false };
            let url = jaeger.endpoint.expose().parse::<Endpoint>();
            let url =
                url.map(|u| if u.is_bare() { u.sibling(u.port(), OtlpSignal::Traces.path()) } else { u });
            d.name == "jaeger" && url.is_ok_and(|url| url.same_target(&otlp.endpoint))
        };
        let before = self.destinations.len();
        self.destinations.retain(|d| !same(d));
        if self.destinations.len() < before {
            let message = "is off: otlp has the same endpoint, and every span would arrive twice";
            s.warn_at(&format!("{}.jaeger", s.path()), message);
        }
    }
}
