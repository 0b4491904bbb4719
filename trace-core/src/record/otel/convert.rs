//! Between the API's types and ours.

use std::borrow::Cow;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace as api;

use crate::batch::{AttributeCell, Cell, Columns, List};
use crate::model::{
    Array, AttributeSet, KeyValue, Scope, SpanContext, SpanId, SpanKind, Status, TenantTag, TraceFlags,
    TraceId, TraceState, Value,
};

/// `None` for an invalid context.
pub(crate) fn context_from(c: &api::SpanContext) -> Option<SpanContext> {
    Some(SpanContext {
        trace_id: TraceId::from_bytes(c.trace_id().to_bytes())?,
        span_id: SpanId::from_bytes(c.span_id().to_bytes())?,
        flags: TraceFlags(c.trace_flags().to_u8()),
        trace_state: if *c.trace_state() == api::TraceState::NONE {
            TraceState::EMPTY
        } else {
            TraceState::from_validated(&c.trace_state().header())
        },
        is_remote: c.is_remote(),
        tenant: TenantTag::NONE,
    })
}

pub(crate) fn context_to(c: &SpanContext) -> api::SpanContext {
    let state = if c.trace_state.is_empty() {
        api::TraceState::NONE
    } else {
        c.trace_state.as_str().parse().unwrap_or_default()
    };
    api::SpanContext::new(
        opentelemetry::TraceId::from_bytes(c.trace_id.to_bytes()),
        opentelemetry::SpanId::from_bytes(c.span_id.to_bytes()),
        opentelemetry::TraceFlags::new(c.flags.0),
        c.is_remote,
        state,
    )
}

pub(crate) fn kind_from(k: api::SpanKind) -> SpanKind {
    match k {
        api::SpanKind::Client => SpanKind::Client,
        api::SpanKind::Server => SpanKind::Server,
        api::SpanKind::Producer => SpanKind::Producer,
        api::SpanKind::Consumer => SpanKind::Consumer,
        api::SpanKind::Internal => SpanKind::Internal,
    }
}

pub(crate) fn status_from(s: api::Status) -> Status {
    match s {
        api::Status::Unset => Status::Unset,
        api::Status::Ok => Status::Ok,
        api::Status::Error { description } => Status::Error(description),
    }
}

pub(crate) fn value_from(v: opentelemetry::Value) -> Value {
    match v {
        opentelemetry::Value::Bool(v) => Value::Bool(v),
        opentelemetry::Value::I64(v) => Value::I64(v),
        opentelemetry::Value::F64(v) => Value::F64(v),
        opentelemetry::Value::String(v) => Value::String(Cow::Owned(v.into())),
        opentelemetry::Value::Array(opentelemetry::Array::Bool(v)) => Value::Array(Array::Bool(v)),
        opentelemetry::Value::Array(opentelemetry::Array::I64(v)) => Value::Array(Array::I64(v)),
        opentelemetry::Value::Array(opentelemetry::Array::F64(v)) => Value::Array(Array::F64(v)),
        opentelemetry::Value::Array(opentelemetry::Array::String(v)) => {
            Value::Array(Array::String(v.into_iter().map(|s| Cow::Owned(s.into())).collect()))
        }
        // The API's enums may grow; what is unknown is kept as its text.
        other => Value::String(Cow::Owned(other.to_string())),
    }
}

/// Stores a value.
#[inline(always)]
fn cell(c: &mut Columns, v: &opentelemetry::Value) -> Cell {
    match v {
        opentelemetry::Value::Bool(v) => Cell::bool(*v),
        opentelemetry::Value::I64(v) => Cell::i64(*v),
        opentelemetry::Value::F64(v) => Cell::f64(*v),
        opentelemetry::Value::String(v) => c.store_value(v.as_str()),
        other => c.cell_of(value_from(other.clone())),
    }
}

/// Stores an attribute, made in its place: moving what was just written costs more than writing it. Returns the number of
/// its key, and whether that is new.
#[inline(always)]
pub(crate) fn push(c: &mut Columns, kv: &opentelemetry::KeyValue, next: u32) -> (u32, bool) {
    let (key, is_new) = c.stored_key(kv.key.as_str());
    let value = cell(c, &kv.value);
    c.attributes.push(AttributeCell::new(key, value, next));
    (key, is_new)
}

/// Stores the attributes of an event or a link, at most `limit`, and says how many were left out.
pub(crate) fn list(c: &mut Columns, attributes: &[opentelemetry::KeyValue], limit: u16) -> (List, u32) {
    let mut list = List::EMPTY;
    for kv in attributes.iter().take(limit.into()) {
        let ((key, _), value) = (c.stored_key(kv.key.as_str()), cell(c, &kv.value));
        c.push_value(&mut list, key, value);
    }
    (list, attributes.len().saturating_sub(limit.into()) as u32)
}

pub(crate) fn attributes_from(v: Vec<opentelemetry::KeyValue>) -> Vec<KeyValue> {
    v.into_iter().map(|kv| KeyValue::new(String::from(kv.key), value_from(kv.value))).collect()
}

pub(crate) fn scope_from(s: &InstrumentationScope) -> Scope {
    Scope {
        name: Cow::Owned(s.name().to_owned()),
        version: Cow::Owned(s.version().unwrap_or("").to_owned()),
        schema_url: Cow::Owned(s.schema_url().unwrap_or("").to_owned()),
        attributes: AttributeSet::new(attributes_from(s.attributes().cloned().collect())),
    }
}
