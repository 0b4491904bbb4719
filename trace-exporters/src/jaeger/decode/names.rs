//! Tags that stand for what Jaeger has no field for.
//!
//! Sources: OpenTelemetry specification, "Mapping to Non-OTLP Formats" and "OpenTelemetry to Jaeger Transformation"; the
//! trace state as the OpenTelemetry Collector has it.

pub(in crate::jaeger) const SERVICE: &str = "service.name";
pub(in crate::jaeger) const KIND: &str = "span.kind";
pub(in crate::jaeger) const STATUS: &str = "otel.status_code";
pub(in crate::jaeger) const STATUS_MESSAGE: &str = "otel.status_description";
pub(in crate::jaeger) const ERROR: &str = "error";
pub(in crate::jaeger) const SCOPE: &str = "otel.scope.name";
pub(in crate::jaeger) const SCOPE_VERSION: &str = "otel.scope.version";
/// What `otel.scope.name` was called before.
pub(super) const LIBRARY: &str = "otel.library.name";
/// What `otel.scope.version` was called before.
pub(super) const LIBRARY_VERSION: &str = "otel.library.version";
pub(in crate::jaeger) const TRACE_STATE: &str = "w3c.tracestate";
pub(in crate::jaeger) const DROPPED_ATTRIBUTES: &str = "otel.dropped_attributes_count";
pub(in crate::jaeger) const DROPPED_EVENTS: &str = "otel.dropped_events_count";
pub(in crate::jaeger) const DROPPED_LINKS: &str = "otel.dropped_links_count";
pub(in crate::jaeger) const EVENT: &str = "event";
/// On a link: that it is to a parent.
pub(super) const REFERENCE: &str = "opentracing.ref_type";
