//! What is traced and where spans go.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use trace_core::env::EnvSettings;

use super::asked::Asked;
use super::batch::{BatchConfig, LimitsConfig};
use super::jaeger::JaegerConfig;
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

/// `opentelemetry.tracing.exporters`: what is `None` is off. An exporter is on if its section is there without
/// `enabled: false`; else if `OTEL_TRACES_EXPORTER` lists it; else, without that variable, if the environment has its
/// endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceExportersConfig {
    /// OTLP over HTTP. The endpoint is else `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, else
    /// `http://localhost:4318/v1/traces`.
    pub otlp: Option<OtlpConfig>,
    /// Jaeger. The endpoint is else `JAEGER_ENDPOINT`, else `http://localhost:4318/v1/traces`.
    pub jaeger: Option<JaegerConfig>,
    /// Spans as text on the terminal.
    pub console: Option<ConsoleConfig>,
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
        let asked =
            Asked::new(s, "OTEL_TRACES_EXPORTER", env.traces_exporters.as_deref(), &["otlp", "console"]);
        let otlp = s.section("otlp", |s| OtlpConfig::read(s, asked.for_kind("otlp"), OtlpSignal::Traces));
        let jaeger = s.section("jaeger", |s| {
            JaegerConfig::read(s).and_then(|jaeger| jaeger.unless_twice(s, otlp.as_ref()))
        });
        Self {
            otlp,
            jaeger,
            console: s
                .section("console", |s| ConsoleConfig::read(s, asked.for_kind("console").unwrap_or(false))),
        }
    }
}
