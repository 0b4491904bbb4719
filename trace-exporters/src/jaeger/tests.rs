//! Encoding and decoding, against each other and against what Jaeger's own clients sent.

use std::sync::Arc;

use proptest::prelude::*;
use trace_core::batch::SpanBatch;
use trace_core::model::{
    AttributeSet, KeyValue, Resource, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags,
    TraceId, Value,
};
use trace_core::testing::conformance::every_field;

use super::encode::{Form, pack};
use super::*;
use crate::any_span;

fn resource() -> Arc<Resource> {
    Arc::new(Resource::new([
        KeyValue::new("service.name", "shop"),
        KeyValue::new("host.cpu", 8),
        KeyValue::new("up", true),
        KeyValue::new("load", 0.5),
    ]))
}

/// What Jaeger has a place for.
fn mappable(mut span: SpanData) -> SpanData {
    let text = |kv: &mut KeyValue| {
        if let Value::Array(_) = kv.value {
            kv.value = kv.value.to_string().into();
        }
    };
    span.attributes.iter_mut().for_each(text);
    span.events.iter_mut().flat_map(|e| &mut e.attributes).for_each(text);
    span.links.iter_mut().for_each(|link| link.attributes.clear());
    span
}

fn decoded(bytes: &[u8], form: Form) -> (Vec<SpanData>, AttributeSet) {
    let decoded = match form {
        Form::Binary => decode_binary(bytes),
        Form::Compact => decode_compact(bytes),
    };
    let decoded = decoded.unwrap();
    assert_eq!((decoded.rejected, decoded.batches.len()), (0, 1));
    let batch = &decoded.batches[0];
    (batch.iter().map(|s| s.to_span_data()).collect(), batch.resource().attributes.clone())
}

proptest! {
    #[test]
    fn what_jaeger_has_a_place_for_comes_back(spans in prop::collection::vec(any_span::span(), 1..4)) {
        let batch = SpanBatch::from_spans(resource(), spans.clone());
        let expected: Vec<SpanData> = spans.into_iter().map(mappable).collect();
        for form in [Form::Binary, Form::Compact] {
            let mut bytes = Vec::new();
            match form {
                Form::Binary => encode_binary(&batch, &mut bytes),
                Form::Compact => encode_compact(&batch, &mut bytes),
            }
            let (found, attributes) = decoded(&bytes, form);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(&attributes, &resource().attributes);
        }
    }

    #[test]
    fn messages_stay_below_the_limit_and_hold_every_span_that_fits(
        sizes in prop::collection::vec(0_usize..1500, 0..40),
        limit in 1024_usize..3000,
    ) {
        let span = |(i, size): (usize, &usize)| {
            let id = SpanId::new(i as u64 + 1).unwrap();
            let context = SpanContext::new(TraceId::MIN, id, TraceFlags::SAMPLED);
            let at = Timestamp::from_unix_secs(1);
            let mut span = SpanData::new(context, "n", at, at);
            span.attributes = vec![KeyValue::new("text", "x".repeat(*size))];
            span
        };
        let batch = SpanBatch::from_spans(resource(), sizes.iter().enumerate().map(span));
        for form in [Form::Binary, Form::Compact] {
            let packed = pack(&batch, form, limit);
            let mut ids = Vec::new();
            for (bytes, count) in &packed.messages {
                prop_assert!(bytes.len() <= limit, "{} > {limit}", bytes.len());
                let (spans, _) = decoded(bytes, form);
                prop_assert_eq!(spans.len(), *count);
                ids.extend(spans.iter().map(|s| s.context.span_id));
            }
            prop_assert!(ids.is_sorted());
            prop_assert_eq!(ids.len() + packed.oversized, sizes.len());
            let largest = pack(&batch, form, usize::MAX);
            prop_assert!(sizes.is_empty() || largest.messages.len() == 1);
        }
    }

    #[test]
    fn any_bytes_and_any_damage_are_read_without_panic(bytes: Vec<u8>, at: usize, byte: u8) {
        let _ = (decode_binary(&bytes), decode_compact(&bytes));
        for (mut golden, form) in [(BINARY.to_vec(), Form::Binary), (COMPACT.to_vec(), Form::Compact)] {
            let at = at % golden.len();
            golden[at] = byte;
            match form {
                Form::Binary => drop(decode_binary(&golden)),
                Form::Compact => drop(decode_compact(&golden)),
            }
        }
    }
}

/// Sent by opentelemetry-exporter-jaeger-thrift 1.21.0 for Python to `/api/traces`.
const BINARY: &[u8] = include_bytes!("../../tests/golden/jaeger_binary.thrift");
/// Sent by jaeger-client 4.8.0 for Python to an agent.
const COMPACT: &[u8] = include_bytes!("../../tests/golden/jaeger_compact.thrift");

#[test]
fn what_opentelemetrys_old_exporter_sent_is_read() {
    let (spans, resource) = decoded(BINARY, Form::Binary);
    assert_eq!(resource.get("service.name"), Some(&"otel-legacy".into()));
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&*span.name, span.kind, &*span.scope.name), ("op", SpanKind::Internal, "x"));
    assert_eq!(span.parent_span_id, None);
    assert_eq!(span.status, Status::Unset);
    let expected = [KeyValue::new("a", 1), KeyValue::new("b", true), KeyValue::new("c", 1.5)];
    assert_eq!(span.attributes[..3], expected);
    // That exporter repeats the resource in each span.
    assert!(span.attributes.contains(&KeyValue::new("telemetry.sdk.language", "python")));
    assert!(span.end > span.start && span.start.unix_nanos() > 1_700_000_000_000_000_000);
}

#[test]
fn what_jaegers_own_client_sent_is_read() {
    let (spans, resource) = decoded(COMPACT, Form::Compact);
    assert_eq!(resource.get("service.name"), Some(&"legacy".into()));
    assert!(matches!(resource.get("jaeger.version"), Some(Value::String(v)) if v.starts_with("Python-")));
    let by_name = |name: &str| spans.iter().find(|s| s.name == name).unwrap();
    let (root, child) = (by_name("root"), by_name("child"));
    assert_eq!(child.parent_span_id, Some(root.context.span_id));
    assert_eq!(child.context.trace_id, root.context.trace_id);
    assert!(root.attributes.contains(&KeyValue::new("http.status_code", 200)), "{root:?}");
    assert!(root.attributes.contains(&KeyValue::new("b", true)), "{root:?}");
    assert!(root.attributes.contains(&KeyValue::new("d", 1.5)), "{root:?}");
    assert_eq!(root.events.len(), 1);
    assert_eq!(root.events[0].name, "x");
}

#[test]
fn values_at_their_edges_are_encoded() {
    let batch = every_field();
    for form in [Form::Binary, Form::Compact] {
        let packed = pack(&batch, form, 65_000);
        let (spans, _) = decoded(&packed.messages[0].0, form);
        assert_eq!(spans.len(), batch.len());
        assert_eq!(spans[0].status, Status::Error("it broke".into()));
        assert_eq!(spans[0].attributes[0].value, "<&>\"\\\n\u{0}☃".into());
        assert_eq!(spans[0].attributes[3].value, i64::MIN.into());
        assert_eq!(spans[0].attributes[7].value, "[1,-1]".into());
        // It ended before it began.
        assert_eq!(spans[1].end, spans[1].start);
    }
}

#[test]
fn spans_without_ids_are_left_out_and_counted() {
    // Batch { 2: [Span {}, Span { traceIdLow: 1 }] }
    let bytes = [&[15, 0, 2, 12, 0, 0, 0, 2, 0][..], &[10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0], &[0]].concat();
    let decoded = decode_binary(&bytes).unwrap();
    assert_eq!((decoded.rejected, decoded.batches.len()), (2, 0));
    assert_eq!(decoded.reason, Some("a trace id is zero"));
}

#[test]
fn what_is_no_batch_is_refused_with_a_reason() {
    let binary = |bytes: &[u8]| decode_binary(bytes).unwrap_err().to_string();
    assert!(binary(b"").contains("binary protocol: it breaks off"), "{}", binary(b""));
    assert!(binary(b"[{\"traceId\":").contains("no Jaeger batch"));
    let compact = |bytes: &[u8]| decode_compact(bytes).unwrap_err().to_string();
    assert!(compact(b"\x82\x81\x00\x03ping").contains("calls \"pin\", not emitBatch"));
    assert!(compact(BINARY).contains("compact protocol"));
    // 200 000 empty spans.
    let mut many = vec![15, 0, 2, 12];
    many.extend(200_000_i32.to_be_bytes());
    many.extend(vec![0; 200_001]);
    assert!(binary(&many).contains("has 200000 spans; 100000 are taken at once"));
}

#[test]
fn a_parent_that_is_only_a_reference_is_found() {
    let context = SpanContext::new(TraceId::MIN, SpanId::MAX, TraceFlags::SAMPLED);
    let at = Timestamp::from_unix_secs(1);
    let batch = SpanBatch::from_spans(resource(), [SpanData::new(context, "n", at, at)]);
    let mut bytes = Vec::new();
    encode_binary(&batch, &mut bytes);
    // Instead of the empty list of logs at the end: references [CHILD_OF (0, 1, 7), CHILD_OF (0, 1, 8)].
    bytes.truncate(bytes.len() - 2);
    bytes.extend([15, 0, 6, 12, 0, 0, 0, 2]);
    for id in [7, 8] {
        bytes.extend([8, 0, 1, 0, 0, 0, 0]);
        bytes.extend([10, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend([10, 0, 4, 0, 0, 0, 0, 0, 0, 0, id, 0]);
    }
    bytes.extend([0, 0]);
    let (spans, _) = decoded(&bytes, Form::Binary);
    assert_eq!(spans[0].parent_span_id, SpanId::new(7));
    assert_eq!(spans[0].links.len(), 1);
    assert_eq!(spans[0].links[0].context.span_id, SpanId::new(8).unwrap());
    assert_eq!(spans[0].links[0].attributes, [KeyValue::new("opentracing.ref_type", "child_of")]);
}
