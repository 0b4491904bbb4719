//! Random spans of the SDK, and of ours.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace as api;
use opentelemetry::{InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace as official;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model;

/// Any text, with line ends, quotes, zero bytes and characters of four bytes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "\\PC{0,12}", 1 => vec(any::<char>(), 0..6).prop_map(String::from_iter)]
}

fn cow() -> impl Strategy<Value = Cow<'static, str>> {
    prop_oneof![Just(Cow::Borrowed("")), Just(Cow::Borrowed("static")), text().prop_map(Cow::Owned)]
}

fn value() -> impl Strategy<Value = Value> {
    let string = || text().prop_map(StringValue::from);
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        string().prop_map(Value::from),
        vec(any::<bool>(), 0..4).prop_map(|v| Value::Array(v.into())),
        vec(any::<i64>(), 0..4).prop_map(|v| Value::Array(v.into())),
        vec(any::<f64>(), 0..4).prop_map(|v| Value::Array(v.into())),
        vec(string(), 0..4).prop_map(|v| Value::Array(v.into())),
    ]
}

/// Keys come from few texts, so that they repeat, or from any.
fn key() -> impl Strategy<Value = opentelemetry::Key> {
    prop_oneof![
        Just(opentelemetry::Key::from_static_str("a")),
        Just(opentelemetry::Key::from(Arc::<str>::from("b"))),
        text().prop_map(opentelemetry::Key::from),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((key(), value()).prop_map(|(k, v)| KeyValue::new(k, v)), 0..8)
}

/// Each key once: of a library or a resource.
fn set() -> impl Strategy<Value = Vec<KeyValue>> {
    attributes().prop_map(|mut v| {
        v.sort_by(|a, b| a.key.cmp(&b.key));
        v.dedup_by(|a, b| a.key == b.key);
        v
    })
}

/// Within what 64 bits of nanoseconds since 1970 hold.
fn time() -> impl Strategy<Value = SystemTime> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>()].prop_map(|ns| UNIX_EPOCH + Duration::from_nanos(ns))
}

fn trace_state() -> impl Strategy<Value = api::TraceState> {
    let member = ("[a-z0-9][a-z0-9_*/-]{0,8}(@[a-z][a-z0-9]{0,12})?", "[ -+--<>-~é😀]{0,12}");
    prop_oneof![
        Just(api::TraceState::NONE),
        vec(member, 1..4).prop_map(|m| api::TraceState::from_key_value(m).unwrap())
    ]
}

fn context(remote: bool) -> impl Strategy<Value = api::SpanContext> {
    (1..=u128::MAX, 1..=u64::MAX, any::<u8>(), any::<bool>(), trace_state()).prop_map(
        move |(trace, span, flags, is_remote, state)| {
            api::SpanContext::new(
                opentelemetry::TraceId::from(trace),
                opentelemetry::SpanId::from(span),
                opentelemetry::TraceFlags::new(flags),
                remote && is_remote,
                state,
            )
        },
    )
}

fn event() -> impl Strategy<Value = api::Event> {
    (cow(), time(), attributes(), any::<u32>()).prop_map(|(name, at, a, n)| api::Event::new(name, at, a, n))
}

fn link() -> impl Strategy<Value = api::Link> {
    (context(true), attributes(), any::<u32>()).prop_map(|(c, a, n)| api::Link::new(c, a, n))
}

fn status() -> impl Strategy<Value = api::Status> {
    prop_oneof![
        Just(api::Status::Unset),
        Just(api::Status::Ok),
        cow().prop_map(|description| api::Status::Error { description })
    ]
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    let some = || proptest::option::of(text().prop_filter("an empty text is none", |s| !s.is_empty()));
    (cow(), some(), some(), set()).prop_map(|(name, version, schema, attributes)| {
        let mut b = InstrumentationScope::builder(name).with_attributes(attributes);
        if let Some(version) = version {
            b = b.with_version(version);
        }
        if let Some(schema) = schema {
            b = b.with_schema_url(schema);
        }
        b.build()
    })
}

fn kind() -> impl Strategy<Value = api::SpanKind> {
    prop_oneof![
        Just(api::SpanKind::Internal),
        Just(api::SpanKind::Server),
        Just(api::SpanKind::Client),
        Just(api::SpanKind::Producer),
        Just(api::SpanKind::Consumer)
    ]
}

/// Any span that the SDK may hand to a processor.
pub(super) fn official_span() -> impl Strategy<Value = official::SpanData> {
    let ids = (context(false), any::<u64>(), any::<bool>(), kind(), cow(), time(), time());
    let content = (attributes(), vec(event(), 0..4), vec(link(), 0..4), status(), scope());
    (ids, content, any::<(u32, u32, u32)>()).prop_map(|(ids, content, dropped)| {
        let mut events = official::SpanEvents::default();
        (events.events, events.dropped_count) = (content.1, dropped.1);
        let mut links = official::SpanLinks::default();
        (links.links, links.dropped_count) = (content.2, dropped.2);
        official::SpanData {
            span_context: ids.0,
            parent_span_id: opentelemetry::SpanId::from(ids.1),
            parent_span_is_remote: ids.2,
            span_kind: ids.3,
            name: ids.4,
            start_time: ids.5,
            end_time: ids.6,
            attributes: content.0,
            dropped_attributes_count: dropped.0,
            events,
            links,
            status: content.3,
            instrumentation_scope: content.4,
        }
    })
}

/// Any resource.
pub(super) fn official_resource() -> impl Strategy<Value = opentelemetry_sdk::Resource> {
    let schema = proptest::option::of("https://[a-z]{1,8}/1");
    (set(), schema).prop_map(|(attributes, schema)| {
        let b = opentelemetry_sdk::Resource::builder_empty();
        match schema {
            Some(url) => b.with_schema_url(attributes, url).build(),
            None => b.with_attributes(attributes).build(),
        }
    })
}

/// Any attribute value of ours.
fn our_value() -> impl Strategy<Value = model::Value> {
    let string = || prop_oneof![Just(Cow::Borrowed("static")), text().prop_map(Cow::Owned)];
    prop_oneof![
        any::<bool>().prop_map(model::Value::from),
        any::<i64>().prop_map(model::Value::from),
        any::<f64>().prop_map(model::Value::from),
        string().prop_map(model::Value::from),
        vec(any::<bool>(), 0..4).prop_map(model::Value::from),
        vec(any::<i64>(), 0..4).prop_map(model::Value::from),
        vec(any::<f64>(), 0..4).prop_map(model::Value::from),
        vec(string(), 0..4).prop_map(|v| model::Value::Array(model::Array::String(v))),
    ]
}

fn our_attributes() -> impl Strategy<Value = Vec<model::KeyValue>> {
    vec((cow(), our_value()).prop_map(|(k, v)| model::KeyValue::new(k, v)), 0..8)
}

/// Any attribute set of ours.
pub(super) fn our_set() -> impl Strategy<Value = model::AttributeSet> {
    our_attributes().prop_map(model::AttributeSet::new)
}

/// Any library of ours.
pub(super) fn our_scope() -> impl Strategy<Value = Arc<model::Scope>> {
    (cow(), cow(), cow(), our_set()).prop_map(|(name, version, schema_url, attributes)| {
        Arc::new(model::Scope { name, version, schema_url, attributes })
    })
}

fn our_context(remote: bool) -> impl Strategy<Value = model::SpanContext> {
    let state = prop_oneof![
        Just(String::new()),
        "[a-z][a-z0-9]{0,6}=[!-+--<>-~]{1,8}(,[0-9][a-z]{7,9}=[!-+--<>-~]{1,8})?",
    ];
    (1..=u128::MAX, 1..=u64::MAX, any::<u8>(), any::<bool>(), state).prop_map(
        move |(trace, span, flags, is_remote, state)| model::SpanContext {
            trace_id: model::TraceId::new(trace).unwrap(),
            span_id: model::SpanId::new(span).unwrap(),
            flags: model::TraceFlags(flags),
            trace_state: model::TraceState::parse([state.as_str()]).unwrap(),
            is_remote: remote && is_remote,
            tenant: model::TenantTag::NONE,
        },
    )
}

/// Any span of ours.
pub(super) fn our_span() -> impl Strategy<Value = model::SpanData> {
    let at = || any::<u64>().prop_map(model::Timestamp::from_unix_nanos);
    let event = (cow(), at(), our_attributes(), any::<u32>()).prop_map(
        |(name, time, attributes, dropped_attributes)| model::Event {
            name,
            time,
            attributes,
            dropped_attributes,
        },
    );
    let link = (our_context(true), our_attributes(), any::<u32>()).prop_map(
        |(context, attributes, dropped_attributes)| model::Link { context, attributes, dropped_attributes },
    );
    let status = prop_oneof![
        Just(model::Status::Unset),
        Just(model::Status::Ok),
        cow().prop_map(model::Status::Error)
    ];
    let kind = prop_oneof![
        Just(model::SpanKind::Internal),
        Just(model::SpanKind::Server),
        Just(model::SpanKind::Client),
        Just(model::SpanKind::Producer),
        Just(model::SpanKind::Consumer)
    ];
    let ids = (our_context(false), any::<u64>(), any::<bool>(), cow(), at(), at(), kind);
    let content = (our_attributes(), vec(event, 0..4), vec(link, 0..4), status, our_scope());
    (ids, content, any::<(u32, u32, u32)>()).prop_map(|(ids, content, dropped)| {
        let mut s = model::SpanData::new(ids.0, ids.3, ids.4, ids.5);
        s.parent_span_id = model::SpanId::new(ids.1);
        s.parent_is_remote = ids.2;
        s.kind = ids.6;
        (s.attributes, s.events, s.links, s.status, s.scope) = content;
        (s.dropped_attributes, s.dropped_events, s.dropped_links) = dropped;
        s
    })
}
