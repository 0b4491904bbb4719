//! Plain data: what a span, a metric, a log record, an anomaly and an alert *are*.
//!
//! No handles, no locks, no clocks. Every type can be compared, cloned and built by hand in a test. The names
//! follow OpenTelemetry; the alert and anomaly types follow the MPLP Trace module.

mod alert;
mod analysis;
mod anomaly;
mod any_value;
mod attribute;
mod context;
mod exponential;
mod health;
mod id;
mod log;
mod log_severity;
mod metric;
mod resource;
mod severity;
mod span;
mod tenant;
mod tenant_tag;
mod time;
mod time_range;
mod value;

pub use alert::{
    Alert, AlertId, AlertKind, AlertRecord, AlertState, AlertStatus, Delivery, DeliveryOutcome, Fingerprint,
};
pub use analysis::{
    Aggregate, BaselineComparison, Bottleneck, Evidence, PathStep, PerformanceAnalysis, PerformanceTargets,
    Quantiles, Recommendation, TargetResult, TargetVerdict,
};
pub use anomaly::{AffectedMetric, Anomaly, AnomalyId, AnomalyKind, AnomalyState};
pub use any_value::AnyValue;
pub use attribute::{AttributeSet, KeyValue};
pub use context::{SpanContext, TraceFlags, TraceState};
pub use exponential::{ExponentialBuckets, ExponentialPoint};
pub use health::{Check, CheckStatus, ComponentHealth, HealthLevel, HealthStatus};
pub use id::{ParseIdError, SpanId, TraceId, TraceIds};
pub use log::{LogBatch, LogBatchMut, LogRecord, LogScope};
pub use log_severity::LogSeverity;
pub use metric::{
    Exemplar, HistogramPoint, Metric, MetricBatch, MetricData, Number, NumberPoint, ScopeMetrics, Temporality,
};
pub use resource::{Resource, Scope};
pub use severity::{ParseSeverityError, Priority, Severity, SeverityFilter};
pub use span::{Event, Link, SpanData, SpanKind, Status};
pub use tenant::{ParseTenantError, TenantId};
pub use tenant_tag::TenantTag;
pub use time::Timestamp;
pub use time_range::{TimeRange, TimeRangeError};
pub use value::{Array, Value, ValueRef};
