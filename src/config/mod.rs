//! The configuration: plain data, read from YAML or JSON and from the environment.
//!
//! Keys may be written in camelCase or snake_case. In every text, `${VAR}` stands for an environment variable and
//! `${VAR:-default}` for one with a default; a text that is one variable and nothing else may stand for a number or a
//! boolean. Variables are filled in after the file was read, so a value cannot add keys. A variable that is unset or
//! empty and has no default makes the text empty, and an empty text counts as absent; a secret is absent if any of
//! its variables is. `$${` is a plain `${`.
//!
//! The file wins over the `OTEL_*` variables, except that `OTEL_SDK_DISABLED` always wins. A variable of the OpenTelemetry
//! specification whose value cannot be used is a warning, and the default stays, except for addresses and certificates to
//! send to: those are errors, as with ours.
//!
//! ```
//! use mplp_trace::config::{Format, TraceConfig};
//!
//! let text = "opentelemetry:\n  tracing:\n    samplingRate: ${RATE:-0.25}\n";
//! let (config, warnings) = TraceConfig::from_str(text, Format::Yaml, &|_| None)?;
//! assert_eq!(config.opentelemetry.tracing.sampling_rate, 0.25);
//! assert!(warnings.is_empty());
//! # Ok::<(), mplp_trace::ConfigErrors>(())
//! ```

mod alerting;
mod anomaly;
mod asked;
mod batch;
mod channel;
mod duration;
mod endpoint;
mod expand;
mod exporter;
mod field;
mod kafka_receiver;
mod listen;
mod logs;
mod mail;
mod metrics;
mod otlp;
mod otlp_env;
mod parse;
mod processing;
mod prometheus;
mod receiver_limits;
mod receivers;
mod redact;
mod report;
mod resource;
mod sampling;
mod secret;
mod section;
mod server;
mod service;
mod tenancy;
mod trace_config;
mod tracing;

pub use alerting::{AlertingConfig, Channel, NotificationsConfig, RouteConfig};
pub use anomaly::{AiModelConfig, AnomalyDetectionConfig, ModelType};
pub use batch::{BatchConfig, LimitsConfig};
pub use channel::{EmailConfig, SlackConfig, SmtpTls};
pub use endpoint::{Endpoint, EndpointError};
pub use exporter::{Destination, LogExporterConfig, MetricExporterConfig, SpanExporterConfig};
pub use kafka_receiver::{KafkaMechanism, KafkaReceiverConfig, KafkaStart};
pub use listen::{ListenAddress, ListenAddressError};
pub use logs::{LogExportersConfig, LogLimitsConfig, LogsConfig};
pub use mail::{MailAddress, MailAddressError, SmtpServer, SmtpServerError};
pub use metrics::{MetricExportersConfig, MetricsConfig, OtlpMetricsConfig};
pub use otlp::{Compression, OtlpConfig};
pub use parse::{Format, MAX_BYTES};
pub use processing::{ProcessingConfig, ResourceProcessingConfig};
pub use prometheus::{PrometheusConfig, TranslationStrategy};
pub use receiver_limits::ReceiverLimitsConfig;
pub use receivers::{
    HttpReceiverConfig, JaegerReceiverConfig, ListenConfig, OtlpReceiverConfig, ReceiversConfig,
};
pub use redact::{RedactConfig, RedactRule, Redacted};
pub use resource::ResourceConfig;
pub use sampling::{
    AdaptiveConfig, HeadConfig, Keep, NamedPolicy, PolicyConfig, RemoteSamplingConfig, RuleConfig,
    SamplingConfig, SamplingEndpoint, TailSamplingConfig,
};
pub use secret::Secret;
pub use server::{ServerConfig, StoreConfig};
pub use service::ServiceConfig;
pub use tenancy::{QuotaConfig, TenancyConfig};
pub use trace_config::{Loaded, OpenTelemetryConfig, TraceConfig};
pub use tracing::{ConsoleConfig, TraceExportersConfig, TracingConfig};
