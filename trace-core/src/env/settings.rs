//! All variables that concern the core.

use std::time::Duration;

use super::limits::{LimitSettings, LogLimitSettings};
use super::reader::{EnvWarning, Reader};
use super::resource_attributes::parse_resource_attributes;
use crate::metric::{ExemplarFilter, TemporalityPreference};
use crate::model::{KeyValue, Resource};
use crate::pipeline::DestinationConfig;

/// The `OTEL_*` variables that concern the core. A field that is `None` or empty is unset, and the default applies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnvSettings {
    /// `OTEL_SDK_DISABLED`: nothing is recorded; propagation still works.
    pub disabled: bool,
    /// `OTEL_SERVICE_NAME`; wins over `service.name` in `OTEL_RESOURCE_ATTRIBUTES`.
    pub service_name: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    pub resource_attributes: Vec<KeyValue>,
    /// `OTEL_LOG_LEVEL`: how much a program says about its telemetry. The library itself prints nothing: it tells through
    /// ledgers, health and warnings.
    pub log_level: Option<LogLevel>,
    /// `OTEL_BSP_*`.
    pub batch: BatchSettings,
    /// `OTEL_BLRP_*`.
    pub log_batch: BatchSettings,
    /// `OTEL_*_LIMIT`.
    pub limits: LimitSettings,
    /// `OTEL_LOGRECORD_*_LIMIT`.
    pub log_limits: LogLimitSettings,
    /// `OTEL_METRIC_*`, `OTEL_METRICS_EXEMPLAR_FILTER` and `OTEL_EXPORTER_OTLP_METRICS_*` as far as collecting is concerned.
    pub metrics: MetricSettings,
    /// `OTEL_TRACES_EXPORTER`: lower case, each once, such as `otlp`; `none` alone turns export off.
    pub traces_exporters: Option<Vec<String>>,
    /// `OTEL_METRICS_EXPORTER`, likewise.
    pub metrics_exporters: Option<Vec<String>>,
    /// `OTEL_LOGS_EXPORTER`, likewise.
    pub logs_exporters: Option<Vec<String>>,
    /// `OTEL_TRACES_SAMPLER` as it is.
    pub sampler: Option<String>,
    /// `OTEL_TRACES_SAMPLER_ARG` as it is.
    pub sampler_arg: Option<String>,
    /// `OTEL_PROPAGATORS` as it is.
    pub propagators: Option<String>,
    /// What does not do what it seems to ask for.
    pub warnings: Vec<EnvWarning>,
}

/// `OTEL_BSP_*` for spans, `OTEL_BLRP_*` for log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSettings {
    /// `OTEL_{BSP,BLRP}_SCHEDULE_DELAY`.
    pub schedule_delay: Option<Duration>,
    /// `OTEL_{BSP,BLRP}_EXPORT_TIMEOUT`; `Duration::MAX` for 0, which means no limit.
    pub export_timeout: Option<Duration>,
    /// `OTEL_{BSP,BLRP}_MAX_QUEUE_SIZE`, in records.
    pub max_queue_size: Option<u64>,
    /// `OTEL_{BSP,BLRP}_MAX_EXPORT_BATCH_SIZE`, in records.
    pub max_export_batch_size: Option<u64>,
}

/// How metrics are collected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricSettings {
    /// `OTEL_METRIC_EXPORT_INTERVAL`.
    pub export_interval: Option<Duration>,
    /// `OTEL_METRIC_EXPORT_TIMEOUT`; `Duration::MAX` for 0, which means no limit.
    pub export_timeout: Option<Duration>,
    /// `OTEL_METRICS_EXEMPLAR_FILTER`.
    pub exemplar_filter: Option<ExemplarFilter>,
    /// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, for
    /// [`MeterRegistry::reader`](crate::metric::MeterRegistry::reader).
    pub temporality: Option<TemporalityPreference>,
    /// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`: whether histograms are exponential, for a
    /// [`View`](crate::metric::View).
    pub exponential_histograms: Option<bool>,
}

/// How much is said about the telemetry itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    None,
    /// Errors.
    Error,
    /// Also warnings.
    Warn,
    /// Also what is worth knowing: the default.
    #[default]
    Info,
    /// Also details.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// Every name and its level; the first name of a level is [`LogLevel::name`].
    pub const NAMES: &[(&str, Self)] = &[
        ("none", Self::None),
        ("off", Self::None),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("warning", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// The name, in lower case.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, level)| *level == self).map_or("info", |(name, _)| name)
    }
}

const TEMPORALITIES: &[(&str, TemporalityPreference)] = &[
    ("cumulative", TemporalityPreference::Cumulative),
    ("delta", TemporalityPreference::Delta),
    ("lowmemory", TemporalityPreference::LowMemory),
];

const HISTOGRAMS: &[(&str, bool)] =
    &[("explicit_bucket_histogram", false), ("base2_exponential_bucket_histogram", true)];

const EXEMPLAR_FILTERS: &[(&str, ExemplarFilter)] = &[
    ("always_on", ExemplarFilter::AlwaysOn),
    ("always_off", ExemplarFilter::AlwaysOff),
    ("trace_based", ExemplarFilter::TraceBased),
];

impl EnvSettings {
    /// Reads the environment of the process. A value that is not UTF-8 is read as far as it is.
    pub fn from_process() -> Self {
        Self::read(&|name| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned()))
    }

    /// Reads the variables that `lookup` knows.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        let r = Reader::new(lookup);
        let attributes = "OTEL_RESOURCE_ATTRIBUTES";
        let resource_attributes = r.text(attributes).map(|text| parse_resource_attributes(&text));
        let mut settings = Self {
            disabled: r.flag("OTEL_SDK_DISABLED"),
            service_name: r.text("OTEL_SERVICE_NAME"),
            resource_attributes: match resource_attributes {
                Some(Ok(list)) => list,
                Some(Err(problem)) => {
                    r.warn(attributes, format!("{problem}; the whole value is ignored"));
                    Vec::new()
                }
                None => Vec::new(),
            },
            log_level: r.word("OTEL_LOG_LEVEL", LogLevel::NAMES),
            batch: BatchSettings::read(&r, SPANS),
            log_batch: BatchSettings::read(&r, LOGS),
            limits: LimitSettings::read(&r),
            log_limits: LogLimitSettings::read(&r),
            metrics: MetricSettings {
                export_interval: r.number("OTEL_METRIC_EXPORT_INTERVAL", 1).map(Duration::from_millis),
                export_timeout: r.timeout("OTEL_METRIC_EXPORT_TIMEOUT"),
                exemplar_filter: r.word("OTEL_METRICS_EXEMPLAR_FILTER", EXEMPLAR_FILTERS),
                temporality: r.word("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", TEMPORALITIES),
                exponential_histograms: r
                    .word("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", HISTOGRAMS),
            },
            traces_exporters: r.list("OTEL_TRACES_EXPORTER"),
            metrics_exporters: r.list("OTEL_METRICS_EXPORTER"),
            logs_exporters: r.list("OTEL_LOGS_EXPORTER"),
            sampler: r.text("OTEL_TRACES_SAMPLER"),
            sampler_arg: r.text("OTEL_TRACES_SAMPLER_ARG"),
            propagators: r.text("OTEL_PROPAGATORS"),
            warnings: Vec::new(),
        };
        settings.warnings = r.into_warnings();
        settings
    }

    /// `OTEL_RESOURCE_ATTRIBUTES` with `OTEL_SERVICE_NAME` on top; may be empty.
    pub fn resource(&self) -> Resource {
        let name = self.service_name.clone().map(|name| KeyValue::new("service.name", name));
        Resource::new(self.resource_attributes.iter().cloned().chain(name))
    }
}

/// In the order of the fields of [`BatchSettings`].
const SPANS: [&str; 4] = [
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
];
const LOGS: [&str; 4] = [
    "OTEL_BLRP_SCHEDULE_DELAY",
    "OTEL_BLRP_EXPORT_TIMEOUT",
    "OTEL_BLRP_MAX_QUEUE_SIZE",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
];

impl BatchSettings {
    fn read(r: &Reader<'_>, [delay, timeout, max_queue, max_batch]: [&'static str; 4]) -> Self {
        let mut batch = Self {
            schedule_delay: r.millis(delay),
            export_timeout: r.timeout(timeout),
            max_queue_size: r.number(max_queue, 1),
            max_export_batch_size: r.number(max_batch, 1),
        };
        if let (Some(queue), Some(n)) = (batch.max_queue_size, batch.max_export_batch_size)
            && n > queue
        {
            r.warn(max_batch, format!("{n} is more than the queue holds; {queue} is used"));
            batch.max_export_batch_size = Some(queue);
        }
        batch
    }

    /// `config`, with what is set here instead. A batch is never larger than a queue that is counted in spans.
    #[must_use]
    pub fn apply_to(&self, mut config: DestinationConfig) -> DestinationConfig {
        let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        config.max_delay = self.schedule_delay.unwrap_or(config.max_delay);
        config.timeout = self.export_timeout.unwrap_or(config.timeout);
        config.queue_records = self.max_queue_size.map_or(config.queue_records, size);
        config.max_batch = self.max_export_batch_size.map_or(config.max_batch, size);
        config.max_batch = config.max_batch.min(config.queue_records);
        config
    }
}
