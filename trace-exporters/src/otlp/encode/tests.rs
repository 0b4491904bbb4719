//! Our bytes against opentelemetry-proto and prost: every field compared.

use opentelemetry_proto::tonic as pb;
use pb::collector::logs::v1::ExportLogsServiceRequest;
use pb::collector::metrics::v1::ExportMetricsServiceRequest;
use pb::collector::trace::v1::ExportTraceServiceRequest;
use pb::common::v1::any_value::Value as PbValue;
use proptest::prelude::*;
use prost::Message as _;
use std::sync::Arc;
use trace_core::batch::SpanBatch;
use trace_core::model::*;

pub(crate) mod expected;
pub(crate) mod generate;
pub(crate) mod logs;

fn encode_spans(batch: &SpanBatch) -> Vec<u8> {
    let mut out = vec![7];
    super::encode_spans(batch, &mut out);
    assert_eq!(out.remove(0), 7, "bytes before the request stay");
    out
}

fn encode_metrics(batch: &MetricBatch) -> Vec<u8> {
    let mut out = Vec::new();
    super::encode_metrics(batch, &mut out);
    out
}

proptest! {
    #[test]
    fn spans_decode_to_what_was_recorded(spans in generate::spans()) {
        let resource = Arc::new(generate::resource());
        let bytes = encode_spans(&SpanBatch::from_spans(resource.clone(), spans.clone()));
        let got = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(got.encoded_len(), bytes.len(), "the shortest form");
        prop_assert_eq!(got, expected::traces(&resource, &spans));
    }

    #[test]
    fn metrics_decode_to_what_was_collected(batch in generate::metrics()) {
        let got = ExportMetricsServiceRequest::decode(encode_metrics(&batch).as_slice()).unwrap();
        prop_assert_eq!(got, expected::metrics(&batch));
    }

    #[test]
    fn logs_decode_to_what_was_logged(batch in logs::batch()) {
        let mut bytes = Vec::new();
        super::encode_logs(&batch, &mut bytes);
        let got = ExportLogsServiceRequest::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(got.encoded_len(), bytes.len(), "the shortest form");
        prop_assert_eq!(got, logs::expected(&batch));
    }

    #[test]
    fn a_slice_encodes_only_its_spans(spans in generate::spans(), at: prop::sample::Index) {
        let resource = Arc::new(generate::resource());
        let middle = at.index(spans.len() + 1);
        let batch = SpanBatch::from_spans(resource.clone(), spans.clone()).slice(middle..spans.len());
        let mut got = ExportTraceServiceRequest::decode(encode_spans(&batch).as_slice()).unwrap();
        let mut expected = expected::traces(&resource, &spans[middle..]);
        // Scopes come in the order of the whole batch, which a slice does not show.
        for request in [&mut got, &mut expected] {
            for r in &mut request.resource_spans {
                r.scope_spans.sort_by_key(|s| format!("{:?}", s.spans));
            }
        }
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn doubles_that_are_not_numbers_keep_their_bits() {
    let odd = f64::from_bits(0x7ff8_0000_dead_beef);
    let mut span = generate::plain_span(1);
    span.attributes =
        vec![KeyValue::new("nan", odd), KeyValue::new("inf", f64::NEG_INFINITY), KeyValue::new("zero", -0.0)];
    let bytes = encode_spans(&SpanBatch::from_spans(Arc::default(), [span]));
    let got = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    let bits: Vec<u64> = got.resource_spans[0].scope_spans[0].spans[0]
        .attributes
        .iter()
        .map(|kv| match kv.value.as_ref().and_then(|v| v.value.as_ref()) {
            Some(PbValue::DoubleValue(v)) => v.to_bits(),
            other => panic!("not a double: {other:?}"),
        })
        .collect();
    assert_eq!(bits, [odd.to_bits(), f64::NEG_INFINITY.to_bits(), (-0.0f64).to_bits()]);
}

#[test]
fn an_empty_batch_is_an_empty_request() {
    assert!(encode_spans(&SpanBatch::from_spans(Arc::default(), [])).is_empty());
    let mut none = Vec::new();
    super::encode_logs(&LogBatch::default(), &mut none);
    assert!(none.is_empty());
    let scope = ScopeMetrics { scope: Arc::default(), metrics: vec![] };
    assert!(encode_metrics(&MetricBatch { resource: Arc::default(), scopes: vec![scope] }).is_empty());
}

#[test]
fn remote_bits_tell_a_remote_parent_from_a_local_one() {
    let mut remote = generate::plain_span(1);
    remote.parent_is_remote = true;
    remote.context.flags = TraceFlags::SAMPLED;
    let bytes = encode_spans(&SpanBatch::from_spans(Arc::default(), [remote, generate::plain_span(2)]));
    let got = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    let spans = got.resource_spans[0].scope_spans.iter().flat_map(|s| &s.spans);
    let flags: Vec<u32> = spans.map(|s| s.flags).collect();
    assert_eq!(flags, [0x301, 0x100]);
}
