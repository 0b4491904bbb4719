//! Lean spans say what drafts would say.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Span as _, SpanKind as ApiKind, Status, TraceContextExt, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, KeyValue, Value};

use super::super::{OtelSpan, Tracer, TracerProvider};
use crate::model::{self, SpanData, Timestamp};
use crate::record::{Drain, Recorder, RecorderBuilder, SpanLimits};
use crate::span;

struct World {
    recorder: Recorder,
    drain: Drain,
    tracer: Tracer,
    root: Context,
}

impl World {
    fn of(builder: RecorderBuilder) -> Self {
        let (recorder, drain) = builder.build();
        let tracer = TracerProvider::new(recorder.clone()).tracer("lib");
        let root = Context::new().with_span(tracer.start("root"));
        // The first child gets the thread its ring.
        tracer.start_with_context("first", &root).end();
        let mut w = Self { recorder, drain, tracer, root };
        w.taken();
        w
    }

    fn new() -> Self {
        Self::of(Recorder::builder())
    }

    /// A lean span with two attributes.
    fn lean(&self) -> OtelSpan {
        let attributes = [KeyValue::new("a", 1), KeyValue::new("text", "short")];
        let builder = self.tracer.span_builder("op").with_kind(ApiKind::Client).with_attributes(attributes);
        let span = builder.start_with_context(&self.tracer, &self.root);
        assert!(span.is_lean() && span.is_recording());
        span
    }

    fn taken(&mut self) -> Vec<SpanData> {
        self.drain.drain().seal().iter().map(|s| s.to_span_data()).collect()
    }

    fn one(&mut self) -> SpanData {
        let mut spans = self.taken();
        assert_eq!(spans.len(), 1);
        spans.remove(0)
    }
}

fn attributes(s: &SpanData) -> Vec<(&str, model::Value)> {
    s.attributes.iter().map(|a| (a.key.as_ref(), a.value.clone())).collect()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// What is the same of two spans of this kind.
fn lasting(mut s: SpanData) -> SpanData {
    s.context.span_id = model::SpanId::MAX;
    (s.start, s.end) = (Timestamp::from_unix_secs(1), Timestamp::from_unix_secs(2));
    s
}

#[test]
fn a_lean_span_says_what_a_draft_says() {
    let mut w = World::new();
    let before = Timestamp::now();
    let span = w.lean();
    let context = span.span_context().clone();
    drop(span);
    let lean = w.one();
    assert!(lean.start >= before && lean.end >= lean.start && lean.end <= Timestamp::now());
    assert_eq!(lean.context.span_id.to_bytes(), context.span_id().to_bytes());
    assert_eq!(lean.context.trace_id.to_bytes(), context.trace_id().to_bytes());
    let mut draft = w.lean();
    draft.update_name("op");
    assert!(!draft.is_lean());
    drop(draft);
    let draft = w.one();
    assert_eq!(lasting(lean), lasting(draft.clone()));
    assert_eq!((draft.kind, draft.scope.name.as_ref()), (model::SpanKind::Client, "lib"));
    assert_eq!(attributes(&draft), [("a", 1.into()), ("text", "short".into())]);
}

#[test]
fn an_end_that_was_given_counts_and_a_second_one_does_not() {
    let mut w = World::new();
    let mut span = w.lean();
    let context = span.span_context().clone();
    span.end_with_timestamp(at(4_000_000_000));
    assert!(!span.is_recording());
    span.set_attribute(KeyValue::new("late", 1));
    span.add_event("late", Vec::new());
    span.set_status(Status::Ok);
    span.end();
    assert_eq!(*span.span_context(), context, "it is known after the end, too");
    drop(span);
    let got = w.one();
    assert_eq!(got.end, Timestamp::from(at(4_000_000_000)));
    assert_eq!((got.attributes.len(), got.events.len(), got.status), (2, 0, model::Status::Unset));
}

#[test]
fn a_success_is_final_and_an_error_is_kept() {
    let mut w = World::new();
    let ok = |span: &mut OtelSpan| {
        span.set_status(Status::Unset);
        span.set_status(Status::Ok);
        span.set_status(Status::error("late"));
    };
    let mut span = w.lean();
    ok(&mut span);
    assert!(span.is_lean());
    drop(span);
    assert_eq!(w.one().status, model::Status::Ok);
    let mut span = w.lean();
    ok(&mut span);
    span.add_event("event", Vec::new());
    span.set_status(Status::error("later"));
    drop(span);
    assert_eq!(w.one().status, model::Status::Ok);
    let mut span = w.lean();
    assert!(span.is_lean(), "what was is forgotten");
    span.set_status(Status::error("bad"));
    drop(span);
    assert_eq!(w.one().status, model::Status::Error("bad".into()));
    drop(w.lean());
    assert_eq!(w.one().status, model::Status::Unset);
}

#[test]
fn attributes_that_are_set_later_are_added_or_replaced() {
    let mut w = World::new();
    let mut span = w.lean();
    span.set_attribute(KeyValue::new("a", 2));
    span.set_attribute(KeyValue::new("b", true));
    span.set_attribute(KeyValue::new("c".to_owned(), 0.5));
    assert!(span.is_lean());
    drop(span);
    let expected = [("a", 2.into()), ("text", "short".into()), ("b", true.into()), ("c", 0.5.into())];
    assert_eq!(attributes(&w.one()), expected);
}

#[test]
fn what_a_ring_cannot_carry_is_not_lost() {
    let mut w = World::of(Recorder::builder().limits(SpanLimits { attributes: 20, ..SpanLimits::default() }));
    let mut span = w.lean();
    span.set_attribute(KeyValue::new("array", Value::Array(Array::I64(vec![1, 2]))));
    span.set_attribute(KeyValue::new("long", "x".repeat(3_000)));
    for i in 0..30 {
        span.set_attribute(KeyValue::new(format!("key.{i}"), i));
    }
    drop(span);
    let got = w.one();
    assert_eq!((got.attributes.len(), got.dropped_attributes), (20, 14));
    assert_eq!(got.attributes[2].value, vec![1_i64, 2].into());
    assert_eq!(got.attributes[3].value, "x".repeat(3_000).into());
    assert_eq!(got.attributes[19].key, "key.15");
    let repeated = [KeyValue::new("k", 1), KeyValue::new("k", 2)];
    w.tracer.span_builder("op").with_attributes(repeated).start_with_context(&w.tracer, &w.root).end();
    assert_eq!(attributes(&w.one()), [("k", 2.into())]);
}

#[test]
fn texts_are_cut_at_the_limit() {
    let mut w =
        World::of(Recorder::builder().limits(SpanLimits { value_length: 20, ..SpanLimits::default() }));
    let mut span = w.lean();
    span.set_attribute(KeyValue::new("cut", "ü".repeat(30)));
    span.set_attribute(KeyValue::new("whole", "ü".repeat(20)));
    drop(span);
    let got = w.one();
    assert_eq!(
        (&got.attributes[2].value, &got.attributes[3].value),
        (&"ü".repeat(20).into(), &"ü".repeat(20).into())
    );
}

#[test]
fn whatever_is_done_to_it_later_finds_what_it_was() {
    let mut w = World::new();
    let link = opentelemetry::trace::SpanContext::new(
        opentelemetry::TraceId::from(7),
        opentelemetry::SpanId::from(9),
        opentelemetry::TraceFlags::SAMPLED,
        false,
        opentelemetry::trace::TraceState::NONE,
    );
    let before = Timestamp::now();
    let mut span = w.lean();
    let context = span.span_context().clone();
    let since = Timestamp::now();
    span.add_event("event", vec![KeyValue::new("k", 1)]);
    span.add_link(link, Vec::new());
    span.update_name("renamed");
    span.set_attribute(KeyValue::new("a", 2));
    span.set_status(Status::error("bad"));
    assert_eq!(*span.span_context(), context);
    drop(span);
    let got = w.one();
    assert!(got.start >= before && got.start <= since);
    assert_eq!(got.context.span_id.to_bytes(), context.span_id().to_bytes());
    let root = w.root.span().span_context().span_id().to_bytes();
    assert_eq!(got.parent_span_id.map(|id| id.to_bytes()), Some(root));
    assert_eq!((got.name.as_ref(), got.kind), ("renamed", model::SpanKind::Client));
    assert_eq!(attributes(&got), [("a", 2.into()), ("text", "short".into())]);
    assert_eq!((got.events.len(), got.links.len()), (1, 1));
    assert_eq!(got.status, model::Status::Error("bad".into()));
}

#[test]
fn it_may_end_on_other_threads_and_while_one_panics() {
    let mut w = World::new();
    let (to_bare, to_busy, panicked) = (w.lean(), w.lean(), w.lean());
    std::thread::scope(|s| {
        s.spawn(move || drop(to_bare));
        s.spawn(|| {
            // This one has a ring of the same recorder.
            drop(span!(recorder: &w.recorder, "own"));
            drop(span!(recorder: &w.recorder, "own"));
            drop(to_busy);
        });
        let panicking = s.spawn(move || {
            let _span = panicked;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicking.join().is_err());
    });
    let mut spans = w.taken();
    spans.retain(|s| s.name == "op");
    assert_eq!(spans.len(), 3);
    assert!(spans.iter().all(|s| s.attributes.len() == 2));
    assert_eq!(spans.iter().filter(|s| s.status == model::Status::Error("panicked".into())).count(), 1);
    let counts = w.recorder.counts();
    assert_eq!((counts.started - counts.ended, counts.buffer_full), (1, 0), "the root is open");
}

#[test]
fn every_span_is_taken_or_counted_when_nobody_takes_them() {
    let mut w = World::new();
    let before = w.recorder.counts();
    const SPANS: u64 = 150_000;
    for _ in 0..SPANS {
        let attributes = [KeyValue::new("text", "some text that is not short at all")];
        w.tracer.span_builder("op").with_attributes(attributes).start_with_context(&w.tracer, &w.root).end();
    }
    let taken = w.taken().len() as u64;
    let counts = w.recorder.counts();
    assert_eq!(taken + counts.buffer_full - before.buffer_full, SPANS);
    assert_eq!(counts.ended - before.ended, taken);
    assert!(counts.buffer_full > 0 && taken > 10_000);
}

#[test]
fn children_of_what_is_not_sampled_are_not_recorded_and_go_on() {
    let mut w = World::of(Recorder::builder().sampler(crate::sample::AlwaysOff));
    let child = w.tracer.start_with_context("child", &w.root);
    assert!(!child.is_recording() && child.span_context().is_valid() && !child.span_context().is_sampled());
    assert_eq!(child.span_context().trace_id(), w.root.span().span_context().trace_id());
    drop(child);
    assert!(w.taken().is_empty());
}

#[test]
fn recorders_take_turns_on_a_thread() {
    let (mut one, mut two) = (World::new(), World::new());
    for w in [&one, &two, &one, &two] {
        for _ in 0..3 {
            w.tracer.start_with_context("child", &w.root).end();
            drop(span!(recorder: &w.recorder, "own"));
        }
    }
    for w in [&mut one, &mut two] {
        let spans = w.taken();
        assert_eq!(spans.iter().filter(|s| s.name == "child").count(), 6);
        assert_eq!(spans.iter().filter(|s| s.name == "own").count(), 6);
    }
}
