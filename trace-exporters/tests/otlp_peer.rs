//! Spans and metrics with every field set, decoded by an OTLP receiver that is not ours and compared field by
//! field.
//!
//! `MPLP_PEER_OTLP_URL` is the receiver's base URL, `MPLP_PEER_OTLP_GRPC_URL` that of its gRPC port,
//! `MPLP_PEER_OTLP_NODE_URL` that of another. `MPLP_PEER_OTLP_DUMP` is the file to which it appends one JSON
//! line a request before it answers: `{"path", "headers": {lower-case names}, "content_encoding", "body"}`, the
//! body in protobuf's JSON form (ids in base64, 64-bit integers as texts, enums by name).
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp-grpc")]

mod support;

use std::sync::Arc;

use serde_json::{Value as Json, json};
use support::{peer::peer, shop};
use trace_core::batch::SpanBatch;
use trace_core::model::*;
use trace_core::signal::{MetricExporter, SpanExporter};
use trace_exporters::otlp::{Compression, OtlpConfig, OtlpMetricExporter, OtlpSpanExporter, Protocol};

/// The peer's URL and dump file, if there is a peer.
fn receiver(test: &str) -> Option<(String, String)> {
    let url = peer(test, "MPLP_PEER_OTLP_URL", "base URL of an OTLP/HTTP receiver")?;
    let dump = peer(test, "MPLP_PEER_OTLP_DUMP", "file that the receiver writes")?;
    Some((url, dump))
}

/// A mark for this very run: the dump may hold requests of others.
fn mark(test: &str) -> String {
    format!("{test}-{}-{}", std::process::id(), Timestamp::now().unix_nanos())
}

/// A way to the receiver.
struct Way {
    config: OtlpConfig,
    /// Not through a collector.
    straight: bool,
}

/// The ways to the receiver: straight in every protocol, and through a collector that others wrote, which decodes what we
/// send, and forwards it in its own encoding to the same receiver.
fn ways(url: String) -> Vec<Way> {
    let find = |variable| peer("in every protocol", variable, "base URL of an OTLP receiver");
    let collector = find("MPLP_PEER_OTLP_COLLECTOR_URL");
    let http = [(Some(url), true), (collector, false)];
    let grpc = [(find("MPLP_PEER_OTLP_GRPC_URL"), true), (find("MPLP_PEER_OTLP_COLLECTOR_GRPC_URL"), false)];
    // The collector's reader of JSON refuses "NaN", and loses exemplars and integers that are texts.
    let json = [http[0].clone(), (None, false)];
    let node = [(find("MPLP_PEER_OTLP_NODE_URL"), true), (None, false)];
    let by = |urls: [(Option<String>, bool); 2], protocol: Protocol| {
        urls.into_iter().filter_map(move |(url, straight)| {
            Some(Way { config: OtlpConfig::new(url?).protocol(protocol), straight })
        })
    };
    let all = by(http, Protocol::HttpProtobuf).chain(by(json, Protocol::HttpJson));
    let all = all.chain(by(grpc, Protocol::Grpc)).chain(by(node.clone(), Protocol::HttpProtobuf));
    all.chain(by(node, Protocol::HttpJson)).collect()
}

/// The one request that carries the mark. A collector may take a moment to forward it.
async fn received(dump: &str, mark: &str) -> Json {
    for _ in 0..500 {
        let text = std::fs::read_to_string(dump).unwrap_or_default();
        let mut lines = text.lines().filter(|l| l.contains(mark));
        if let Some(line) = lines.next() {
            assert_eq!(lines.next(), None, "one request was sent");
            return serde_json::from_str(line).unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{dump} has no request with {mark}");
}

/// The same with every number as a float: JavaScript writes 1.0 as 1.
fn floats(value: &Json) -> Json {
    match value {
        Json::Number(number) => json!(number.as_f64()),
        Json::Array(items) => items.iter().map(floats).collect(),
        Json::Object(fields) => fields.iter().map(|(name, item)| (name.clone(), floats(item))).collect(),
        other => other.clone(),
    }
}

fn resource(mark: &str) -> Arc<Resource> {
    Arc::new(Resource {
        schema_url: "https://schema/resource".into(),
        ..Resource::new([KeyValue::new("service.name", "shop"), KeyValue::new("test.run", mark.to_owned())])
    })
}

fn resource_json(mark: &str) -> Json {
    json!({"attributes": [
        {"key": "service.name", "value": {"stringValue": "shop"}},
        {"key": "test.run", "value": {"stringValue": mark}},
    ]})
}

fn scope() -> Arc<Scope> {
    Arc::new(Scope {
        name: "shop-http".into(),
        version: "1.2.3".into(),
        schema_url: "https://schema/scope".into(),
        attributes: AttributeSet::new([KeyValue::new("team", "checkout")]),
    })
}

fn scope_json() -> Json {
    json!({
        "name": "shop-http", "version": "1.2.3",
        "attributes": [{"key": "team", "value": {"stringValue": "checkout"}}],
    })
}

fn context(trace: u128, span: u64) -> SpanContext {
    SpanContext {
        trace_state: TraceState::from_validated("vendor=a,other=b"),
        ..SpanContext::new(TraceId::new(trace).unwrap(), SpanId::new(span).unwrap(), TraceFlags(3))
    }
}

fn every_value() -> Vec<KeyValue> {
    vec![
        KeyValue::new("text", "grüße"),
        KeyValue::new("empty", ""),
        KeyValue::new("yes", true),
        KeyValue::new("no", false),
        KeyValue::new("int", i64::MIN),
        KeyValue::new("zero", 0),
        KeyValue::new("double", 0.1),
        KeyValue::new("nan", f64::NAN),
        KeyValue::new("inf", f64::NEG_INFINITY),
        KeyValue::new("texts", vec!["a", ""]),
        KeyValue::new("ints", vec![1i64, -1]),
        KeyValue::new("doubles", vec![1.5, f64::INFINITY]),
        KeyValue::new("bools", vec![true, false]),
    ]
}

fn every_value_json() -> Json {
    json!([
        {"key": "text", "value": {"stringValue": "grüße"}},
        {"key": "empty", "value": {"stringValue": ""}},
        {"key": "yes", "value": {"boolValue": true}},
        {"key": "no", "value": {"boolValue": false}},
        {"key": "int", "value": {"intValue": "-9223372036854775808"}},
        {"key": "zero", "value": {"intValue": "0"}},
        {"key": "double", "value": {"doubleValue": 0.1}},
        {"key": "nan", "value": {"doubleValue": "NaN"}},
        {"key": "inf", "value": {"doubleValue": "-Infinity"}},
        {"key": "texts", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": ""}]}}},
        {"key": "ints", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"intValue": "-1"}]}}},
        {"key": "doubles", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}, {"doubleValue": "Infinity"}]}}},
        {"key": "bools", "value": {"arrayValue": {"values": [{"boolValue": true}, {"boolValue": false}]}}},
    ])
}

fn full_span() -> SpanData {
    let mut linked = context(0x4bf92f3577b34da6a3ce929d0e0e4736, 0xff);
    linked.is_remote = true;
    SpanData {
        parent_span_id: SpanId::new(0x00f067aa0ba902b7),
        parent_is_remote: true,
        kind: SpanKind::Server,
        attributes: every_value(),
        events: vec![Event {
            name: "exception".into(),
            time: Timestamp::from_unix_nanos(shop::START + 7),
            attributes: vec![KeyValue::new("exception.type", "Refused")],
            dropped_attributes: 4,
        }],
        links: vec![Link {
            context: linked,
            attributes: vec![KeyValue::new("why", "batch")],
            dropped_attributes: 5,
        }],
        status: Status::Error("card refused".into()),
        scope: scope(),
        dropped_attributes: 1,
        dropped_events: 2,
        dropped_links: 3,
        ..SpanData::new(
            context(0x0af7651916cd43dd8448eb211c80319c, 0xb7ad6b7169203331),
            "POST /orders",
            Timestamp::from_unix_nanos(shop::START),
            Timestamp::from_unix_nanos(shop::TIME),
        )
    }
}

#[tokio::test]
async fn a_foreign_receiver_reads_every_field_of_a_span() {
    let test = "a_foreign_receiver_reads_every_field_of_a_span";
    let Some((url, dump)) = receiver(test) else { return };
    let mut plain = SpanData::new(
        SpanContext::new(TraceId::new(0xff).unwrap(), SpanId::new(0xff).unwrap(), TraceFlags(0)),
        "plain",
        Timestamp::from_unix_nanos(1),
        Timestamp::from_unix_nanos(2),
    );
    plain.status = Status::Ok;
    for Way { config, straight } in ways(url) {
        let mark = mark(test);
        // The Python server of gRPC takes gzip without being told to.
        let config = config.compression(Compression::Gzip).header("x-tenant", "t1");
        let batch = SpanBatch::from_spans(resource(&mark), [full_span(), plain.clone()]);
        OtlpSpanExporter::new(&config).unwrap().export(&batch).await.unwrap();

        let request = received(&dump, &mark).await;
        assert_eq!(request["path"], "/v1/traces");
        if straight {
            assert_eq!(request["headers"]["x-tenant"], "t1");
            let sent_as = match config.protocol {
                Protocol::HttpProtobuf => Some("application/x-protobuf"),
                Protocol::HttpJson => Some("application/json"),
                _ => None,
            };
            if let Some(media_type) = sent_as {
                assert_eq!(request["content_encoding"], "gzip");
                assert_eq!(request["headers"]["content-type"], media_type);
            }
        }
        let full = json!({
            "traceId": "CvdlGRbNQ92ESOshHIAxnA==",
            "spanId": "t61rcWkgMzE=",
            "traceState": "vendor=a,other=b",
            "parentSpanId": "APBnqgupArc=",
            "flags": 0x303,
            "name": "POST /orders",
            "kind": "SPAN_KIND_SERVER",
            "startTimeUnixNano": "1756900000000000001",
            "endTimeUnixNano": "1756900060000000002",
            "attributes": every_value_json(),
            "droppedAttributesCount": 1,
            "events": [{
                "timeUnixNano": "1756900000000000008",
                "name": "exception",
                "attributes": [{"key": "exception.type", "value": {"stringValue": "Refused"}}],
                "droppedAttributesCount": 4,
            }],
            "droppedEventsCount": 2,
            "links": [{
                "traceId": "S/kvNXezTaajzpKdDg5HNg==",
                "spanId": "AAAAAAAAAP8=",
                "traceState": "vendor=a,other=b",
                "attributes": [{"key": "why", "value": {"stringValue": "batch"}}],
                "droppedAttributesCount": 5,
                "flags": 0x303,
            }],
            "droppedLinksCount": 3,
            "status": {"message": "card refused", "code": "STATUS_CODE_ERROR"},
        });
        let plain = json!({
            "traceId": "AAAAAAAAAAAAAAAAAAAA/w==",
            "spanId": "AAAAAAAAAP8=",
            "flags": 0x100,
            "name": "plain",
            "kind": "SPAN_KIND_INTERNAL",
            "startTimeUnixNano": "1",
            "endTimeUnixNano": "2",
            "status": {"code": "STATUS_CODE_OK"},
        });
        let expected = json!({"resourceSpans": [{
            "resource": resource_json(&mark),
            "schemaUrl": "https://schema/resource",
            "scopeSpans": [
                {"scope": scope_json(), "schemaUrl": "https://schema/scope", "spans": [full]},
                {"scope": {}, "spans": [plain]},
            ],
        }]});
        assert_eq!(request["body"], expected, "{config:?}, straight: {straight}");
    }
}

#[tokio::test]
async fn a_foreign_receiver_reads_every_field_of_a_metric() {
    let test = "a_foreign_receiver_reads_every_field_of_a_metric";
    let Some((url, dump)) = receiver(test) else { return };
    let metric = |name: &'static str, data| Metric {
        name: name.into(),
        description: "What it is.".into(),
        unit: "s".into(),
        data,
    };
    let mut counted = shop::point(&[("route", "/a")], Number::I64(-7));
    counted.exemplars = vec![Exemplar { value: Number::I64(4), ..shop::exemplar() }];
    let metrics = vec![
        metric(
            "sum",
            MetricData::Sum { points: vec![counted], temporality: Temporality::Cumulative, monotonic: true },
        ),
        metric(
            "delta",
            MetricData::Sum {
                points: vec![shop::point(&[], Number::F64(0.5))],
                temporality: Temporality::Delta,
                monotonic: false,
            },
        ),
        metric("gauge", MetricData::Gauge { points: vec![shop::point(&[], Number::I64(0))] }),
        metric(
            "histogram",
            MetricData::Histogram {
                points: vec![shop::histogram(&[("route", "/a")], vec![4, 0, 2, 1])],
                temporality: Temporality::Cumulative,
            },
        ),
    ];
    for Way { config, straight } in ways(url) {
        let mark = mark(test);
        let scopes = vec![ScopeMetrics { scope: scope(), metrics: metrics.clone() }];
        let batch = MetricBatch { resource: resource(&mark), scopes };
        OtlpMetricExporter::new(&config).unwrap().export(&batch).await.unwrap();

        let request = received(&dump, &mark).await;
        assert_eq!(request["path"], "/v1/metrics");
        if straight {
            assert_eq!(request["headers"].get("content-encoding"), None);
        }
        let (start, time) = ("1756900000000000001", "1756900060000000002");
        let route = json!([{"key": "route", "value": {"stringValue": "/a"}}]);
        let exemplar = |key: &str, value: Json| {
            json!({
                "filteredAttributes": [{"key": "user.tier", "value": {"stringValue": "gold"}}],
                "timeUnixNano": "1756900059999999997",
                key: value,
                "spanId": "t61rcWkgMzE=",
                "traceId": "CvdlGRbNQ92ESOshHIAxnA==",
            })
        };
        let named = |name: &str, kind: &str, data: Json| json!({"name": name, "description": "What it is.", "unit": "s", kind: data});
        let expected = json!({"resourceMetrics": [{
            "resource": resource_json(&mark),
            "schemaUrl": "https://schema/resource",
            "scopeMetrics": [{
                "scope": scope_json(),
                "schemaUrl": "https://schema/scope",
                "metrics": [
                    named("sum", "sum", json!({
                        "aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE",
                        "isMonotonic": true,
                        "dataPoints": [{
                            "attributes": route, "startTimeUnixNano": start, "timeUnixNano": time, "asInt": "-7",
                            "exemplars": [exemplar("asInt", json!("4"))],
                        }],
                    })),
                    named("delta", "sum", json!({
                        "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
                        "dataPoints": [{"startTimeUnixNano": start, "timeUnixNano": time, "asDouble": 0.5}],
                    })),
                    named("gauge", "gauge", json!({
                        "dataPoints": [{"startTimeUnixNano": start, "timeUnixNano": time, "asInt": "0"}],
                    })),
                    named("histogram", "histogram", json!({
                        "aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE",
                        "dataPoints": [{
                            "attributes": route, "startTimeUnixNano": start, "timeUnixNano": time,
                            "count": "7", "sum": 1.5, "min": 0.001, "max": 0.75,
                            "bucketCounts": ["4", "0", "2", "1"], "explicitBounds": [0.005, 0.1, 1.0],
                            "exemplars": [exemplar("asDouble", json!(0.42))],
                        }],
                    })),
                ],
            }],
        }]});
        assert_eq!(floats(&request["body"]), floats(&expected), "{config:?}, straight: {straight}");
    }
}
