//! What is logged and where log records go.

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use trace_core::env::{EnvSettings, LogLevel, LogLimitSettings};
use trace_core::log::LogLimits;

use super::asked::Asked;
use super::batch::BatchConfig;
use super::otlp::OtlpConfig;
use super::otlp_env::OtlpSignal;
use super::section::Section;
use super::tracing::ConsoleConfig;

/// `opentelemetry.logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// `opentelemetry.logs.exporters`: what is `None` is off. An exporter is on if its section is there without
/// `enabled: false`; else if `OTEL_LOGS_EXPORTER` lists it; else, without that variable, if the environment has its
/// endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogExportersConfig {
    /// OTLP over HTTP. The endpoint is else `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, else `http://localhost:4318/v1/logs`.
    /// Without an `Authorization` header of its own it sends that of the traces, if it goes to the same host.
    pub otlp: Option<OtlpConfig>,
    /// `otlpFile`: OTLP as lines of JSON.
    pub otlp_file: Option<LogFileConfig>,
    /// A line a record on the terminal.
    pub console: Option<ConsoleConfig>,
}

/// `opentelemetry.logs.exporters.otlpFile`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogFileConfig {
    /// The file, which ends in `.jsonl`. Its folder must be there.
    pub path: PathBuf,
    /// `maxFileBytes`: a file that would grow beyond this is set aside; 64 MiB by default.
    pub max_file_bytes: u64,
    /// `maxTotalBytes`: all files together; the oldest are removed. 1 GiB by default.
    pub max_total_bytes: u64,
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
        Self {
            otlp: s.section("otlp", |s| OtlpConfig::read(s, asked.for_kind("otlp"), OtlpSignal::Logs)),
            otlp_file: s.section("otlpFile", LogFileConfig::read),
            console: s.section("console", |s| ConsoleConfig::read(s, console)),
        }
    }
}

impl LogFileConfig {
    fn read(s: &Section<'_>) -> Option<Self> {
        let on = s.enabled_or(false);
        let path = s.field("path").text();
        let most = 1 << 50;
        let max_file_bytes = s.field("maxFileBytes").integer(1024..=most).unwrap_or(64 << 20);
        let max_total_bytes = s.field("maxTotalBytes").integer(1024..=most).unwrap_or(1 << 30);
        if !on {
            return None;
        }
        if path.is_none() {
            s.missing("path", "name the file, such as /var/log/app/logs.jsonl");
        }
        if max_file_bytes > max_total_bytes {
            s.error("has a maxFileBytes over its maxTotalBytes");
        }
        Some(Self { path: path?.into(), max_file_bytes, max_total_bytes })
    }
}
