//! Encoding and decoding, against each other and against hand-written requests.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_core::model::{
    Event, KeyValue, Link, Resource, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags,
    TraceId, TraceState, Value,
};
use trace_core::testing::conformance::every_field;

use super::encode::pack;
use super::*;
use crate::any_span;

fn spans(batches: &[SpanBatchMut]) -> Vec<SpanData> {
    batches.iter().flat_map(|b| b.iter().map(|s| s.to_span_data()).collect::<Vec<_>>()).collect()
}

fn read(body: Json) -> Decoded<SpanBatchMut> {
    decode_json(body.to_string().as_bytes()).unwrap()
}

fn one(body: Json) -> SpanData {
    let decoded = read(json!([body]));
    assert_eq!(decoded.rejected, 0, "{:?}", decoded.reason);
    spans(&decoded.batches).remove(0)
}

/// What Zipkin has a place for: texts, and what annotations and links hold as JSON.
fn mappable(mut span: SpanData) -> SpanData {
    for kv in &mut span.attributes {
        kv.value = kv.value.to_string().into();
    }
    for event in &mut span.events {
        event.dropped_attributes = 0;
        event.attributes.iter_mut().for_each(json_value);
    }
    span.links.iter_mut().flat_map(|l| &mut l.attributes).for_each(json_value);
    if let Status::Error(message) = &span.status {
        span.status = Status::Error(message.clone());
    }
    span
}

/// JSON knows no empty list of numbers.
fn json_value(kv: &mut KeyValue) {
    if kv.value.to_string() == "[]" {
        kv.value = Vec::<String>::new().into();
    }
}

proptest! {
    #[test]
    fn what_zipkin_has_a_place_for_comes_back(given in prop::collection::vec(any_span::span(), 1..4)) {
        let batch = SpanBatch::from_spans(Arc::new(Resource::service("shop")), given.clone());
        let mut bytes = Vec::new();
        encode_json(&batch, &mut bytes);
        let decoded = decode_json(&bytes).unwrap();
        prop_assert_eq!((decoded.rejected, decoded.reason, decoded.batches.len()), (0, None, 1));
        prop_assert_eq!(decoded.batches[0].resource(), &Arc::new(Resource::service("shop")));
        let expected: Vec<SpanData> = given.into_iter().map(mappable).collect();
        prop_assert_eq!(spans(&decoded.batches), expected);
    }

    #[test]
    fn bodies_stay_below_the_limit_and_hold_every_span_that_fits(
        given in prop::collection::vec(any_span::span(), 0..20),
        limit in 400_usize..4000,
    ) {
        let batch = SpanBatch::from_spans(Arc::default(), given.clone());
        let packed = pack(&batch, limit);
        let mut count = packed.oversized;
        for (body, of_body) in &packed.bodies {
            prop_assert!(body.len() <= limit);
            let decoded = decode_json(body).unwrap();
            prop_assert_eq!(spans(&decoded.batches).len(), *of_body);
            count += of_body;
        }
        prop_assert_eq!(count, given.len());
    }

    #[test]
    fn any_body_and_any_damage_are_read_without_panic(bytes: Vec<u8>, at: usize, byte: u8) {
        let _ = decode_json(&bytes);
        let mut golden = include_bytes!("../../tests/golden/zipkin.json").to_vec();
        let at = at % golden.len();
        golden[at] = byte;
        let _ = decode_json(&golden);
    }
}

/// A call to a database that failed, with everything that Zipkin has a place for.
fn call() -> SpanBatch {
    let at = |micros: u64| Timestamp::from_unix_nanos(1_760_000_000_000_000_000 + micros * 1000);
    let id = |id| SpanId::new(id).unwrap();
    let mut context = SpanContext::new(TraceId::new(0xabc).unwrap(), id(1), TraceFlags::SAMPLED);
    context.trace_state = TraceState::from_validated("vendor=1");
    let mut span = SpanData::new(context.clone(), "SELECT shop", at(0), at(1500));
    span.parent_span_id = Some(id(9));
    span.kind = SpanKind::Client;
    span.status = Status::Error("too slow".into());
    span.attributes = vec![
        KeyValue::new("network.peer.address", "10.1.2.3"),
        KeyValue::new("network.peer.port", 5432),
        KeyValue::new("rows", vec![1_i64, 2]),
        KeyValue::new("cached", false),
    ];
    let with = |attributes| Event { name: "retry".into(), time: at(700), attributes, dropped_attributes: 0 };
    span.events = vec![with(vec![]), with(vec![KeyValue::new("attempt", 2), KeyValue::new("why", "\"|")])];
    let other = SpanContext::new(TraceId::new(0xdef).unwrap(), id(7), TraceFlags::SAMPLED);
    span.links = vec![Link { context: other, attributes: vec![], dropped_attributes: 1 }];
    span.dropped_events = 3;
    let mut inner = SpanData::new(SpanContext { span_id: id(2), ..context }, "inner", at(5), at(5));
    inner.parent_span_id = Some(id(1));
    inner.context.flags = TraceFlags(TraceFlags::SAMPLED.0 | TraceFlags::DEBUG.0);
    let resource = Resource::new([KeyValue::new("service.name", "shop"), KeyValue::new("host.name", "h1")]);
    SpanBatch::from_spans(Arc::new(resource), [span, inner])
}

#[test]
fn the_form_on_the_wire_stays_the_same() {
    let mut bytes = Vec::new();
    encode_json(&call(), &mut bytes);
    let found: Json = serde_json::from_slice(&bytes).unwrap();
    let golden: Json = serde_json::from_str(include_str!("../../tests/golden/zipkin.json")).unwrap();
    assert_eq!(found, golden, "{found:#}");
}

#[test]
fn an_empty_batch_is_an_empty_list() {
    let mut bytes = Vec::new();
    encode_json(&SpanBatch::from_spans(Arc::default(), []), &mut bytes);
    assert_eq!(bytes, b"[]");
    assert_eq!(decode_json(b"[]").unwrap().batches.len(), 0);
}

#[test]
fn values_at_their_edges_are_encoded() {
    let mut bytes = Vec::new();
    encode_json(&every_field(), &mut bytes);
    let found: Json = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(found[0]["tags"]["text"], "<&>\"\\\n\u{0}☃");
    assert_eq!(found[0]["tags"]["nan"], "NaN");
    assert_eq!(found[0]["tags"]["error"], "it broke");
    assert_eq!(found[1]["duration"], 1, "it ended before it began, and has ended");
}

#[test]
fn the_other_side_is_named_by_rank() {
    let remote = |kind, attributes: &[(&'static str, Value)]| {
        let context = SpanContext::new(TraceId::MIN, SpanId::MAX, TraceFlags::SAMPLED);
        let mut span = SpanData::new(context, "n", Timestamp::default(), Timestamp::default());
        span.kind = kind;
        span.attributes = attributes.iter().map(|(k, v)| KeyValue::new(*k, v.clone())).collect();
        let mut bytes = Vec::new();
        encode_json(&SpanBatch::from_spans(Arc::default(), [span]), &mut bytes);
        serde_json::from_slice::<Json>(&bytes).unwrap()[0]["remoteEndpoint"].take()
    };
    let client = SpanKind::Client;
    let all: [(&str, Value); 3] =
        [("db.name", "db".into()), ("server.address", "host".into()), ("peer.service", "peer".into())];
    assert_eq!(remote(client, &all), json!({"serviceName": "peer"}));
    assert_eq!(remote(client, &all[..2]), json!({"serviceName": "host"}));
    assert_eq!(remote(SpanKind::Producer, &all[..1]), json!({"serviceName": "db"}));
    assert_eq!(remote(SpanKind::Server, &all), Json::Null);
    assert_eq!(remote(client, &[]), Json::Null);
    let peer = |address: &'static str, port: Value| {
        remote(client, &[("network.peer.address", address.into()), ("network.peer.port", port)])
    };
    assert_eq!(peer("10.0.0.1", 80.into()), json!({"ipv4": "10.0.0.1", "port": 80}));
    assert_eq!(peer("::1", "81".into()), json!({"ipv6": "::1", "port": 81}));
    assert_eq!(peer("10.0.0.1", 70_000.into()), json!({"ipv4": "10.0.0.1"}));
    assert_eq!(peer("/var/run/x.sock", 0.into()), json!({"serviceName": "/var/run/x.sock"}));
}

#[test]
fn short_ids_are_padded_and_the_other_side_becomes_attributes() {
    let span = one(json!({
        "traceId": "abc", "id": "1", "parentId": "0000000000000009", "name": "get", "kind": "CLIENT",
        "timestamp": 1000, "duration": 5, "debug": true, "unknown": {"deep": [1]},
        "localEndpoint": {"serviceName": "shop", "ipv4": "10.0.0.1", "port": 1},
        "remoteEndpoint": {"serviceName": "db", "ipv6": "::1", "port": 2},
        "annotations": [{"timestamp": 1001, "value": "\"retry\": {\"n\":2}"}, {"timestamp": 1002, "value": "\"odd}"}],
        "tags": {"n": 7, "ok": true, "text": "x", "error": "boom"},
    }));
    assert_eq!(span.context.trace_id.to_u128(), 0xabc);
    assert_eq!((span.parent_span_id, span.kind), (SpanId::new(9), SpanKind::Client));
    assert!(span.context.flags.is_debug() && span.context.is_sampled());
    assert_eq!((span.start.unix_nanos(), span.end.unix_nanos()), (1_000_000, 1_005_000));
    let attributes: Vec<String> =
        span.attributes.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect();
    let expected = [
        "n=7",
        "ok=true",
        "text=x",
        "network.local.address=10.0.0.1",
        "network.local.port=1",
        "network.peer.address=::1",
        "network.peer.port=2",
        "peer.service=db",
    ];
    assert_eq!(attributes, expected);
    assert_eq!(span.status, Status::Error("boom".into()));
    assert_eq!(
        (&*span.events[0].name, &span.events[0].attributes[..]),
        ("retry", &[KeyValue::new("n", 2)][..])
    );
    assert_eq!(span.events[1].name, "\"odd}");
}

#[test]
fn an_error_is_one_unless_it_says_otherwise() {
    let status = |tags: Json| one(json!({"traceId": "1", "id": "1", "timestamp": 1, "tags": tags})).status;
    assert_eq!(status(json!({"error": "true"})), Status::Error("".into()));
    assert_eq!(status(json!({"error": ""})), Status::Error("".into()));
    assert_eq!(status(json!({"error": "false"})), Status::Unset);
    assert_eq!(status(json!({"error": "true", "otel.status_code": "ERROR"})), Status::Error("true".into()));
    assert_eq!(status(json!({"error": "x", "otel.status_code": "OK"})), Status::Ok);
    assert_eq!(status(Json::Null), Status::Unset);
}

#[test]
fn a_shared_span_gets_an_id_of_its_own_and_its_children_follow() {
    let span = |id: &str, parent: &str, service: &str, kind: Option<&str>, shared: bool| {
        json!({"traceId": "1", "id": id, "parentId": parent, "timestamp": 1, "kind": kind, "shared": shared,
            "localEndpoint": {"serviceName": service}})
    };
    let body = || {
        read(json!([
            span("3", "2", "server", None, false),
            span("2", "1", "server", Some("SERVER"), true),
            span("2", "1", "client", Some("CLIENT"), false),
            span("4", "2", "client", None, false),
        ]))
    };
    let decoded = body();
    assert_eq!(decoded.batches.len(), 2);
    let found = spans(&decoded.batches);
    let id = |id| SpanId::new(id);
    let [child, server, client, own] = &found[..] else { panic!("{found:?}") };
    assert_eq!((Some(client.context.span_id), client.parent_span_id), (id(2), id(1)));
    assert!(server.context.span_id != client.context.span_id && server.parent_is_remote);
    assert_eq!((server.parent_span_id, server.kind), (id(2), SpanKind::Server));
    assert_eq!(child.parent_span_id, Some(server.context.span_id));
    assert_eq!(own.parent_span_id, id(2));
    assert_eq!(spans(&body().batches), found, "sent again it is the same");
}

#[test]
fn a_bad_span_is_left_out_and_counted_and_a_bad_body_refused() {
    let good = json!({"traceId": "1", "id": "1", "timestamp": 1});
    for (bad, reason) in [
        (json!({}), "a span is not of Zipkin's form"),
        (json!(7), "a span is not of Zipkin's form"),
        (json!({"traceId": "0", "id": "1", "timestamp": 1}), "a trace id is none"),
        (json!({"traceId": "+1", "id": "1", "timestamp": 1}), "a trace id is none"),
        (json!({"traceId": "1", "id": "g", "timestamp": 1}), "a span id is none"),
        (json!({"traceId": "1", "id": "1", "parentId": "0", "timestamp": 1}), "a parent id is none"),
        (json!({"traceId": "1", "id": "1"}), "a span has no time"),
    ] {
        let decoded = read(json!([bad, good]));
        assert_eq!((decoded.rejected, decoded.reason), (1, Some(reason)), "{bad}");
        assert_eq!(spans(&decoded.batches).len(), 1);
    }
    for bad in ["", "{}", "[", "[{}", "[] x", "[1,]", "\u{fffd}"] {
        let error = decode_json(bad.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("the body is no JSON list of Zipkin v2 spans"), "{bad}: {error}");
    }
    let many = format!("[{}{{}}]", "{},".repeat(100_000));
    assert!(decode_json(many.as_bytes()).unwrap_err().to_string().contains("more than 100000 spans"));
}

#[test]
fn the_environment_is_read() {
    let read = ZipkinConfig::from_env(|name| match name {
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT" => Some(" http://z:1 ".into()),
        "OTEL_EXPORTER_ZIPKIN_TIMEOUT" => Some("7".into()),
        _ => None,
    });
    assert_eq!((read.config.endpoint.expose(), read.config.timeout), ("http://z:1", 7.into()));
    assert_eq!(read.config.uri().unwrap(), "http://z:1/api/v2/spans");
    let bad = ZipkinConfig::from_env(|name| name.ends_with("TIMEOUT").then(|| "soon".into()));
    assert_eq!(bad.config, ZipkinConfig::default());
    assert!(bad.warnings[0].starts_with("OTEL_EXPORTER_ZIPKIN_TIMEOUT is not"), "{:?}", bad.warnings);
}

#[test]
fn configuration_is_read_in_both_spellings_without_showing_secrets() {
    let text = r#"{"endpoint":"http://z/x?k=hunter2","timeoutMs":1,"max_request_bytes":5000,"compression":"gzip",
        "headers":{"authorization":"hunter2"}}"#;
    let config: ZipkinConfig = serde_json::from_str(text).unwrap();
    config.validate().unwrap();
    assert_eq!((config.timeout, config.max_request_bytes), (1.into(), 5000));
    assert!(!format!("{config:?}{:?}", ZipkinExporter::new(&config).unwrap()).contains("hunter2"));
    assert!(serde_json::from_str::<ZipkinConfig>(r#"{"url":"x"}"#).is_err());
    let small = ZipkinConfig { max_request_bytes: 1, ..ZipkinConfig::default() };
    assert!(small.validate().unwrap_err().to_string().contains("got 1"));
}
