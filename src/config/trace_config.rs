//! The whole configuration and the three ways to get one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::Value;
use trace_core::env::{EnvSettings, LogLevel};
use trace_core::propagate::CompositePropagator;

use super::alerting::AlertingConfig;
use super::anomaly::AnomalyDetectionConfig;
use super::field::Field;
use super::logs::LogsConfig;
use super::metrics::MetricsConfig;
use super::parse::{Format, MAX_BYTES, parse};
use super::processing::ProcessingConfig;
use super::receivers::ReceiversConfig;
use super::report::Report;
use super::resource::ResourceConfig;
use super::section::{Section, Source};
use super::server::{MEMORY, ServerConfig, StoreConfig};
use super::service::ServiceConfig;
use super::tenancy::TenancyConfig;
use super::tracing::TracingConfig;
use crate::error::{ConfigErrors, ConfigWarning};

/// Everything that can be set. Serializes in the form that is read, with secrets as `***`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceConfig {
    /// Spans and metrics.
    pub opentelemetry: OpenTelemetryConfig,
    /// Anomaly detection.
    pub anomaly_detection: AnomalyDetectionConfig,
    /// Alerts.
    pub alerting: AlertingConfig,
    /// The server.
    pub server: ServerConfig,
    /// The memory.
    pub store: StoreConfig,
    /// What is received from others.
    pub receivers: ReceiversConfig,
    /// What happens to spans before they are sent.
    pub processing: ProcessingConfig,
    /// Whose telemetry it is; `None` if there is one tenant.
    pub tenancy: Option<TenancyConfig>,
}

/// `opentelemetry`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenTelemetryConfig {
    /// Who sends.
    pub service: ServiceConfig,
    /// Spans.
    pub tracing: TracingConfig,
    /// Metrics.
    pub metrics: MetricsConfig,
    /// Log records.
    pub logs: LogsConfig,
    /// What describes the process besides the service.
    pub resource: ResourceConfig,
    /// The header formats of contexts, such as `tracecontext` and `b3`. Else `OTEL_PROPAGATORS`, else `tracecontext` and
    /// `baggage`.
    pub propagators: Vec<String>,
    /// `logLevel`: how much the program says about itself on standard error: `none`, `error`, `warn`, `info`, `debug` or
    /// `trace`. Else `OTEL_LOG_LEVEL`, else `info`.
    #[serde(serialize_with = "level")]
    pub log_level: LogLevel,
}

fn level<S: Serializer>(level: &LogLevel, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(level.name())
}

/// A configuration and what in it will not happen as asked.
pub type Loaded = (TraceConfig, Vec<ConfigWarning>);

impl From<TraceConfig> for Loaded {
    /// A configuration that was made in code has nothing to warn of.
    fn from(config: TraceConfig) -> Self {
        (config, Vec::new())
    }
}

impl TraceConfig {
    /// Reads a text. `env` looks up environment variables: those that the text names, and those that fill in what it
    /// leaves out.
    ///
    /// # Errors
    /// Everything that is wrong, at once: syntax, unknown keys, wrong types, values out of range, bad addresses.
    pub fn from_str(
        text: &str,
        format: Format,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Loaded, ConfigErrors> {
        Self::from_tree(&parse(text, Some(format))?, env)
    }

    /// Reads a file under the environment of the process. The extensions `yaml`, `yml` and `json` say the format,
    /// else it is JSON if it reads as JSON, and YAML if not.
    ///
    /// # Errors
    /// The file cannot be read, is larger than 1 MiB or not UTF-8, or see [`TraceConfig::from_str`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Loaded, ConfigErrors> {
        Self::from_file_with(path, &process_env)
    }

    /// Like [`TraceConfig::from_file`], under another environment.
    ///
    /// # Errors
    /// As there.
    pub fn from_file_with(
        path: impl AsRef<Path>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Loaded, ConfigErrors> {
        let path = path.as_ref();
        let format = Format::of_extension(path.extension().and_then(|e| e.to_str()));
        read(path)
            .and_then(|text| parse(&text, format))
            .and_then(|tree| Self::from_tree(&tree, env))
            .map_err(|e| e.in_source(path.display().to_string()))
    }

    /// The defaults, changed by the environment variables of the process.
    ///
    /// # Errors
    /// A variable has a value that is not allowed.
    pub fn from_env() -> Result<Loaded, ConfigErrors> {
        Self::from_tree(&Value::Null, &process_env)
    }

    fn from_tree(tree: &Value, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, ConfigErrors> {
        let report = Report::default();
        let config = Section::root(Source { env, report: &report }, tree, |s| Self {
            opentelemetry: s.section("opentelemetry", OpenTelemetryConfig::read),
            anomaly_detection: s.section("anomalyDetection", AnomalyDetectionConfig::read),
            alerting: s.section("alerting", AlertingConfig::read),
            server: s.section("server", ServerConfig::read),
            store: s.section("store", StoreConfig::read),
            receivers: s.section("receivers", ReceiversConfig::read),
            processing: s.section("processing", ProcessingConfig::read),
            tenancy: s.section("tenancy", TenancyConfig::read),
        });
        config.check_the_reader(&report);
        report.finish().map(|warnings| (config, warnings))
    }
}

impl TraceConfig {
    /// What is read from must be there, and be a store.
    fn check_the_reader(&self, report: &Report) {
        let Some(name) = &self.store.read_from else { return };
        let destinations = &self.opentelemetry.tracing.exporters.destinations;
        let readable = destinations.iter().filter(|d| d.config.is_readable());
        let known: Vec<&str> = std::iter::once(MEMORY).chain(readable.map(|d| d.name.as_str())).collect();
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            report.error(
                "store.readFrom",
                format!("is {name:?}, which is no store that is on here; known: {known}"),
            );
        }
    }
}

impl Default for OpenTelemetryConfig {
    fn default() -> Self {
        let service = ServiceConfig::default();
        Self {
            tracing: TracingConfig::for_service(&service),
            service,
            metrics: MetricsConfig::default(),
            logs: LogsConfig::default(),
            resource: ResourceConfig::default(),
            propagators: ["tracecontext", "baggage"].map(str::to_owned).into(),
            log_level: LogLevel::default(),
        }
    }
}

impl OpenTelemetryConfig {
    fn read(s: &Section<'_>) -> Self {
        let env = s.otel();
        for warning in &env.warnings {
            s.warn_at(warning.variable, warning.message.clone());
        }
        let mut resource = s.section("resource", |s| ResourceConfig::read(s, &env));
        // The service has keys of its own, which win.
        let named = resource.attributes.remove("service.name");
        let service = s.section("service", |s| ServiceConfig::read(s, named));
        let mut tracing = s.section("tracing", |s| TracingConfig::read(s, &service, &env));
        let mut metrics = s.section("metrics", |s| MetricsConfig::read(s, &env));
        let mut logs = s.section("logs", |s| LogsConfig::read(s, &env));
        if let (Some(from), Some(to)) = (&tracing.exporters.otlp, &mut logs.exporters.otlp) {
            to.share_authorization(from);
        }
        if let (Some(from), Some(to)) = (&tracing.exporters.otlp, &mut metrics.exporters.otlp) {
            to.destination.share_authorization(from);
        }
        if env.disabled {
            tracing.enabled = false;
            metrics.enabled = false;
            logs.enabled = false;
        }
        if s.variable("OTEL_CONFIG_FILE").is_some() {
            s.warn_at("OTEL_CONFIG_FILE", "is not read: give a configuration of this program with --config");
        }
        let log_level = s.field("logLevel").one_of(LogLevel::NAMES).or(env.log_level).unwrap_or_default();
        Self { service, tracing, metrics, logs, resource, propagators: propagators(s, &env), log_level }
    }

    /// What reads and writes headers.
    pub fn propagator(&self) -> CompositePropagator {
        named(&self.propagators.join(",")).0
    }
}

/// Of names with commas, and warnings of those that are unknown.
fn named(names: &str) -> (CompositePropagator, Vec<String>) {
    let (propagator, warnings) = CompositePropagator::from_env(|_| Some(names.to_owned()));
    (propagator, warnings.iter().map(ToString::to_string).collect())
}

fn propagators(s: &Section<'_>, env: &EnvSettings) -> Vec<String> {
    let file = s.list("propagators").map(|list| list.iter().filter_map(Field::text).collect::<Vec<_>>());
    let names = match (&file, &env.propagators) {
        (Some(list), _) => list.join(","),
        (None, Some(text)) => text.clone(),
        (None, None) => return OpenTelemetryConfig::default().propagators,
    };
    for warning in named(&names).1 {
        if file.is_some() {
            let warning = warning.replace("OTEL_PROPAGATORS", "the list");
            s.warn_at("opentelemetry.propagators", warning);
        } else {
            s.warn_at("OTEL_PROPAGATORS", warning);
        }
    }
    let names = names.split(',').map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

fn read(path: &Path) -> Result<String, ConfigErrors> {
    let failed = |e: std::io::Error| ConfigErrors::whole(format!("cannot read the file: {e}"));
    let mut text = String::new();
    // One byte over the limit is enough for the parser to refuse the rest.
    File::open(path).and_then(|f| f.take(MAX_BYTES as u64 + 1).read_to_string(&mut text)).map_err(failed)?;
    Ok(text)
}

fn process_env(name: &str) -> Option<String> {
    // A value that is not UTF-8 must not pass for an absent one: a token would silently not be sent.
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}
