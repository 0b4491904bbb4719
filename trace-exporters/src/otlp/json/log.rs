//! `ExportLogsServiceRequest` as JSON.

use base64::Engine as _;
use trace_core::model::{AnyValue, LogBatch, LogRecord};

use super::value::{resource, scope};
use super::writer::Json;
use crate::otlp::log_groups::by_scope;

pub(super) fn request(json: &mut Json<'_>, batch: &LogBatch) {
    json.object(|json| {
        json.key("resourceLogs").array([()], |json, ()| {
            json.object(|json| {
                resource(json, batch.resource());
                json.key("scopeLogs").array(by_scope(batch), |json, (of, records)| {
                    json.object(|json| {
                        scope(json, of);
                        json.text("schemaUrl", &of.schema_url);
                        json.key("logRecords").array(records, |json, r| json.object(|json| record(json, r)));
                    });
                });
                json.text("schemaUrl", &batch.resource().schema_url);
            });
        });
    });
}

fn record(json: &mut Json<'_>, r: &LogRecord) {
    json.long("timeUnixNano", r.time.unix_nanos());
    json.long("observedTimeUnixNano", r.observed.unix_nanos());
    json.number("severityNumber", r.severity.number().into());
    json.text("severityText", &r.severity_text);
    if !r.body.is_empty() {
        json.key("body");
        value(json, &r.body);
    }
    let attributes = r.attributes.iter().map(|(k, v)| (k.as_ref(), v));
    json.list("attributes", attributes, key_value);
    json.number("droppedAttributesCount", r.dropped_attributes.into());
    json.number("flags", r.flags.0.into());
    if let Some(id) = r.trace_id {
        json.key("traceId").hex(&id.to_bytes());
    }
    if let Some(id) = r.span_id {
        json.key("spanId").hex(&id.to_bytes());
    }
    json.text("eventName", &r.event_name);
}

fn key_value(json: &mut Json<'_>, (key, v): (&str, &AnyValue)) {
    json.object(|json| {
        json.key("key").string(key);
        json.key("value");
        value(json, v);
    });
}

/// `AnyValue`.
fn value(json: &mut Json<'_>, v: &AnyValue) {
    json.object(|json| match v {
        AnyValue::Empty => {}
        AnyValue::String(v) => json.key("stringValue").string(v),
        AnyValue::Bool(v) => json.key("boolValue").bool(*v),
        AnyValue::I64(v) => json.key("intValue").quoted(v),
        AnyValue::F64(v) => json.key("doubleValue").double(*v),
        AnyValue::Bytes(v) => {
            json.key("bytesValue").string(&base64::engine::general_purpose::STANDARD.encode(v));
        }
        AnyValue::List(list) => json.key("arrayValue").object(|json| json.key("values").array(list, value)),
        AnyValue::Map(entries) => json.key("kvlistValue").object(|json| {
            json.key("values").array(entries.iter().map(|(k, v)| (k.as_ref(), v)), key_value);
        }),
        // A kind of value that this version does not know travels as text rather than not at all.
        other => json.key("stringValue").string(&other.to_string()),
    });
}
