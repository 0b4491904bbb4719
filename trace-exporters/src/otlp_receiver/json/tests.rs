//! What the official JSON says, ours reads as the protobuf it stands for; and what others send, leniently.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value as Json, json};
use trace_core::batch::{SpanBatch, StatusRef};
use trace_core::model::*;

use super::*;
use crate::otlp::{self, decode_metrics, decode_spans, generate, logs};

fn encode_spans(batch: &SpanBatch) -> Vec<u8> {
    let mut out = Vec::new();
    otlp::encode_spans(batch, &mut out);
    out
}

fn encode_metrics(batch: &MetricBatch) -> Vec<u8> {
    let mut out = Vec::new();
    otlp::encode_metrics(batch, &mut out);
    out
}

fn texts(decoded: Decoded<SpanBatchMut>) -> Vec<String> {
    let spans = |b: SpanBatchMut| b.iter().map(|s| format!("{:?}", s.to_span_data())).collect::<Vec<_>>();
    decoded.batches.into_iter().flat_map(spans).collect()
}

/// `serde_json` writes the infinite doubles of the official types as null; this makes them what OTLP/JSON wants. Ours are
/// never minus infinity.
fn text(mut json: Json) -> Vec<u8> {
    fn restore(json: &mut Json, is_double: bool) {
        match json {
            Json::Null if is_double => *json = json!("Infinity"),
            Json::Array(list) => list.iter_mut().for_each(|v| restore(v, is_double)),
            Json::Object(map) => {
                for (key, v) in map {
                    let doubles = ["doubleValue", "asDouble", "explicitBounds", "sum", "zeroThreshold"];
                    restore(v, doubles.contains(&key.as_str()));
                }
            }
            _ => {}
        }
    }
    restore(&mut json, false);
    serde_json::to_vec(&json).unwrap()
}

/// In the official JSON an infinite limit cannot be told from none.
fn finite_limits(batch: &mut MetricBatch) {
    let finite = |v: &mut Option<f64>| *v = v.filter(|v| v.is_finite());
    for metric in batch.scopes.iter_mut().flat_map(|s| &mut s.metrics) {
        match &mut metric.data {
            MetricData::Histogram { points, .. } => {
                points.iter_mut().flat_map(|p| [&mut p.min, &mut p.max]).for_each(finite);
            }
            MetricData::ExponentialHistogram { points, .. } => {
                points.iter_mut().flat_map(|p| [&mut p.min, &mut p.max]).for_each(finite);
            }
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn logs_in_our_json_mean_what_they_mean_in_protobuf(batch in logs::batch()) {
        let (mut json, mut protobuf) = (Vec::new(), Vec::new());
        otlp::encode_logs_json(&batch, &mut json);
        otlp::encode_logs(&batch, &mut protobuf);
        let json = if json.is_empty() { b"{}".to_vec() } else { json };
        let from_json = decode_logs_json(&json, usize::MAX).unwrap().batches;
        let from_protobuf = otlp::decode_logs(&protobuf).unwrap().batches;
        prop_assert_eq!(from_json, from_protobuf);
    }

    #[test]
    fn spans_mean_the_same_in_json(spans in generate::spans()) {
        let bytes = encode_spans(&SpanBatch::from_spans(Arc::new(generate::resource()), spans));
        let official = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        let json = text(serde_json::to_value(&official).unwrap());
        let (ours, plain) = (decode_spans_json(&json, usize::MAX).unwrap(), decode_spans(&bytes).unwrap());
        prop_assert_eq!(texts(ours), texts(plain));
    }

    #[test]
    fn metrics_mean_the_same_in_json(batch in generate::metrics()) {
        let mut batch = batch;
        finite_limits(&mut batch);
        let bytes = encode_metrics(&batch);
        let official = ExportMetricsServiceRequest::decode(&bytes[..]).unwrap();
        let json = text(serde_json::to_value(&official).unwrap());
        let (ours, plain) = (decode_metrics_json(&json, usize::MAX).unwrap(), decode_metrics(&bytes).unwrap());
        prop_assert_eq!(format!("{ours:?}"), format!("{plain:?}"));
    }

    #[test]
    fn any_text_ends_without_panic(text in "[\\[\\]{}:,\"a-zA-Z0-9.e-]{0,80}", bytes: Vec<u8>) {
        let _ = (decode_spans_json(text.as_bytes(), 10), decode_metrics_json(&bytes, 10));
    }

    #[test]
    fn damaged_json_ends_without_panic(spans in generate::spans(), at: prop::sample::Index, with: u8) {
        let bytes = encode_spans(&SpanBatch::from_spans(Arc::default(), spans));
        let mut json = serde_json::to_vec(&ExportTraceServiceRequest::decode(&bytes[..]).unwrap()).unwrap();
        let at = at.index(json.len());
        json[at] = with;
        let _ = decode_spans_json(&json, usize::MAX);
    }
}

fn request(span: Json) -> Vec<u8> {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string().into_bytes()
}

fn one(span: Json) -> SpanBatch {
    let decoded = decode_spans_json(&request(span), usize::MAX).unwrap();
    assert_eq!(decoded.rejected, 0);
    decoded.batches.into_iter().next().unwrap().seal()
}

const ID: &str = "0AF7651916cd43dd8448eb211c80319c";

#[test]
fn numbers_may_be_texts_nulls_are_nothing_and_unknown_keys_are_passed_over() {
    for start in [json!("1544712660000000001"), json!(1_544_712_660_000_000_001_u64)] {
        let batch = one(json!({
            "traceId": ID, "spanId": "B7ad6b7169203331", "parentSpanId": null, "name": "x", "kind": 2,
            "startTimeUnixNano": start, "endTimeUnixNano": null, "links": null, "status": null, "events": [],
            "newInVersion9": {"deep": [{"er": [1, null, "x"]}]}, "trace_state": "snake case is unknown",
            "attributes": [
                {"key": "int", "value": {"intValue": "-7"}},
                {"key": "number", "value": {"intValue": 9}},
                {"key": "exponent", "value": {"intValue": 1e3}},
                {"key": "zero", "value": {"intValue": 0}},
                {"key": "whole", "value": {"doubleValue": 2}},
                {"key": "nan", "value": {"doubleValue": "NaN"}},
                {"key": "inf", "value": {"doubleValue": "-Infinity"}},
                {"key": "empty", "value": {"stringValue": ""}},
                {"key": "none", "value": {}},
                {"key": "bytes", "value": {"bytesValue": "_-8"}},
                {"key": "list", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"intValue": 2}]}}},
                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": false}}, {"key": "b"}]}}},
                {"key": "gaps", "value": {"arrayValue": {"values": [null, {"stringValue": "x"}]}}},
            ],
        }));
        let span = batch.get(0).unwrap();
        assert_eq!(span.trace_id().to_string(), ID.to_lowercase());
        assert_eq!(span.start().unix_nanos(), 1_544_712_660_000_000_001);
        assert_eq!(
            (span.kind(), span.status(), span.parent_span_id()),
            (SpanKind::Server, StatusRef::Unset, None)
        );
        let got: Vec<String> = span.attributes().map(|(k, v)| format!("{k}={v}")).collect();
        let expected = [
            "int=-7",
            "number=9",
            "exponent=1000",
            "zero=0",
            "whole=2",
            "nan=NaN",
            "inf=-inf",
            "empty=",
            "none=",
            "bytes=/+8=",
            "list=[1,2]",
            r#"map={"a":false,"b":null}"#,
            r#"gaps=[null,"x"]"#,
        ];
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert_eq!(got.to_lowercase().replace("2.0", "2"), expected.to_lowercase());
        }
    }
}

#[test]
fn an_id_that_is_not_hex_leaves_its_span_out() {
    for bad in ["", "xyz", "0af7651916cd43dd8448eb211c80319", "CvdlGRbNQ92ESOshHIAxnA=="] {
        let decoded =
            decode_spans_json(&request(json!({"traceId": bad, "spanId": "b7ad6b7169203331"})), 100).unwrap();
        assert_eq!((decoded.batches.len(), decoded.rejected), (0, 1), "{bad}");
    }
}

#[test]
fn what_is_of_another_type_is_refused_by_name() {
    let cases = [
        (json!({"name": 7}), "name"),
        (json!({"name": ["a"]}), "name"),
        (json!({"kind": "SPAN_KIND_SERVER"}), "kind"),
        (json!({"kind": 2.5}), "kind"),
        (json!({"startTimeUnixNano": -1}), "startTimeUnixNano"),
        (json!({"startTimeUnixNano": "18446744073709551616"}), "startTimeUnixNano"),
        (json!({"flags": "4294967296"}), "flags"),
        (json!({"attributes": {"key": "a"}}), "attributes"),
        (json!({"attributes": [{"key": "a", "value": {"boolValue": "true"}}]}), "boolValue"),
        (json!({"attributes": [{"key": "a", "value": {"bytesValue": "?"}}]}), "bytesValue"),
        (json!({"status": true}), "status"),
    ];
    for (span, key) in cases {
        let error = decode_spans_json(&request(span), 100).unwrap_err().to_string();
        assert!(error.contains(&format!("{key} is ")) && error.contains("line 1"), "{error}");
    }
    for bad in ["", "[]", "null", "{", "{} x", "{\"resourceSpans\":3}"] {
        assert!(decode_spans_json(bad.as_bytes(), 100).is_err(), "{bad}");
    }
    assert!(decode_spans_json(b"{}", 100).unwrap().batches.is_empty());
}

#[test]
fn nesting_has_an_end() {
    let mut value = json!({"intValue": 1});
    for _ in 0..30 {
        value = json!({"arrayValue": {"values": [value]}});
    }
    let deep = |value: &Json| {
        request(
            json!({"traceId": ID, "spanId": "b7ad6b7169203331", "attributes": [{"key": "k", "value": value}]}),
        )
    };
    // The limit of the decoder, and beyond it that of the JSON reader.
    for _ in 0..100 {
        value = json!({"arrayValue": {"values": [value]}});
    }
    assert!(decode_spans_json(&deep(&value), 100).is_err());
    let unknown = format!("{}{}", "{\"x\":".repeat(100_000), "}".repeat(100_000));
    assert!(decode_spans_json(unknown.as_bytes(), 100).is_err());
}
