//! The messages of OTLP: what each key is as a protobuf field.
//!
//! Source: `opentelemetry/proto/{common,resource,trace,metrics,logs}/v1/*.proto`, version 1.11.

/// A type of message.
pub(super) struct Message(pub(super) &'static [MessageField]);

/// A key of a message.
pub(super) struct MessageField {
    pub(super) key: &'static str,
    pub(super) number: u8,
    pub(super) kind: Kind,
    /// Whether it is a list.
    pub(super) many: bool,
}

/// The type of a value, and how it is written.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Bytes that are hex in OTLP/JSON.
    Hex,
    Base64,
    Bool,
    /// `int32`, `int64`, `uint32`, `uint64` and enumerations.
    Varint,
    Zigzag,
    Fixed64,
    SignedFixed64,
    Fixed32,
    Double,
    Message(&'static Message),
}

const fn one(key: &'static str, number: u8, kind: Kind) -> MessageField {
    MessageField { key, number, kind, many: false }
}

const fn many(key: &'static str, number: u8, kind: Kind) -> MessageField {
    MessageField { key, number, kind, many: true }
}

use Kind::{
    Base64, Bool, Double, Fixed32, Fixed64, Hex, Message as Msg, SignedFixed64, Text, Varint, Zigzag,
};

static ANY_VALUE: Message = Message(&[
    one("stringValue", 1, Text),
    one("boolValue", 2, Bool),
    one("intValue", 3, Varint),
    one("doubleValue", 4, Double),
    one("arrayValue", 5, Msg(&ARRAY_VALUE)),
    one("kvlistValue", 6, Msg(&KEY_VALUE_LIST)),
    one("bytesValue", 7, Base64),
]);
static ARRAY_VALUE: Message = Message(&[many("values", 1, Msg(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message(&[many("values", 1, Msg(&KEY_VALUE))]);
static KEY_VALUE: Message = Message(&[one("key", 1, Text), one("value", 2, Msg(&ANY_VALUE))]);

static RESOURCE: Message = Message(&[many("attributes", 1, Msg(&KEY_VALUE))]);
static SCOPE: Message = Message(&[
    one("name", 1, Text),
    one("version", 2, Text),
    many("attributes", 3, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Varint),
]);

/// `ExportTraceServiceRequest`, `TracesData`.
pub(super) static TRACES: Message = Message(&[many("resourceSpans", 1, Msg(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Message = Message(&[
    one("resource", 1, Msg(&RESOURCE)),
    many("scopeSpans", 2, Msg(&SCOPE_SPANS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_SPANS: Message =
    Message(&[one("scope", 1, Msg(&SCOPE)), many("spans", 2, Msg(&SPAN)), one("schemaUrl", 3, Text)]);
static SPAN: Message = Message(&[
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    one("parentSpanId", 4, Hex),
    one("name", 5, Text),
    one("kind", 6, Varint),
    one("startTimeUnixNano", 7, Fixed64),
    one("endTimeUnixNano", 8, Fixed64),
    many("attributes", 9, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 10, Varint),
    many("events", 11, Msg(&EVENT)),
    one("droppedEventsCount", 12, Varint),
    many("links", 13, Msg(&LINK)),
    one("droppedLinksCount", 14, Varint),
    one("status", 15, Msg(&STATUS)),
    one("flags", 16, Fixed32),
]);
static EVENT: Message = Message(&[
    one("timeUnixNano", 1, Fixed64),
    one("name", 2, Text),
    many("attributes", 3, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Varint),
]);
static LINK: Message = Message(&[
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    many("attributes", 4, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 5, Varint),
    one("flags", 6, Fixed32),
]);
static STATUS: Message = Message(&[one("message", 2, Text), one("code", 3, Varint)]);

/// `ExportMetricsServiceRequest`, `MetricsData`.
pub(super) static METRICS: Message = Message(&[many("resourceMetrics", 1, Msg(&RESOURCE_METRICS))]);
static RESOURCE_METRICS: Message = Message(&[
    one("resource", 1, Msg(&RESOURCE)),
    many("scopeMetrics", 2, Msg(&SCOPE_METRICS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_METRICS: Message =
    Message(&[one("scope", 1, Msg(&SCOPE)), many("metrics", 2, Msg(&METRIC)), one("schemaUrl", 3, Text)]);
static METRIC: Message = Message(&[
    one("name", 1, Text),
    one("description", 2, Text),
    one("unit", 3, Text),
    one("gauge", 5, Msg(&GAUGE)),
    one("sum", 7, Msg(&SUM)),
    one("histogram", 9, Msg(&HISTOGRAM)),
    one("exponentialHistogram", 10, Msg(&EXPONENTIAL_HISTOGRAM)),
    one("summary", 11, Msg(&SUMMARY)),
]);
static GAUGE: Message = Message(&[many("dataPoints", 1, Msg(&NUMBER_POINT))]);
static SUM: Message = Message(&[
    many("dataPoints", 1, Msg(&NUMBER_POINT)),
    one("aggregationTemporality", 2, Varint),
    one("isMonotonic", 3, Bool),
]);
static HISTOGRAM: Message =
    Message(&[many("dataPoints", 1, Msg(&HISTOGRAM_POINT)), one("aggregationTemporality", 2, Varint)]);
static EXPONENTIAL_HISTOGRAM: Message =
    Message(&[many("dataPoints", 1, Msg(&EXPONENTIAL_POINT)), one("aggregationTemporality", 2, Varint)]);
/// Summaries are counted and left out.
static SUMMARY: Message = Message(&[many("dataPoints", 1, Msg(&Message(&[])))]);
static NUMBER_POINT: Message = Message(&[
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("asDouble", 4, Double),
    many("exemplars", 5, Msg(&EXEMPLAR)),
    one("asInt", 6, SignedFixed64),
    many("attributes", 7, Msg(&KEY_VALUE)),
    one("flags", 8, Varint),
]);
static HISTOGRAM_POINT: Message = Message(&[
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("bucketCounts", 6, Fixed64),
    many("explicitBounds", 7, Double),
    many("exemplars", 8, Msg(&EXEMPLAR)),
    many("attributes", 9, Msg(&KEY_VALUE)),
    one("flags", 10, Varint),
    one("min", 11, Double),
    one("max", 12, Double),
]);
static EXPONENTIAL_POINT: Message = Message(&[
    many("attributes", 1, Msg(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    one("scale", 6, Zigzag),
    one("zeroCount", 7, Fixed64),
    one("positive", 8, Msg(&BUCKETS)),
    one("negative", 9, Msg(&BUCKETS)),
    one("flags", 10, Varint),
    many("exemplars", 11, Msg(&EXEMPLAR)),
    one("min", 12, Double),
    one("max", 13, Double),
    one("zeroThreshold", 14, Double),
]);
static BUCKETS: Message = Message(&[one("offset", 1, Zigzag), many("bucketCounts", 2, Varint)]);
static EXEMPLAR: Message = Message(&[
    one("timeUnixNano", 2, Fixed64),
    one("asDouble", 3, Double),
    one("spanId", 4, Hex),
    one("traceId", 5, Hex),
    one("asInt", 6, SignedFixed64),
    many("filteredAttributes", 7, Msg(&KEY_VALUE)),
]);

/// `ExportLogsServiceRequest`, `LogsData`.
pub(super) static LOGS: Message = Message(&[many("resourceLogs", 1, Msg(&RESOURCE_LOGS))]);
static RESOURCE_LOGS: Message = Message(&[
    one("resource", 1, Msg(&RESOURCE)),
    many("scopeLogs", 2, Msg(&SCOPE_LOGS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_LOGS: Message = Message(&[
    one("scope", 1, Msg(&SCOPE)),
    many("logRecords", 2, Msg(&LOG_RECORD)),
    one("schemaUrl", 3, Text),
]);
static LOG_RECORD: Message = Message(&[
    one("timeUnixNano", 1, Fixed64),
    one("severityNumber", 2, Varint),
    one("severityText", 3, Text),
    one("body", 5, Msg(&ANY_VALUE)),
    many("attributes", 6, Msg(&KEY_VALUE)),
    one("droppedAttributesCount", 7, Varint),
    one("flags", 8, Fixed32),
    one("traceId", 9, Hex),
    one("spanId", 10, Hex),
    one("observedTimeUnixNano", 11, Fixed64),
    one("eventName", 12, Text),
]);
