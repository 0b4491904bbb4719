//! What the documentation of the `opentelemetry` API promises, asked of our provider and of `opentelemetry_sdk` with
//! the same code: each case runs twice, and must hold for both.
#![cfg(all(feature = "otel", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod world;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    Event, FutureExt as _, Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, TraceState,
    Tracer as _, get_active_span, mark_span_as_active,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId};

use world::{Attributes, ours, theirs};

/// Each behaviour, asked of both.
macro_rules! behaviours {
    ($($name:ident($w:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            for $w in [theirs(true), ours(true)] $body
        }
    )*};
}

fn at(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms)
}

fn remote(flags: u8, state: &str) -> SpanContext {
    let state: TraceState = state.parse().unwrap();
    SpanContext::new(
        TraceId::from_bytes([7; 16]),
        SpanId::from_bytes([9; 8]),
        TraceFlags::new(flags),
        true,
        state,
    )
}

fn map(of: &[(&str, &str)]) -> Attributes {
    of.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

behaviours! {
    a_builder_gives_name_kind_times_attributes_events_and_links(w) {
        let t = w.tracer();
        let link = Link::new(remote(1, ""), vec![KeyValue::new("l", 1)], 0);
        let mut span = t
            .span_builder("built")
            .with_kind(SpanKind::Consumer)
            .with_start_time(at(1_000))
            .with_attributes([KeyValue::new("a", 1), KeyValue::new("s", "text"), KeyValue::new("f", 0.5),
                KeyValue::new("list", opentelemetry::Value::Array(vec![1_i64, 2].into()))])
            .with_events(vec![Event::new("e", at(1_001), vec![KeyValue::new("k", true)], 0)])
            .with_links(vec![link, Link::with_context(SpanContext::NONE)])
            .start(&t);
        span.end_with_timestamp(at(2_000));
        let s = w.only();
        assert_eq!((s.name.as_str(), s.kind, s.start, s.end), ("built", SpanKind::Consumer, at(1_000), at(2_000)));
        assert_eq!(s.attributes, map(&[("a", "1"), ("s", "text"), ("f", "0.5"), ("list", "[1,2]")]));
        assert_eq!(s.events, [("e".to_owned(), at(1_001), map(&[("k", "true")]))]);
        assert_eq!(s.links, [([9; 8], map(&[("l", "1")]))], "an invalid link is left out");
    }

    what_is_set_later_is_kept_until_the_end_and_ignored_afterwards(w) {
        let mut span = w.tracer().start("first name");
        assert!(span.is_recording());
        span.update_name("second name");
        span.set_attribute(KeyValue::new("one", 1));
        span.set_attributes([KeyValue::new("two", 2), KeyValue::new("one", 11)]);
        span.add_event("now", vec![KeyValue::new("k", "v")]);
        span.add_event_with_timestamp("then", at(5), vec![]);
        span.add_link(remote(1, ""), vec![KeyValue::new("l", "x")]);
        span.end();
        assert!(!span.is_recording());
        span.update_name("late");
        span.set_attribute(KeyValue::new("late", 1));
        span.add_event("late", vec![]);
        span.add_link(remote(1, ""), vec![]);
        span.set_status(Status::error("late"));
        span.end();
        span.end_with_timestamp(at(9));
        drop(span);
        let s = w.only();
        assert_eq!(s.name, "second name");
        assert_eq!(s.attributes, map(&[("one", "11"), ("two", "2")]), "the last value of a key counts");
        assert_eq!(s.events.iter().map(|e| e.0.as_str()).collect::<Vec<_>>(), ["now", "then"]);
        assert!(s.start <= s.events[0].1 && s.events[0].1 <= s.end);
        assert_eq!((s.events[1].1, s.links.len(), s.status), (at(5), 1, Status::Unset));
    }

    the_order_of_status_is_ok_error_unset(w) {
        let status = |set: &[Status]| {
            let mut span = w.tracer().start("s");
            set.iter().for_each(|s| span.set_status(s.clone()));
            span.end();
            (w.finished)().pop().unwrap().status
        };
        assert_eq!(status(&[Status::Unset]), Status::Unset);
        assert_eq!(status(&[Status::error("bad"), Status::Unset]), Status::error("bad"));
        assert_eq!(status(&[Status::error("bad"), Status::Ok]), Status::Ok);
        assert_eq!(status(&[Status::Ok, Status::error("bad"), Status::Unset]), Status::Ok);
    }

    an_error_is_an_exception_event_and_no_status(w) {
        let mut span = w.tracer().start("s");
        span.record_error(&std::io::Error::other("no disk"));
        span.end();
        let s = w.only();
        assert_eq!((s.events[0].0.as_str(), &s.events[0].2), ("exception", &map(&[("exception.message", "no disk")])));
        assert_eq!(s.status, Status::Unset);
    }

    the_identity_is_valid_sampled_local_and_the_same_for_the_whole_life(w) {
        let mut span = w.tracer().start("s");
        let before = span.span_context().clone();
        assert!(before.is_valid() && before.is_sampled() && !before.is_remote());
        assert_eq!(*before.trace_state(), TraceState::NONE);
        span.set_attribute(KeyValue::new("a", 1));
        assert_eq!(*span.span_context(), before);
        span.end();
        assert_eq!(*span.span_context(), before);
        let s = w.only();
        assert_eq!((s.trace_id, s.span_id), (before.trace_id().to_bytes(), before.span_id().to_bytes()));
        assert_eq!((s.parent, s.parent_is_remote), ([0; 8], false));
    }

    a_span_ends_when_it_is_dropped(w) {
        drop(w.tracer().start("dropped"));
        drop(Context::new().with_span(w.tracer().start("dropped with its context")));
        assert_eq!((w.finished)().len(), 2);
    }

    the_active_span_is_the_parent_and_an_explicit_context_wins(w) {
        let t = w.tracer();
        let elsewhere = Context::new().with_span(t.start("elsewhere"));
        t.in_span("outer", |_| {
            t.in_span("inner", |cx| {
                assert_eq!(cx.span().span_context(), Context::current().span().span_context());
                t.span_builder("built").start(&t);
                t.start_with_context("explicit", &elsewhere);
                t.start_with_context("root", &Context::new());
                t.in_span_with_context("inside elsewhere", &elsewhere, |_| drop(t.start("below elsewhere")));
            });
            drop(t.start("second"));
        });
        assert!(!Context::current().has_active_span());
        drop(elsewhere);
        let id = |name: &str| w.named(name).span_id;
        for (child, parent) in [
            ("inner", id("outer")), ("built", id("inner")), ("explicit", id("elsewhere")), ("root", [0; 8]),
            ("inside elsewhere", id("elsewhere")), ("below elsewhere", id("inside elsewhere")), ("second", id("outer")),
        ] {
            assert_eq!(w.named(child).parent, parent, "parent of {child}");
        }
        assert_eq!(w.named("built").trace_id, w.named("outer").trace_id);
        assert_ne!(w.named("root").trace_id, w.named("outer").trace_id);
    }

    an_active_span_is_reached_through_the_context(w) {
        let t = w.tracer();
        {
            let _active = mark_span_as_active(t.start("s"));
            get_active_span(|span| {
                assert!(span.is_recording());
                span.set_attribute(KeyValue::new("a", 1));
                span.add_event("e", vec![]);
                span.set_status(Status::error("bad"));
                span.update_name("renamed");
                span.record_error(&std::io::Error::other("x"));
                span.add_link(remote(1, ""), vec![]);
            });
            Context::map_current(|cx| cx.span().end());
            assert!(!get_active_span(|span| span.is_recording()), "ended, and still active");
            drop(t.start("child of an ended span"));
        }
        let s = w.named("renamed");
        assert_eq!((s.events.len(), s.links.len(), s.status), (2, 1, Status::error("bad")));
        assert_eq!(w.named("child of an ended span").parent, s.span_id);
    }

    guards_that_are_dropped_out_of_order_leave_the_right_span_active(w) {
        let t = w.tracer();
        let outer = mark_span_as_active(t.start("outer"));
        let inner = mark_span_as_active(t.start("inner"));
        drop(outer);
        drop(t.start("below inner"));
        drop(inner);
        assert!(!Context::current().has_active_span());
        drop(t.start("root"));
        assert_eq!(w.named("below inner").parent, w.named("inner").span_id);
        assert_eq!(w.named("root").parent, [0; 8]);
    }

    a_remote_parent_is_joined_with_its_trace_state(w) {
        let cx = Context::new().with_remote_span_context(remote(1, "vendor=1,other=2"));
        assert!(!cx.span().is_recording());
        let span = w.tracer().start_with_context("s", &cx);
        assert_eq!(span.span_context().trace_state().header(), "vendor=1,other=2");
        assert!(!span.span_context().is_remote());
        let below = Context::new().with_span(span);
        w.tracer().start_with_context("child", &below).end();
        drop(below);
        let (s, child) = (w.named("s"), w.named("child"));
        assert_eq!((s.trace_id, s.parent, s.parent_is_remote), ([7; 16], [9; 8], true));
        assert_eq!(s.trace_state, "vendor=1,other=2");
        assert_eq!((child.parent, child.parent_is_remote, child.trace_state), (s.span_id, false, s.trace_state));
    }

    an_invalid_parent_is_no_parent(w) {
        let invalid = SpanContext::new(TraceId::INVALID, SpanId::from_bytes([9; 8]), TraceFlags::SAMPLED, true, TraceState::NONE);
        let cx = Context::new().with_remote_span_context(invalid);
        let span = w.tracer().start_with_context("s", &cx);
        assert!(span.span_context().is_valid());
        drop(span);
        assert_eq!(w.only().parent, [0; 8]);
    }

    the_parents_decision_is_followed(w) {
        let cx = Context::new().with_remote_span_context(remote(0, ""));
        let mut span = w.tracer().start_with_context("off", &cx);
        assert!(!span.is_recording() && !span.span_context().is_sampled());
        assert_eq!(span.span_context().trace_id().to_bytes(), [7; 16]);
        assert_ne!(span.span_context().span_id().to_bytes(), [9; 8]);
        span.set_attribute(KeyValue::new("a", 1));
        span.add_event("e", vec![]);
        let below = Context::new().with_span(span);
        let child = w.tracer().start_with_context("off too", &below);
        assert!(!child.is_recording());
        assert_eq!(child.span_context().trace_id().to_bytes(), [7; 16]);
        drop((below, child));
        assert!((w.finished)().is_empty());
    }

    a_suppressed_context_records_nothing_and_passes_that_on(w) {
        let t = w.tracer();
        {
            let _quiet = Context::enter_telemetry_suppressed_scope();
            let span = t.start("hidden");
            assert!(!span.is_recording() && !span.span_context().is_valid());
            t.in_span("hidden too", |_| drop(t.start("and this")));
        }
        let quiet = Context::new().with_telemetry_suppressed();
        drop(t.start_with_context("hidden", &quiet));
        drop(t.start("seen"));
        assert_eq!(w.only().name, "seen");
    }

    baggage_and_other_values_travel_beside_the_span(w) {
        #[derive(Debug, PartialEq)]
        struct Tenant(u32);
        let cx = Context::new().with_value(Tenant(3)).with_baggage([KeyValue::new("user", "7")]);
        let _outer = cx.attach();
        w.tracer().in_span("s", |cx| {
            assert_eq!(cx.get::<Tenant>(), Some(&Tenant(3)));
            assert_eq!(Context::current().baggage().get("user").map(ToString::to_string), Some("7".into()));
            let more = Context::current_with_value(5_u8);
            assert_eq!(more.span().span_context(), cx.span().span_context());
        });
        assert!(w.only().attributes.is_empty(), "baggage is no attribute by itself");
    }

    a_context_follows_its_future_and_its_stream_of_polls(w) {
        let t = Arc::new(w.tracer());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let cx = Context::new().with_span(t.start("request"));
        let tasks: Vec<_> = (0..10)
            .map(|_| {
                let t = t.clone();
                let work = async move {
                    for _ in 0..3 {
                        tokio::task::yield_now().await;
                        drop(t.start("step"));
                    }
                };
                runtime.spawn(work.with_context(cx.clone()))
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert!(!Context::current().has_active_span());
        drop((cx, runtime));
        let request = w.named("request").span_id;
        let spans = (w.finished)();
        assert_eq!(spans.len(), 31);
        assert!(spans.iter().filter(|s| s.name == "step").all(|s| s.parent == request));
    }

    a_span_may_end_on_another_thread_and_its_parent_before_it(w) {
        let t = w.tracer();
        let parent = Context::new().with_span(t.start("parent"));
        let child = t.start_with_context("child", &parent);
        parent.span().end();
        std::thread::scope(|s| {
            s.spawn(move || drop(child));
        });
        let (parent, child) = (w.named("parent"), w.named("child"));
        assert_eq!(child.parent, parent.span_id);
        assert!(child.end >= parent.end);
    }

    the_scope_keeps_name_version_schema_and_attributes(w) {
        let scope = || InstrumentationScope::builder("lib")
            .with_version("1.2.3")
            .with_schema_url("https://opentelemetry.io/schemas/1.30.0")
            .with_attributes([KeyValue::new("k", "v")])
            .build();
        drop(w.scoped(scope()).start("a"));
        drop(w.scoped(scope()).start("b"));
        drop(w.scoped(InstrumentationScope::default()).start("c"));
        for name in ["a", "b"] {
            assert_eq!(
                w.named(name).scope,
                ("lib".into(), "1.2.3".into(), "https://opentelemetry.io/schemas/1.30.0".into(), map(&[("k", "v")]))
            );
        }
        assert_eq!(w.named("c").scope, (String::new(), String::new(), String::new(), map(&[])));
    }

    what_exceeds_the_limits_is_counted(w) {
        let t = w.tracer();
        let many = |n: usize| (0..n).map(|i| KeyValue::new(format!("k{i}"), 1)).collect::<Vec<_>>();
        let mut span = t.span_builder("s").with_attributes(many(130)).start(&t);
        span.set_attribute(KeyValue::new("one more", 1));
        for _ in 0..130 {
            span.add_event("e", many(130));
            span.add_link(remote(1, ""), vec![]);
        }
        drop(span);
        let s = w.only();
        assert_eq!((s.attributes.len(), s.events.len(), s.links.len()), (128, 128, 128));
        assert_eq!(s.dropped, (3, 2, 2));
        assert_eq!(s.events[0].2.len(), 128);
    }

    a_provider_that_was_shut_down_gives_spans_that_do_nothing(w) {
        let t = w.tracer();
        drop(t.start("before"));
        let _ = (w.finished)();
        (w.shut_down)();
        let mut span = t.start("after");
        assert!(!span.is_recording());
        span.set_attribute(KeyValue::new("a", 1));
        span.end();
        assert!(!w.tracer().start("new tracer").is_recording());
        assert_eq!(w.only().name, "before");
    }

    an_end_without_a_time_is_now_and_not_before_the_start(w) {
        let before = SystemTime::now() - Duration::from_millis(50);
        let mut span = w.tracer().start("s");
        span.end();
        let s = w.only();
        assert!(before <= s.start && s.start <= s.end && s.end <= SystemTime::now() + Duration::from_millis(50));
    }
}

#[test]
fn nothing_is_recorded_if_the_sampler_says_so() {
    for w in [theirs(false), ours(false)] {
        let t = w.tracer();
        let root = t.start("root");
        assert!(root.span_context().is_valid() && !root.is_recording(), "ours: {}", w.ours);
        let cx = Context::new().with_span(root);
        assert!(!t.start_with_context("child", &cx).is_recording());
        let remote = Context::new().with_remote_span_context(remote(1, ""));
        drop(t.start_with_context("child of a sampled parent", &remote));
        assert_eq!(w.only().name, "child of a sampled parent");
    }
}
