//! Nothing is lost on the way between the SDK's spans and ours.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace as api;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace as official;
use proptest::prelude::*;

use super::generate::{official_resource, official_span, our_span};
use crate::batch::SpanBatch;
use crate::model::{self, Resource};
use crate::sdk::{resource_from_sdk, resource_to_sdk, spans_from_sdk, spans_to_sdk};

/// `NaN` equals itself here: the texts of two equal spans are equal, and those of doubles are exact.
#[track_caller]
fn assert_same<T: std::fmt::Debug>(before: &T, after: &T) {
    assert_eq!(format!("{before:#?}"), format!("{after:#?}"));
}

/// With numbers as their bits, so that `NaN` equals itself.
fn bitwise(mut spans: Vec<official::SpanData>) -> Vec<official::SpanData> {
    fn change(attributes: &mut [KeyValue]) {
        for kv in attributes {
            kv.value = match &kv.value {
                Value::F64(v) => format!("{:x}", v.to_bits()).into(),
                Value::Array(opentelemetry::Array::F64(v)) => {
                    format!("{:x?}", v.iter().map(|v| v.to_bits()).collect::<Vec<_>>()).into()
                }
                other => other.clone(),
            };
        }
    }
    for span in &mut spans {
        change(&mut span.attributes);
        span.events.events.iter_mut().for_each(|e| change(&mut e.attributes));
        span.links.links.iter_mut().for_each(|l| change(&mut l.attributes));
        let scope = &span.instrumentation_scope;
        let mut attributes: Vec<_> = scope.attributes().cloned().collect();
        change(&mut attributes);
        span.instrumentation_scope = opentelemetry::InstrumentationScope::builder(scope.name().to_owned())
            .with_version(format!("{:?}", scope.version()))
            .with_schema_url(format!("{:?}", scope.schema_url()))
            .with_attributes(attributes)
            .build();
    }
    spans
}

fn to_ours_and_back(spans: &[official::SpanData]) -> (Vec<official::SpanData>, usize) {
    let (batch, invalid) = spans_from_sdk(Arc::new(Resource::default()), spans.to_vec());
    (spans_to_sdk(&batch), invalid)
}

/// A plain span with ids.
pub(in crate::sdk) fn plain() -> official::SpanData {
    official::SpanData {
        span_context: api::SpanContext::new(
            opentelemetry::TraceId::from(1),
            opentelemetry::SpanId::from(2),
            opentelemetry::TraceFlags::SAMPLED,
            false,
            api::TraceState::NONE,
        ),
        parent_span_id: opentelemetry::SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: api::SpanKind::Internal,
        name: "plain".into(),
        start_time: UNIX_EPOCH + Duration::from_nanos(1_756_900_000_123_456_789),
        end_time: UNIX_EPOCH + Duration::from_nanos(1_756_900_000_123_456_790),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: official::SpanEvents::default(),
        links: official::SpanLinks::default(),
        status: api::Status::Unset,
        instrumentation_scope: opentelemetry::InstrumentationScope::builder("lib").build(),
    }
}

proptest! {
    #[test]
    fn spans_of_the_sdk_come_back_from_our_batch_unchanged(
        spans in proptest::collection::vec(official_span(), 0..5)
    ) {
        let (back, invalid) = to_ours_and_back(&spans);
        prop_assert_eq!(invalid, 0);
        prop_assert_eq!(bitwise(spans), bitwise(back));
    }

    #[test]
    fn our_spans_come_back_from_the_sdks_unchanged(spans in proptest::collection::vec(our_span(), 0..5)) {
        let batch = SpanBatch::from_spans(Arc::new(Resource::default()), spans.clone());
        let (back, invalid) = spans_from_sdk(batch.resource().clone(), spans_to_sdk(&batch));
        prop_assert_eq!(invalid, 0);
        let back: Vec<model::SpanData> = back.iter().map(|s| s.to_span_data()).collect();
        assert_same(&spans, &back);
    }

    #[test]
    fn resources_come_back_unchanged(resource in official_resource()) {
        let ours = resource_from_sdk(&resource);
        let back = resource_to_sdk(&ours);
        assert_same(&ours, &resource_from_sdk(&back));
        prop_assert_eq!(resource.len(), back.len());
        prop_assert_eq!(resource.schema_url(), back.schema_url());
        for (key, value) in &resource {
            prop_assert_eq!(format!("{value}"), back.get(key).map_or_else(String::new, |v| format!("{v}")));
        }
    }
}

#[test]
fn a_hundred_thousand_attributes_events_and_links_survive() {
    let mut span = plain();
    span.attributes = (0..100_000_i64).map(|i| KeyValue::new(format!("k{}", i % 7), i)).collect();
    span.events.events =
        (0..100_000).map(|i| api::Event::new(format!("e{i}"), span.start_time, Vec::new(), 0)).collect();
    span.links.links =
        (0..100_000).map(|_| api::Link::new(span.span_context.clone(), Vec::new(), 0)).collect();
    span.attributes.push(KeyValue::new("long", Value::from("ä".repeat(1 << 20))));
    let (back, _) = to_ours_and_back(std::slice::from_ref(&span));
    assert!(back[0] == span);
}

#[test]
fn a_span_without_ids_is_refused_and_a_link_to_no_span_is_counted() {
    let mut no_trace = plain();
    no_trace.span_context = api::SpanContext::NONE;
    let mut linked = plain();
    linked.links.links = vec![
        api::Link::new(api::SpanContext::NONE, Vec::new(), 0),
        api::Link::with_context(linked.span_context.clone()),
    ];
    linked.links.dropped_count = 4;
    let (back, invalid) = to_ours_and_back(&[no_trace, linked]);
    assert_eq!((back.len(), invalid), (1, 1));
    assert_eq!((back[0].links.len(), back[0].links.dropped_count), (1, 5));
}

#[test]
fn times_that_no_exporter_can_write_become_the_nearest_that_one_can() {
    let mut span = plain();
    span.start_time = UNIX_EPOCH - Duration::from_secs(1);
    span.end_time = UNIX_EPOCH + Duration::from_secs(1 << 40);
    let (back, _) = to_ours_and_back(&[span]);
    assert_eq!(back[0].start_time, UNIX_EPOCH);
    assert_eq!(back[0].end_time, SystemTime::from(model::Timestamp::from_unix_nanos(u64::MAX)));
}

#[test]
fn a_member_of_the_trace_state_that_the_sdk_refuses_does_not_cost_the_others() {
    let mut span = our_plain();
    // The standard allows a system of 14 characters.
    span.context.trace_state = model::TraceState::parse(["a=1,t@fourteenchars0=x,b=2"]).unwrap();
    let batch = SpanBatch::from_spans(Arc::new(Resource::default()), [span]);
    assert_eq!(spans_to_sdk(&batch)[0].span_context.trace_state().header(), "a=1,b=2");
}

fn our_plain() -> model::SpanData {
    let (batch, _) = spans_from_sdk(Arc::new(Resource::default()), [plain()]);
    batch.get(0).unwrap().to_span_data()
}
