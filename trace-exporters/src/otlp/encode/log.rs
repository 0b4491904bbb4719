//! `ExportLogsServiceRequest`, written straight from a [`LogBatch`].
//!
//! Field numbers: `opentelemetry/proto/logs/v1/logs.proto`.

use trace_core::model::{AnyValue, LogBatch, LogRecord, Scope, ValueRef};

use super::shared::{ResourceMessage, ScopeMessage, attribute};
use crate::otlp::log_groups::by_scope;
use crate::wire_writer::Wire;

/// What a record takes, roughly: decides how much room is left for lengths.
const RECORD_BYTES: usize = 200;

/// Appends the request; nothing for an empty batch.
pub(super) fn log_request(batch: &LogBatch, out: &mut Vec<u8>) {
    if batch.is_empty() {
        return;
    }
    let resource = batch.resource();
    out.delimited(1, batch.len() * RECORD_BYTES, |out| {
        out.message(1, &ResourceMessage(resource));
        for (scope, records) in by_scope(batch) {
            out.delimited(2, records.len() * RECORD_BYTES, |out| scope_logs(out, scope, &records));
        }
        out.string(3, &resource.schema_url);
    });
}

fn scope_logs(out: &mut Vec<u8>, scope: &Scope, records: &[&LogRecord]) {
    out.message(1, &ScopeMessage(scope));
    for r in records {
        out.delimited(2, RECORD_BYTES, |out| record(out, r));
    }
    out.string(3, &scope.schema_url);
}

fn record(out: &mut Vec<u8>, r: &LogRecord) {
    out.fixed64(1, r.time.unix_nanos());
    out.uint(2, r.severity.number().into());
    out.string(3, &r.severity_text);
    if !r.body.is_empty() {
        out.delimited(5, 0, |out| any_value(out, &r.body));
    }
    for (key, value) in &r.attributes {
        key_value(out, 6, key, value);
    }
    out.uint(7, r.dropped_attributes.into());
    out.fixed32(8, r.flags.0.into());
    if let Some(id) = r.trace_id {
        out.bytes_always(9, &id.to_bytes());
    }
    if let Some(id) = r.span_id {
        out.bytes_always(10, &id.to_bytes());
    }
    out.fixed64(11, r.observed.unix_nanos());
    out.string(12, &r.event_name);
}

fn key_value(out: &mut Vec<u8>, field: u32, key: &str, value: &AnyValue) {
    match value {
        AnyValue::String(v) => attribute(out, field, key, ValueRef::String(v)),
        AnyValue::I64(v) => attribute(out, field, key, ValueRef::I64(*v)),
        AnyValue::Bool(v) => attribute(out, field, key, ValueRef::Bool(*v)),
        AnyValue::F64(v) => attribute(out, field, key, ValueRef::F64(*v)),
        nested => out.delimited(field, 0, |out| {
            out.string(1, key);
            out.delimited(2, 0, |out| any_value(out, nested));
        }),
    }
}

/// The fields of `AnyValue`; none for no value.
fn any_value(out: &mut Vec<u8>, value: &AnyValue) {
    match value {
        AnyValue::Empty => {}
        AnyValue::String(v) => out.bytes_always(1, v.as_bytes()),
        AnyValue::Bool(v) => out.uint_always(2, (*v).into()),
        AnyValue::I64(v) => out.uint_always(3, v.cast_unsigned()),
        AnyValue::F64(v) => out.double_always(4, *v),
        AnyValue::List(list) => out.delimited(5, 0, |out| {
            for v in list {
                out.delimited(1, 0, |out| any_value(out, v));
            }
        }),
        AnyValue::Map(entries) => out.delimited(6, 0, |out| {
            for (key, v) in entries {
                key_value(out, 1, key, v);
            }
        }),
        AnyValue::Bytes(v) => out.bytes_always(7, v),
        // A kind of value that this version does not know travels as text rather than not at all.
        other => out.bytes_always(1, other.to_string().as_bytes()),
    }
}
