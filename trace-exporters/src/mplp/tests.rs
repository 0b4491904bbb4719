//! Spans to documents and back, and documents as they are to be read.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value as Json, json};
use trace_core::batch::SpanBatch;
use trace_core::model::{KeyValue, Resource, SpanData, SpanId, Status};

use super::*;
use crate::any_span;

const CONTEXT: &str = "550e8400-e29b-41d4-a716-446655440500";

fn resource() -> Arc<Resource> {
    Arc::new(Resource::new([KeyValue::new("service.name", "planner"), KeyValue::new("n", 2)]))
}

fn encoded(spans: Vec<SpanData>) -> Json {
    let encoded = encode_documents(&SpanBatch::from_spans(resource(), spans), Some(CONTEXT));
    assert_eq!((encoded.documents.len(), encoded.without_context), (1, 0));
    serde_json::from_str(&encoded.documents[0].1).unwrap()
}

fn decoded(document: &Json) -> Vec<SpanData> {
    let batch = decode_document(document.to_string().as_bytes()).unwrap();
    batch.iter().map(|s| s.to_span_data()).collect()
}

/// Attributes in the order of their names, without those that the document adds.
fn plain(mut span: SpanData) -> SpanData {
    span.attributes.retain(|kv| kv.key != "mplp.context.id");
    let empty_list = |kv: &mut KeyValue| {
        if kv.value.to_string() == "[]" {
            kv.value = Vec::<String>::new().into();
        }
    };
    span.attributes.iter_mut().for_each(empty_list);
    span.events.iter_mut().flat_map(|e| &mut e.attributes).for_each(empty_list);
    span.links.iter_mut().flat_map(|l| &mut l.attributes).for_each(empty_list);
    span.attributes.sort_by(|a, b| a.key.cmp(&b.key));
    span
}

proptest! {
    #[test]
    fn spans_come_back_from_their_document(mut spans in prop::collection::vec(any_span::span(), 1..5)) {
        let trace = spans[0].context.trace_id;
        for (i, span) in spans.iter_mut().enumerate() {
            span.context.trace_id = trace;
            span.context.span_id = SpanId::new(span.context.span_id.to_u64() ^ i as u64).unwrap_or(SpanId::MAX);
            span.parent_span_id = span.parent_span_id.or(SpanId::new(77));
        }
        spans[0].parent_span_id = None;
        spans.dedup_by_key(|span| span.context.span_id);
        let document = encoded(spans.clone());
        let found: Vec<SpanData> = decoded(&document).into_iter().map(plain).collect();
        let expected: Vec<SpanData> = spans.into_iter().map(plain).collect();
        prop_assert_eq!(&found, &expected);
        // What was read is written the same.
        prop_assert_eq!(encoded(decoded(&document)), document);
    }

    #[test]
    fn any_document_and_any_damage_are_read_without_panic(at: usize, byte: u8) {
        let mut bytes = foreign().to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(batch) = decode_document(&bytes) {
            let _ = encode_documents(&batch.seal(), None);
        }
    }
}

/// As another implementation might write it.
fn foreign() -> Json {
    json!({
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0", "created_by": "planner",
            "tags": ["a", "b"]},
        "governance": {"lifecyclePhase": "review", "locked": true},
        "trace_id": "550e8400-e29b-41d4-a716-446655440530",
        "context_id": CONTEXT,
        "plan_id": "550e8400-e29b-41d4-a716-446655440501",
        "status": "cancelled",
        "root_span": {
            "trace_id": "550e8400-e29b-41d4-a716-446655440530",
            "span_id": "550e8400-e29b-41d4-a716-446655440535",
            "context_id": CONTEXT,
            "attributes": {"module": {"name": "plan", "deep": {"n": 1}}, "list": [1, "a"], "none": null}
        },
        "started_at": "2025-12-01T12:00:00Z",
        "finished_at": "2025-12-01T12:10:00Z",
        "segments": [
            {"segment_id": "550e8400-e29b-41d4-a716-446655440541", "label": "draft", "status": "failed",
                "started_at": "2025-12-01T12:01:00Z", "finished_at": "2025-12-01T12:02:00Z"},
            {"segment_id": "550e8400-e29b-41d4-a716-446655440542", "label": "review", "status": "skipped",
                "parent_segment_id": "550e8400-e29b-41d4-a716-446655440541"}
        ],
        "events": [
            {"event_id": "550e8400-e29b-41d4-a716-446655440531", "event_type": "confirm.requested",
                "source": "confirm", "timestamp": "2025-12-01T12:01:00Z", "data": {"by": "user"}},
            {"event_id": "550e8400-e29b-41d4-a716-446655440532", "event_type": "trace.followed",
                "source": "plan", "timestamp": "2025-12-01T12:05:00Z",
                "trace_id": "660e8400-e29b-41d4-a716-446655440532"}
        ]
    })
}

#[test]
fn a_foreign_document_becomes_spans_with_everything_that_it_says() {
    let spans = decoded(&foreign());
    let [root, draft] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(root.context.span_id.to_string(), "a716446655440535");
    assert_eq!((root.parent_span_id, draft.parent_span_id), (None, Some(root.context.span_id)));
    let attributes: Vec<String> =
        root.attributes.iter().map(|kv| format!("{}={}", kv.key, kv.value)).collect();
    let expected = [
        "list.json=[1,\"a\"]",
        "module.deep.n=1",
        "module.name=plan",
        "mplp.dropped_nulls=[\"none\"]",
        "mplp.context.id=550e8400-e29b-41d4-a716-446655440500",
        "mplp.plan.id=550e8400-e29b-41d4-a716-446655440501",
        "mplp.status=cancelled",
        "mplp.meta.created_by=planner",
        "mplp.meta.tags=[\"a\",\"b\"]",
        "mplp.governance.json={\"lifecyclePhase\":\"review\",\"locked\":true}",
    ];
    assert_eq!(attributes, expected);
    assert_eq!(root.events[0].name, "confirm.requested");
    assert_eq!(root.links[0].context.trace_id.to_string(), "660e8400e29b41d4a716446655440532");
    assert_eq!((&*draft.name, &draft.status), ("draft", &Status::Error("".into())));
    assert_eq!(draft.events[0].name, "mplp.segment.skipped");

    // And the protocol's fields come back.
    let again = encoded(spans);
    for field in ["trace_id", "context_id", "plan_id", "status", "governance", "started_at", "finished_at"] {
        assert_eq!(again[field], foreign()[field], "{field}");
    }
    assert_eq!(again["meta"]["tags"], foreign()["meta"]["tags"]);
    assert_eq!(again["events"][0], foreign()["events"][0]);
    let segments = again["segments"].as_array().unwrap();
    assert!(segments.contains(&foreign()["segments"][1]), "{segments:?}");
}

#[test]
fn what_breaks_the_protocol_is_named() {
    let with = |path: &str, value: Json| {
        let mut document = foreign();
        *document.pointer_mut(path).unwrap() = value;
        decode_document(document.to_string().as_bytes()).unwrap_err().to_string()
    };
    assert!(with("/trace_id", "no".into()).contains("trace_id is no UUID v4"));
    assert!(with("/trace_id", CONTEXT.into()).contains("root_span.trace_id is not trace_id"));
    assert!(with("/context_id", "x".into()).contains("context_id is no UUID v4"));
    assert!(with("/status", "done".into()).contains("a status is none of the protocol's"));
    assert!(with("/started_at", "yesterday".into()).contains("a time is no RFC 3339 time"));
    assert!(with("/events/0/timestamp", "".into()).contains("an event's timestamp"));
    assert!(decode_document(b"{}").unwrap_err().to_string().contains("no MPLP Trace"));
}

#[test]
fn a_trace_without_a_context_is_counted() {
    let spans = any_span::span();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let span = spans.new_tree(&mut runner).unwrap().current();
    let encoded = encode_documents(&SpanBatch::from_spans(resource(), [span]), None);
    assert_eq!((encoded.documents.len(), encoded.without_context), (0, 1));
}
