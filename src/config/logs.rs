//! What is logged and where log records go.

use serde::{Serialize, Serializer};
use trace_core::env::{EnvSettings, LogLevel, LogLimitSettings};
use trace_core::log::LogLimits;
use trace_exporters::delivery::DeliveryConfig;

use super::asked::Asked;
use super::batch::BatchConfig;
use super::exporter::{Destination, LogExporterConfig, by_name, check_delivery, warn_of_one_backend};
use super::otlp::OtlpConfig;
use super::otlp_env::OtlpSignal;
use super::section::Section;
use super::tracing::ConsoleConfig;

/// `opentelemetry.logs`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogsConfig {
    /// Whether log records are taken; true by default. Without an exporter there are none anyway.
    pub enabled: bool,
    /// The least level that is exported: `none`, `error`, `warn`, `info`, the default, `debug` or `trace`. Holds for what this
    /// process logs; what others send is as it is.
    #[serde(serialize_with = "name")]
    pub level: LogLevel,
    /// Where they go.
    pub exporters: LogExportersConfig,
    /// How they are batched; variables are `OTEL_BLRP_*`.
    pub batch: BatchConfig,
    /// How much one record may hold.
    pub limits: LogLimitsConfig,
}

fn name<S: Serializer>(level: &LogLevel, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(level.name())
}

/// `opentelemetry.logs.exporters`: what is `None` is off. A key is a kind, or `kind/NAME` for a further destination of
/// the kind. An exporter is on if its section is there without `enabled: false`; else if `OTEL_LOGS_EXPORTER` lists it;
/// else, without that variable, if the environment has its endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogExportersConfig {
    /// OTLP; see [`OtlpConfig`] for the variables that fill it in. Without an `Authorization` header of its own it sends
    /// that of the traces, if it goes to the same host.
    pub otlp: Option<Destination<OtlpConfig>>,
    /// A line a record on the terminal.
    pub console: Option<ConsoleConfig>,
    /// All others, with those of `otlp` that have a name.
    #[serde(flatten, serialize_with = "by_name")]
    pub destinations: Vec<Destination<LogExporterConfig>>,
}

/// `opentelemetry.logs.limits`: of one record; what is `None` has the default of [`LogLimits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLimitsConfig {
    /// Attributes. Else `OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT`, else `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    pub attributes: Option<u64>,
    /// `valueLength`: characters of a text in an attribute. Else `OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else
    /// `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else without limit.
    pub value_length: Option<u64>,
}

impl LogLimitsConfig {
    fn read(s: &Section<'_>, env: &LogLimitSettings) -> Self {
        let limit = |key, env: Option<u64>| s.field(key).integer(0..=1 << 30).or(env);
        Self {
            attributes: limit("attributes", env.attribute_count),
            value_length: limit("valueLength", env.attribute_value_length),
        }
    }

    /// The limits that hold.
    pub fn limits(&self) -> LogLimits {
        let given =
            LogLimitSettings { attribute_count: self.attributes, attribute_value_length: self.value_length };
        given.apply_to(LogLimits::default())
    }
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            level: LogLevel::Info,
            exporters: LogExportersConfig::default(),
            batch: BatchConfig::default(),
            limits: LogLimitsConfig::default(),
        }
    }
}

impl LogsConfig {
    pub(super) fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        Self {
            enabled: s.enabled_or(true),
            level: s.field("level").one_of(LogLevel::NAMES).unwrap_or(LogLevel::Info),
            exporters: s.section("exporters", |s| LogExportersConfig::read(s, env)),
            batch: s.section("batch", |s| BatchConfig::read(s, &env.log_batch)),
            limits: s.section("limits", |s| LogLimitsConfig::read(s, &env.log_limits)),
        }
    }
}

impl LogExportersConfig {
    fn read(s: &Section<'_>, env: &EnvSettings) -> Self {
        let asked = Asked::new(s, "OTEL_LOGS_EXPORTER", env.logs_exporters.as_deref(), &["otlp", "console"]);
        let console = asked.for_kind("console").unwrap_or(false);
        let signal = OtlpSignal::Logs;
        let otlp = s.section("otlp", |s| {
            let on = asked.for_kind("otlp").unwrap_or_else(|| signal.has_endpoint(s));
            Destination::read(s, "otlp", on, &[], |s| Some(OtlpConfig::read(s, signal)))
        });
        let config = Self {
            otlp,
            console: s.section("console", |s| ConsoleConfig::read(s, console)),
            destinations: LogExporterConfig::read_all(s),
        };
        let deliveries: Vec<_> = config.deliveries().collect();
        check_delivery(s, &deliveries);
        let stands_in = |name: &str| deliveries.iter().any(|(_, d)| d.others().any(|other| other == name));
        let otlp = config.otlp.iter().map(|d| (&d.name, d.endpoint.as_str()));
        let others = config.destinations.iter().filter_map(|d| Some((&d.name, d.config.url()?)));
        let own = otlp.chain(others).filter(|(name, _)| !stands_in(name));
        let own: Vec<_> = own.map(|(name, url)| (name.clone(), url.to_owned())).collect();
        warn_of_one_backend(s, &own);
        config
    }

    /// The destination of this name, such as `otlpFile` or `otlp/backup`.
    pub fn destination(&self, name: &str) -> Option<&Destination<LogExporterConfig>> {
        self.destinations.iter().find(|d| d.name == name)
    }

    /// The name and the delivery of every destination but the terminal.
    pub fn deliveries(&self) -> impl Iterator<Item = (&str, &DeliveryConfig)> {
        let otlp = self.otlp.iter().map(|d| (d.name.as_str(), &d.delivery));
        otlp.chain(self.destinations.iter().map(|d| (d.name.as_str(), &d.delivery)))
    }
}
