//! Our JSON against that of opentelemetry-proto: every field compared after decoding.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use trace_core::model::*;

use super::*;
use crate::otlp::encode::{expected, generate, logs};

fn spans_text(batch: &SpanBatch) -> String {
    let mut out = Vec::new();
    encode_spans_json(batch, &mut out);
    String::from_utf8(out).unwrap()
}

fn metrics_text(batch: &MetricBatch) -> String {
    let mut out = Vec::new();
    encode_metrics_json(batch, &mut out);
    String::from_utf8(out).unwrap()
}

fn logs_text(batch: &LogBatch) -> String {
    let mut out = Vec::new();
    encode_logs_json(batch, &mut out);
    String::from_utf8(out).unwrap()
}

/// Whether a double is written as a text, which the library's decoder of JSON refuses.
fn has_infinity(text: &str) -> bool {
    text.contains("\"Infinity\"") || text.contains("\"-Infinity\"")
}

proptest! {
    #[test]
    fn spans_decode_to_what_was_recorded(spans in generate::spans()) {
        let resource = Arc::new(generate::resource());
        let text = spans_text(&SpanBatch::from_spans(resource.clone(), spans.clone()));
        prop_assume!(!has_infinity(&text));
        let text = if text.is_empty() { r#"{"resourceSpans":[]}"# } else { &text };
        let got: ExportTraceServiceRequest = serde_json::from_str(text).unwrap();
        prop_assert_eq!(got, expected::traces(&resource, &spans));
    }

    #[test]
    fn metrics_decode_to_what_was_collected(batch in generate::metrics()) {
        let text = metrics_text(&batch);
        prop_assume!(!has_infinity(&text));
        let text = if text.is_empty() { r#"{"resourceMetrics":[]}"# } else { &text };
        let got: ExportMetricsServiceRequest = serde_json::from_str(text).unwrap();
        prop_assert_eq!(got, expected::metrics(&batch));
    }

    #[test]
    fn logs_decode_to_what_was_logged(batch in logs::batch()) {
        let batch = logs::without_bytes_and_nothing(&batch);
        let text = logs_text(&batch);
        prop_assume!(!has_infinity(&text));
        let text = if text.is_empty() { r#"{"resourceLogs":[]}"# } else { &text };
        let got: ExportLogsServiceRequest = serde_json::from_str(text).unwrap();
        prop_assert_eq!(got, logs::expected(&batch));
    }

    #[test]
    fn any_text_is_one_line_of_json_and_reads_back(text in any::<String>()) {
        let mut out = Vec::new();
        Json::new(&mut out).string(&text);
        prop_assert!(!out.contains(&b'\n'));
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    #[test]
    fn any_finite_double_reads_back(v in prop::num::f64::ANY) {
        prop_assume!(v.is_finite());
        let mut out = Vec::new();
        Json::new(&mut out).double(v);
        let read: f64 = std::str::from_utf8(&out).unwrap().parse().unwrap();
        prop_assert_eq!(read.to_bits(), v.to_bits());
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).unwrap().is_number());
    }
}

#[test]
fn a_span_is_written_as_the_specification_says() {
    let mut span = generate::plain_span(1);
    span.attributes = vec![
        KeyValue::new("nan", f64::NAN),
        KeyValue::new("inf", f64::NEG_INFINITY),
        KeyValue::new("int", i64::MIN),
        KeyValue::new("q\"\\\n\u{1}", "é"),
    ];
    span.status = Status::Error("no".into());
    let batch = SpanBatch::from_spans(Arc::default(), [span]);
    let trace = batch.get(0).unwrap().trace_id().to_bytes().map(|b| format!("{b:02x}")).concat();
    let expected = r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"traceId":"TRACE","spanId":"0000000000000001","flags":256,"name":"work","kind":1,"startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[{"key":"nan","value":{"doubleValue":"NaN"}},{"key":"inf","value":{"doubleValue":"-Infinity"}},{"key":"int","value":{"intValue":"-9223372036854775808"}},{"key":"q\"\\\n\u0001","value":{"stringValue":"é"}}],"status":{"message":"no","code":2}}]}]}]}"#;
    assert_eq!(spans_text(&batch), expected.replace("TRACE", &trace));
}

#[test]
fn a_log_record_is_written_as_the_specification_says() {
    let nested = AnyValue::Map(vec![
        ("bytes".into(), AnyValue::Bytes(vec![0, 255])),
        ("list".into(), AnyValue::List(vec![1.into(), AnyValue::Empty, AnyValue::List(vec![])])),
    ]);
    let mut record = LogRecord::new(LogSeverity::WARN, nested);
    (record.time, record.observed) = (Timestamp::from_unix_nanos(1), Timestamp::from_unix_nanos(2));
    record.span_id = SpanId::new(7);
    record.flags = TraceFlags::SAMPLED;
    record.event_name = "e".into();
    record.attributes = vec![("none".into(), AnyValue::Empty)];
    let text = logs_text(&LogBatch::new(Arc::default(), vec![record]));
    let expected = r#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[{"timeUnixNano":"1","observedTimeUnixNano":"2","severityNumber":13,"severityText":"WARN","body":{"kvlistValue":{"values":[{"key":"bytes","value":{"bytesValue":"AP8="}},{"key":"list","value":{"arrayValue":{"values":[{"intValue":"1"},{},{"arrayValue":{"values":[]}}]}}}]}},"attributes":[{"key":"none","value":{}}],"flags":1,"spanId":"0000000000000007","eventName":"e"}]}]}]}"#;
    assert_eq!(text, expected);
}

#[test]
fn an_empty_batch_is_nothing() {
    assert!(logs_text(&LogBatch::default()).is_empty());
    assert!(spans_text(&SpanBatch::from_spans(Arc::default(), [])).is_empty());
    assert!(metrics_text(&MetricBatch { resource: Arc::default(), scopes: vec![] }).is_empty());
}
