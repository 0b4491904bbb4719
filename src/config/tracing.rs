//! What is traced and where spans go.

use serde::Serialize;
use trace_core::env::EnvSettings;
use trace_core::sample::{EnvSampler, from_env};

use super::asked::Asked;
use super::batch::{BatchConfig, LimitsConfig};
use super::endpoint::Endpoint;
use super::jaeger::JaegerConfig;
use super::otlp::OtlpConfig;
use super::section::Section;
use super::service::ServiceConfig;

/// `opentelemetry.tracing`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TracingConfig {
    /// Whether spans are recorded; true by default.
    pub enabled: bool,
    /// `samplingRate`: the share of new traces that is kept, 0 to 1. By default 0.1 in production, else 1.
    pub sampling_rate: f64,
    /// `OTEL_TRACES_SAMPLER` and its argument, which decide in place of the rate if the file has no `samplingRate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampler: Option<(String, Option<String>)>,
    /// Where spans go.
    pub exporters: TraceExportersConfig,
    /// How they are batched for destinations elsewhere.
    pub batch: BatchConfig,
    /// How much one span may hold.
    pub limits: LimitsConfig,
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
            sampler: None,
            exporters: TraceExportersConfig::default(),
            batch: BatchConfig::default(),
            limits: LimitsConfig::default(),
        }
    }

    pub(super) fn read(s: &Section<'_>, service: &ServiceConfig, env: &EnvSettings) -> Self {
        let default = Self::for_service(service);
        let rate = s.field("samplingRate").number(0.0..=1.0);
        Self {
            enabled: s.enabled_or(default.enabled),
            sampling_rate: rate.unwrap_or(default.sampling_rate),
            sampler: rate.is_none().then(|| sampler(s, env)).flatten(),
            exporters: s.section("exporters", |s| TraceExportersConfig::read(s, env)),
            batch: s.section("batch", |s| BatchConfig::read(s, env)),
            limits: s.section("limits", |s| LimitsConfig::read(s, env)),
        }
    }
}

/// The sampler of the environment, if it can be used.
fn sampler(s: &Section<'_>, env: &EnvSettings) -> Option<(String, Option<String>)> {
    let named = (env.sampler.clone()?, env.sampler_arg.clone());
    let found = from_env(|name| of_named(&named, name))?;
    found.warnings.iter().for_each(|w| s.warn_at("OTEL_TRACES_SAMPLER", w.to_string()));
    if found.remote.is_some() {
        s.warn_at(
            "OTEL_TRACES_SAMPLER",
            "nobody polls for `jaeger_remote` here, so samplingRate holds; in code, use trace_exporters::jaeger_remote",
        );
        return None;
    }
    Some(named)
}

fn of_named((sampler, argument): &(String, Option<String>), name: &str) -> Option<String> {
    if name == "OTEL_TRACES_SAMPLER" { Some(sampler.clone()) } else { argument.clone() }
}

impl TracingConfig {
    /// The sampler of the environment, if it decides.
    pub(crate) fn env_sampler(&self) -> Option<EnvSampler> {
        from_env(|name| of_named(self.sampler.as_ref()?, name))
    }
}

impl TraceExportersConfig {
    fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let asked =
            Asked::new(s, "OTEL_TRACES_EXPORTER", env.traces_exporters.as_deref(), &["otlp", "console"]);
        let otlp = s.section("otlp", |s| {
            OtlpConfig::read(
                s,
                asked.for_kind("otlp"),
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                Endpoint::local_traces,
            )
        });
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
