//! Tags that stand for what Zipkin has no field for.
//!
//! Sources: OpenTelemetry specification, "Mapping to Non-OTLP Formats"; links and the trace state as the OpenTelemetry
//! Collector's translator writes them.

pub(super) const SERVICE: &str = "service.name";
pub(super) const PEER_SERVICE: &str = "peer.service";
pub(super) const STATUS: &str = "otel.status_code";
pub(super) const ERROR: &str = "error";
pub(super) const SCOPE: &str = "otel.scope.name";
pub(super) const SCOPE_VERSION: &str = "otel.scope.version";
/// What `otel.scope.name` was called before.
pub(super) const LIBRARY: &str = "otel.library.name";
/// What `otel.scope.version` was called before.
pub(super) const LIBRARY_VERSION: &str = "otel.library.version";
pub(super) const TRACE_STATE: &str = "w3c.tracestate";
pub(super) const DROPPED_ATTRIBUTES: &str = "otel.dropped_attributes_count";
pub(super) const DROPPED_EVENTS: &str = "otel.dropped_events_count";
pub(super) const DROPPED_LINKS: &str = "otel.dropped_links_count";
/// A link, with its number behind: `TRACE|SPAN|STATE|ATTRIBUTES|DROPPED`.
pub(super) const LINK: &str = "otlp.link.";
/// The id that a client and a server had in common.
pub(super) const SHARED_ID: &str = "zipkin.shared_span_id";
