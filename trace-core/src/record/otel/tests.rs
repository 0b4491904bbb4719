//! The API's promises, and parents across doors.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, TraceContextExt, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};

use super::*;
use crate::model::{SpanData, SpanKind, Status, Timestamp, Value};
use crate::record::{Drain, Recorder, current_context};
use crate::span;

fn setup() -> (Recorder, Drain, Tracer) {
    let (r, d) = Recorder::builder().build();
    let tracer = TracerProvider::new(r.clone()).tracer("lib");
    (r, d, tracer)
}

fn take(d: &mut Drain) -> Vec<SpanData> {
    d.drain().seal().iter().map(|s| s.to_span_data()).collect()
}

fn parent_of<'a>(spans: &'a [SpanData], name: &str) -> Option<&'a str> {
    let s = spans.iter().find(|s| s.name == name).unwrap();
    let parent = spans.iter().find(|p| Some(p.context.span_id) == s.parent_span_id);
    parent.map(|p| p.name.as_ref())
}

#[test]
fn everything_that_the_api_says_is_recorded() {
    let (_, mut d, tracer) = setup();
    let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
    let mut s = tracer
        .span_builder("op")
        .with_kind(opentelemetry::trace::SpanKind::Client)
        .with_start_time(at(1_000))
        .with_attributes([KeyValue::new("a", 1), KeyValue::new("s", "text")])
        .start(&tracer);
    s.set_attribute(KeyValue::new("a", 2));
    s.set_attribute(KeyValue::new("list", opentelemetry::Value::Array(vec![1i64, 2].into())));
    s.add_event_with_timestamp("e", at(1_001), vec![KeyValue::new("k", true)]);
    s.set_status(opentelemetry::trace::Status::error("bad"));
    s.update_name("op2");
    assert!(s.is_recording());
    s.end_with_timestamp(at(1_002));
    assert!(!s.is_recording(), "an ended span does not record");
    s.set_attribute(KeyValue::new("late", 1));
    s.end();
    let spans = take(&mut d);
    assert_eq!(spans.len(), 1);
    let got = &spans[0];
    assert_eq!((got.name.as_ref(), got.kind, got.scope.name.as_ref()), ("op2", SpanKind::Client, "lib"));
    assert_eq!((got.start, got.end), (Timestamp::from(at(1_000)), Timestamp::from(at(1_002))));
    assert_eq!(got.attributes.iter().map(|a| a.key.as_ref()).collect::<Vec<_>>(), ["a", "s", "list"]);
    assert_eq!(got.attributes[0].value, Value::I64(2));
    assert_eq!(got.attributes[2].value, Value::from(vec![1i64, 2]));
    assert_eq!(got.events[0].time, Timestamp::from(at(1_001)));
    assert_eq!(got.status, Status::Error("bad".into()));
}

#[test]
fn parents_are_found_across_the_macro_and_the_api() {
    let (r, mut d, tracer) = setup();
    {
        let _a = span!(recorder: &r, "a");
        tracer.in_span("b", |_| {
            let _c = span!(recorder: &r, "c");
            tracer.in_span("d", |_| drop(span!(recorder: &r, "e")));
            drop(span!(recorder: &r, "f"));
        });
        drop(span!(recorder: &r, "g"));
        tracer.start_with_context("root on purpose", &Context::new()).end();
    }
    assert!(current_context().is_none());
    assert!(!Context::current().has_active_span());
    let spans = take(&mut d);
    for (child, parent) in [
        ("a", None),
        ("b", Some("a")),
        ("c", Some("b")),
        ("d", Some("c")),
        ("e", Some("d")),
        ("f", Some("c")),
        ("g", Some("a")),
        ("root on purpose", None),
    ] {
        assert_eq!(parent_of(&spans, child), parent, "parent of {child}");
    }
}

#[test]
fn a_remote_parent_is_asked_for_sampling_and_kept_as_remote() {
    let (_, mut d, tracer) = setup();
    let remote = |sampled: u8| {
        Context::new().with_remote_span_context(opentelemetry::trace::SpanContext::new(
            opentelemetry::TraceId::from_bytes([7; 16]),
            opentelemetry::SpanId::from_bytes([9; 8]),
            opentelemetry::TraceFlags::new(sampled),
            true,
            "vendor=1".parse().unwrap(),
        ))
    };
    let off = tracer.start_with_context("off", &remote(0));
    assert!(!off.is_recording());
    assert_eq!(off.span_context().trace_id().to_bytes(), [7; 16], "the trace goes on unsampled");
    drop(off);
    drop(tracer.start_with_context("on", &remote(1)));
    let spans = take(&mut d);
    assert_eq!(spans.len(), 1);
    assert!(spans[0].parent_is_remote);
    assert_eq!(spans[0].context.trace_state.as_str(), "vendor=1");
}

#[test]
fn a_suppressed_context_records_nothing() {
    let (_, mut d, tracer) = setup();
    let _guard = Context::enter_telemetry_suppressed_scope();
    tracer.start("hidden").end();
    assert!(take(&mut d).is_empty());
}
