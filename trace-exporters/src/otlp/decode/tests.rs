//! What is encoded comes back; what others encode is read as they mean it; nothing makes us panic.

use std::sync::Arc;

use opentelemetry_proto::tonic as pb;
use pb::collector::trace::v1::ExportTraceServiceRequest;
use pb::common::v1::any_value::Value as Any;
use pb::common::v1::{AnyValue, ArrayValue, KeyValue as PbKeyValue, KeyValueList};
use proptest::prelude::*;
use prost::Message as _;
use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_core::model::*;

use super::*;

use crate::otlp::encode::{encode_logs, encode_metrics, encode_spans, generate, logs};

fn encoded(batch: &SpanBatch) -> Vec<u8> {
    let mut out = Vec::new();
    encode_spans(batch, &mut out);
    out
}

/// By text: NaN is unlike itself. Spans of a request are ordered by scope.
fn texts(spans: impl IntoIterator<Item = SpanData>) -> Vec<String> {
    let mut all: Vec<String> = spans.into_iter().map(|s| format!("{s:?}")).collect();
    all.sort();
    all
}

/// What the wire does not tell apart, made equal: an empty list has no type.
fn canonical(mut span: SpanData) -> SpanData {
    let plain = |kv: &mut KeyValue| {
        if let Value::Array(array) = &kv.value
            && serde_json::to_string(array).is_ok_and(|text| text == "[]")
        {
            kv.value = Value::Array(Array::String(Vec::new()));
        }
    };
    span.attributes.iter_mut().for_each(plain);
    span.events.iter_mut().flat_map(|e| &mut e.attributes).for_each(plain);
    span.links.iter_mut().flat_map(|l| &mut l.attributes).for_each(plain);
    span
}

proptest! {
    #[test]
    fn spans_come_back_as_they_were(spans in generate::spans()) {
        let batch = SpanBatch::from_spans(Arc::new(generate::resource()), spans);
        let decoded = decode_spans(&encoded(&batch)).unwrap();
        prop_assert_eq!(decoded.rejected, 0);
        let got = decoded.batches.into_iter().flat_map(|b| b.iter().map(|s| s.to_span_data()).collect::<Vec<_>>());
        prop_assert_eq!(texts(got), texts(batch.iter().map(|s| canonical(s.to_span_data()))));
    }

    #[test]
    fn logs_come_back_as_they_were(batch in logs::batch()) {
        let mut out = Vec::new();
        encode_logs(&batch, &mut out);
        let decoded = decode_logs(&out).unwrap();
        prop_assert_eq!(decoded.rejected, 0);
        let mut again = Vec::new();
        decoded.batches.iter().for_each(|b| encode_logs(&b.clone().into(), &mut again));
        prop_assert_eq!(again, out);
    }

    #[test]
    fn no_bytes_make_the_decoder_of_logs_panic(batch in logs::batch(), at: prop::sample::Index, byte: u8, cut: bool) {
        let mut out = Vec::new();
        encode_logs(&batch, &mut out);
        if !out.is_empty() {
            let at = at.index(out.len());
            if cut { out.truncate(at) } else { out[at] = byte }
        }
        let _ = decode_logs_within(&out, 1000);
    }

    #[test]
    fn metrics_come_back_as_they_were(batch in generate::metrics()) {
        let mut out = Vec::new();
        encode_metrics(&batch, &mut out);
        let decoded = decode_metrics(&out).unwrap();
        let mut again = Vec::new();
        for batch in &decoded.batches {
            encode_metrics(batch, &mut again);
        }
        prop_assert_eq!(decoded.rejected, 0);
        prop_assert_eq!(again, out);
    }

    #[test]
    fn any_bytes_end_without_panic(bytes: Vec<u8>) {
        let _ = (decode_spans(&bytes), decode_metrics(&bytes));
    }

    #[test]
    fn a_damaged_request_ends_without_panic(spans in generate::spans(), at: prop::sample::Index, with: u8) {
        let mut bytes = encoded(&SpanBatch::from_spans(Arc::default(), spans));
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] ^= with;
        }
        let _ = (decode_spans(&bytes), decode_metrics(&bytes));
    }
}

fn value(v: Any) -> AnyValue {
    AnyValue { value: Some(v) }
}

fn read(v: Option<AnyValue>) -> String {
    let attribute = PbKeyValue { key: "k".into(), value: v, ..Default::default() };
    let span = pb::trace::v1::Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        attributes: vec![attribute],
        ..Default::default()
    };
    let scope_spans = vec![pb::trace::v1::ScopeSpans { spans: vec![span], ..Default::default() }];
    let resource_spans = vec![pb::trace::v1::ResourceSpans { scope_spans, ..Default::default() }];
    let decoded = decode_spans(&ExportTraceServiceRequest { resource_spans }.encode_to_vec()).unwrap();
    let batch = decoded.batches.into_iter().next().unwrap().seal();
    let span = batch.get(0).unwrap();
    assert!(span.is_sampled(), "a span without flags counts as sampled");
    span.attribute("k").unwrap().to_string()
}

#[test]
fn values_without_a_place_in_the_data_model_become_text() {
    let pair = |k: &str, v| PbKeyValue { key: k.into(), value: Some(value(v)), ..Default::default() };
    let map = Any::KvlistValue(KeyValueList {
        values: vec![pair("a\"b", Any::IntValue(1)), pair("c", Any::DoubleValue(0.5))],
    });
    assert_eq!(read(Some(value(map.clone()))), r#"{"a\"b":1,"c":0.5}"#);
    let mixed = Any::ArrayValue(ArrayValue {
        values: vec![value(Any::IntValue(1)), value(Any::StringValue("x\n".into())), value(map)],
    });
    assert_eq!(read(Some(value(mixed))), r#"[1,"x\n",{"a\"b":1,"c":0.5}]"#);
    assert_eq!(read(Some(value(Any::BytesValue(vec![1, 2, 255])))), "AQL/");
    assert_eq!(read(Some(AnyValue { value: None })), "");
    assert_eq!(read(None), "");
}

#[test]
fn a_value_nested_too_deep_is_refused() {
    let mut deep = Any::IntValue(1);
    for _ in 0..100 {
        deep = Any::ArrayValue(ArrayValue { values: vec![value(deep)] });
    }
    let attribute = PbKeyValue { key: "k".into(), value: Some(value(deep)), ..Default::default() };
    let span = pb::trace::v1::Span { attributes: vec![attribute], ..Default::default() };
    let scope_spans = vec![pb::trace::v1::ScopeSpans { spans: vec![span], ..Default::default() }];
    let resource_spans = vec![pb::trace::v1::ResourceSpans { scope_spans, ..Default::default() }];
    let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    assert_eq!(decode_spans(&bytes).unwrap_err(), DecodeError::TooDeep { limit: 32 });
}

#[test]
fn a_span_without_a_valid_id_is_left_out_and_counted() {
    let good = generate::plain_span(1);
    let mut request =
        ExportTraceServiceRequest::decode(&encoded(&SpanBatch::from_spans(Arc::default(), [good]))[..])
            .unwrap();
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    let mut bad = spans[0].clone();
    bad.trace_id = vec![0; 16];
    spans.push(bad);
    let decoded = decode_spans(&request.encode_to_vec()).unwrap();
    assert_eq!((decoded.batches[0].len(), decoded.rejected), (1, 1));
    assert!(decoded.reason.unwrap().contains("trace id"));
}

#[test]
fn records_that_take_more_room_than_bytes_are_limited() {
    let context = generate::plain_span(1).context;
    let spans = (1..=4).map(|id| {
        let mut span = generate::plain_span(id);
        let at = Timestamp::default();
        span.events = vec![Event { name: "".into(), time: at, attributes: vec![], dropped_attributes: 0 }; 2];
        span.links = vec![Link { context: context.clone(), attributes: vec![], dropped_attributes: 0 }];
        span
    });
    let bytes = encoded(&SpanBatch::from_spans(Arc::default(), spans));
    assert_eq!(decode_spans_within(&bytes, 18).unwrap().batches[0].len(), 4);
    assert_eq!(decode_spans_within(&bytes, 17).unwrap_err(), DecodeError::TooMany { limit: 17 });
    // A histogram with nothing in it: two bytes for a hundred times as many.
    let points = [0x0a, 0].repeat(100);
    let framed = |number: u8, bytes: Vec<u8>| {
        let mut out = vec![number << 3 | 2];
        prost::encoding::encode_varint(bytes.len() as u64, &mut out);
        [out, bytes].concat()
    };
    let bytes = framed(1, framed(2, framed(2, framed(9, points))));
    assert_eq!(decode_metrics_within(&bytes, 103).unwrap().batches[0].point_count(), 100);
    assert_eq!(decode_metrics_within(&bytes, 102).unwrap_err(), DecodeError::TooMany { limit: 102 });
}

#[test]
fn nested_values_of_logs_are_bounded_in_depth_and_number() {
    use pb::collector::logs::v1::ExportLogsServiceRequest;
    use pb::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
    let request = |body: AnyValue| {
        let record = LogRecord { body: Some(body), trace_id: vec![1, 2], ..Default::default() };
        let scope = ScopeLogs { log_records: vec![record], ..Default::default() };
        let resource = ResourceLogs { scope_logs: vec![scope], ..Default::default() };
        ExportLogsServiceRequest { resource_logs: vec![resource] }.encode_to_vec()
    };
    let list = |values| AnyValue { value: Some(Any::ArrayValue(ArrayValue { values })) };
    let deep = |n| (0..n).fold(AnyValue { value: None }, |inner, _| list(vec![inner]));
    let decoded = decode_logs(&request(deep(30))).unwrap();
    assert_eq!(decoded.batches[0].records[0].trace_id, None, "an id of another length is none");
    assert_eq!(decode_logs(&request(deep(50))).unwrap_err(), DecodeError::TooDeep { limit: 32 });
    let wide = request(list(vec![AnyValue { value: None }; 1000]));
    assert!(decode_logs_within(&wide, 1003).is_ok());
    assert_eq!(decode_logs_within(&wide, 1002).unwrap_err(), DecodeError::TooMany { limit: 1002 });
}

#[test]
fn a_key_that_is_not_utf8_fails_also_where_the_span_before_has_one_as_long() {
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
    let scope = Arc::new(Scope::named("lib"));
    for id in 1..=2 {
        let mut span = batch.begin_span(&scope);
        span.attribute("some.key", ValueRef::I64(1));
        span.finish(TraceId::MIN, SpanId::new(id).unwrap());
    }
    let bytes = encoded(&batch.seal());
    let keys: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"some.key")).collect();
    assert_eq!(keys.len(), 2);
    assert!(decode_spans(&bytes).is_ok());
    for at in keys {
        let mut bad = bytes.clone();
        bad[at + 4] = 0xff;
        assert_eq!(decode_spans(&bad).unwrap_err(), DecodeError::NotUtf8);
    }
}
