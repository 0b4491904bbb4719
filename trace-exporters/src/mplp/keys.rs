//! Attributes that stand for fields of the protocol, and keys in documents that stand for fields of spans.

pub(super) const CONTEXT: &str = "mplp.context.id";
pub(super) const PLAN: &str = "mplp.plan.id";
/// A status that a span's own does not tell: `cancelled`, `running`, `pending`.
pub(super) const STATUS: &str = "mplp.status";
/// Before the fields of `meta`.
pub(super) const META: &str = "mplp.meta.";
pub(super) const GOVERNANCE: &str = "mplp.governance.json";
/// Names of attributes whose value was null, which a span has no place for.
pub(super) const NULLS: &str = "mplp.dropped_nulls";
pub(super) const EVENT_ID: &str = "mplp.event.id";
pub(super) const EVENT_SOURCE: &str = "mplp.event.source";
pub(super) const EVENT_DATA: &str = "mplp.event.data";
/// Before the status of a segment that has no span; the name of an event.
pub(super) const SEGMENT: &str = "mplp.segment.";
/// Such a segment, as JSON.
pub(super) const SEGMENT_JSON: &str = "mplp.segment.json";

/// The name of the root span, which the protocol has no field for.
pub(super) const NAME: &str = "name";
pub(super) const KIND: &str = "span.kind";
/// The key that holds all of a span that the protocol has no field for.
pub(super) const OTEL: &str = "otel";
