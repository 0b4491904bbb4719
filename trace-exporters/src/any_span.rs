//! Spans of every shape that fields of other protocols can carry: times in whole microseconds, no keys with a meaning of
//! their own.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use trace_core::model::{
    Event, KeyValue, Link, Scope, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags,
    TraceId, TraceState, Value,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z.]{1,12}", "\\PC{0,60}"]
}

fn key() -> impl Strategy<Value = String> {
    "k[a-z.]{0,10}"
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        text().prop_map(Value::from),
        vec(any::<i64>(), 0..3).prop_map(Value::from),
        vec(text(), 0..3).prop_map(Value::from),
    ]
}

pub(crate) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    btree_map(key(), value(), 0..4).prop_map(|m| m.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect())
}

fn context() -> impl Strategy<Value = SpanContext> {
    (1..=u128::MAX, 1..=u64::MAX).prop_map(|(trace, span)| {
        let (trace, span) = (TraceId::new(trace).unwrap(), SpanId::new(span).unwrap());
        SpanContext::new(trace, span, TraceFlags::SAMPLED)
    })
}

/// Up to the year 2200.
fn micros() -> impl Strategy<Value = u64> {
    1..7_258_118_400_000_000_u64
}

fn event() -> impl Strategy<Value = Event> {
    ("[a-z .]{1,9}", micros(), attributes(), 0..3_u32).prop_map(|(name, time, attributes, dropped)| Event {
        name: name.into(),
        time: Timestamp::from_unix_nanos(time * 1000),
        attributes,
        dropped_attributes: dropped,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (context(), attributes()).prop_map(|(mut context, attributes)| {
        context.flags = TraceFlags::default();
        Link { context, attributes, dropped_attributes: 0 }
    })
}

fn kind() -> impl Strategy<Value = SpanKind> {
    prop::sample::select(vec![
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ])
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Unset), Just(Status::Ok), text().prop_map(|text| Status::Error(text.into()))]
}

pub(crate) fn span() -> impl Strategy<Value = SpanData> {
    let head = (context(), any::<Option<u64>>(), text(), kind(), micros(), 1..10_000_000_000_u64);
    let state = prop_oneof![Just(TraceState::EMPTY), Just(TraceState::from_validated("a=1,b=2"))];
    let scope = (text(), text());
    let rest =
        (attributes(), vec(event(), 0..3), vec(link(), 0..3), status(), any::<[u16; 3]>(), state, scope);
    (head, rest).prop_map(|((context, parent, name, kind, start, duration), rest)| {
        let (attributes, events, links, status, dropped, state, (scope, version)) = rest;
        let at = |micros| Timestamp::from_unix_nanos(micros * 1000);
        let mut span = SpanData::new(context, name, at(start), at(start + duration));
        span.context.trace_state = state;
        span.parent_span_id = parent.and_then(SpanId::new);
        (span.kind, span.status) = (kind, status);
        (span.attributes, span.events, span.links) = (attributes, events, links);
        [span.dropped_attributes, span.dropped_events, span.dropped_links] = dropped.map(u32::from);
        span.scope = Arc::new(Scope { version: version.into(), ..Scope::named(scope) });
        span
    })
}
