//! What recording promises, in one place.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::batch::SpanBatch;
use crate::clock::{Clock, ManualClock};
use crate::model::{KeyValue, Resource, SpanData, SpanKind, Status, Timestamp};
use crate::span;

fn recorder() -> (Recorder, Drain, ManualClock) {
    let (clock, manual) = Clock::manual(Timestamp::from_unix_secs(1_000));
    let (r, d) = Recorder::builder().resource(Resource::service("test")).clock(clock).build();
    (r, d, manual)
}

fn take(d: &mut Drain) -> Vec<SpanData> {
    let batch: SpanBatch = d.drain().seal();
    batch.iter().map(|s| s.to_span_data()).collect()
}

fn find<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

#[test]
fn a_span_keeps_name_times_attributes_events_and_status() {
    let (r, mut d, clock) = recorder();
    {
        let s =
            span!(recorder: &r, kind: Server, "work", user.id = 7, "a b" = "text", ratio = 0.5, ok = true);
        clock.advance(Duration::from_millis(2));
        s.add_event("step", [KeyValue::new("n", 1)]);
        s.set_attribute("user.id", 8);
        s.set_status(Status::Error("bad".into()));
        clock.advance(Duration::from_millis(3));
    }
    let spans = take(&mut d);
    let s = &spans[0];
    assert_eq!((s.name.as_ref(), s.kind), ("work", SpanKind::Server));
    assert_eq!(s.start, Timestamp::from_unix_secs(1_000));
    assert_eq!(s.end.since(s.start), Duration::from_millis(5));
    assert_eq!(
        s.attributes,
        [
            KeyValue::new("user.id", 8),
            KeyValue::new("a b", "text"),
            KeyValue::new("ratio", 0.5),
            KeyValue::new("ok", true)
        ]
    );
    assert_eq!(s.events[0].time.since(s.start), Duration::from_millis(2));
    assert_eq!(s.status, Status::Error("bad".into()));
    assert_eq!(s.scope.name, "trace-core");
}

#[test]
fn nested_spans_are_children_and_siblings_share_the_parent() {
    let (r, mut d, _) = recorder();
    {
        let _root = span!(recorder: &r, "root");
        drop(span!(recorder: &r, "first"));
        let _second = span!(recorder: &r, "second");
        drop(r.span("third").enter());
    }
    drop(span!(recorder: &r, "other"));
    let spans = take(&mut d);
    let root = find(&spans, "root").context.clone();
    assert_eq!(find(&spans, "root").parent_span_id, None);
    assert_eq!(find(&spans, "first").parent_span_id, Some(root.span_id));
    assert_eq!(find(&spans, "second").parent_span_id, Some(root.span_id));
    assert_eq!(find(&spans, "third").parent_span_id, Some(find(&spans, "second").context.span_id));
    assert_ne!(find(&spans, "other").context.trace_id, root.trace_id);
}

#[test]
fn a_span_that_outlives_its_chunk_is_joined() {
    let (r, mut d, clock) = recorder();
    let s = r.span("long").attribute("a", 1).start();
    assert!(take(&mut d).is_empty());
    clock.advance(Duration::from_secs(1));
    s.set_attribute("a", 2);
    s.set_attribute("b", "later");
    s.add_event("e", []);
    assert!(take(&mut d).is_empty());
    s.update_name("renamed");
    s.set_status(Status::Ok);
    s.set_status(Status::Error("too late".into()));
    clock.advance(Duration::from_secs(1));
    s.end();
    let spans = take(&mut d);
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].name, "renamed");
    assert_eq!(spans[0].attributes, [KeyValue::new("a", 2), KeyValue::new("b", "later")]);
    assert_eq!(spans[0].events.len(), 1);
    assert_eq!(spans[0].status, Status::Ok);
    assert_eq!(spans[0].end.since(spans[0].start), Duration::from_secs(2));
}

#[test]
fn a_span_may_end_on_another_thread() {
    let (r, mut d, _) = recorder();
    let s = r.span("moved").start();
    std::thread::spawn(move || {
        s.set_attribute("thread", "other");
        s.end();
    })
    .join()
    .unwrap();
    let spans = take(&mut d);
    assert_eq!(spans[0].attributes, [KeyValue::new("thread", "other")]);
}

#[test]
fn a_panic_ends_the_span_with_an_error() {
    let (r, mut d, _) = recorder();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _s = span!(recorder: &r, "fragile");
        panic!("boom");
    }));
    assert!(result.is_err());
    assert_eq!(take(&mut d)[0].status, Status::Error("panicked".into()));
    assert!(current_context().is_none());
}

#[test]
fn what_does_not_fit_is_counted() {
    let limits = SpanLimits { spans_per_thread: 10, attributes: 2, events: 1, ..SpanLimits::default() };
    let (r, mut d) = Recorder::builder().limits(limits).build();
    for i in 0..25 {
        let s = r.span("s").start();
        for k in ["a", "b", "c"] {
            s.set_attribute(k, i);
        }
        s.add_event("1", []);
        s.add_event("2", []);
    }
    let spans = take(&mut d);
    assert_eq!(spans.len(), 10);
    assert_eq!((spans[0].dropped_attributes, spans[0].dropped_events), (1, 1));
    let counts = r.counts();
    assert_eq!((counts.started, counts.ended, counts.buffer_full), (10, 10, 15));
}

#[test]
fn counts_survive_the_threads_that_made_them() {
    let (r, mut d, _) = recorder();
    for _ in 0..4 {
        let r = r.clone();
        std::thread::spawn(move || (0..100).for_each(|_| r.span("s").start().end())).join().unwrap();
    }
    assert_eq!(take(&mut d).len(), 400);
    d.drain();
    assert_eq!(r.counts().ended, 400);
    assert_eq!(r.0.slots.lock().unwrap().len(), 2, "the slot of a finished thread serves the next one");
}

#[test]
fn every_span_of_many_threads_arrives_while_the_consumer_runs() {
    let (r, mut d) = Recorder::builder().build();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let r = r.clone();
            std::thread::spawn(move || {
                for _ in 0..2_000 {
                    let root = r.span("root").start();
                    let child = r.span("child").parent(root.context().unwrap().clone()).start();
                    child.set_attribute("k", "v".to_owned());
                    drop(root);
                    drop(child);
                }
            })
        })
        .collect();
    let mut got = 0;
    while workers.iter().any(|w| !w.is_finished()) {
        got += take(&mut d).len() as u64;
    }
    workers.into_iter().for_each(|w| w.join().unwrap());
    got += take(&mut d).len() as u64;
    let c = r.counts();
    assert_eq!(got, c.ended);
    assert_eq!(c.ended + c.buffer_full, 16_000);
}

#[test]
fn a_span_from_a_thread_local_destructor_is_recorded() {
    struct AtExit(Recorder);
    impl Drop for AtExit {
        fn drop(&mut self) {
            self.0.span("teardown").start().end();
        }
    }
    thread_local!(static AT_EXIT: std::cell::RefCell<Option<AtExit>> = const { std::cell::RefCell::new(None) });
    let (r, mut d, _) = recorder();
    let on_thread = r.clone();
    std::thread::spawn(move || {
        AT_EXIT.with(|a| *a.borrow_mut() = Some(AtExit(on_thread.clone())));
        on_thread.span("normal").start().end();
    })
    .join()
    .unwrap();
    let mut names: Vec<_> = take(&mut d).into_iter().map(|s| s.name).collect();
    names.sort();
    assert_eq!(names, ["normal", "teardown"]);
}

#[test]
fn a_future_keeps_its_span_across_threads_and_notes_cancellation() {
    let (r, mut d, _) = recorder();
    let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let inner = r.clone();
    let future = async move {
        drop(inner.span("child").enter());
        tokio::task::yield_now().await;
        drop(inner.span("child").enter());
    }
    .in_span(r.span("task").start());
    rt.block_on(future);
    drop(std::future::pending::<()>().in_span(r.span("dropped").start()));
    let spans = take(&mut d);
    let task = find(&spans, "task").context.span_id;
    assert_eq!(spans.iter().filter(|s| s.name == "child" && s.parent_span_id == Some(task)).count(), 2);
    assert_eq!(find(&spans, "dropped").attributes, [KeyValue::new("mplp.status", "cancelled")]);
    assert!(find(&spans, "task").attributes.is_empty());
}

#[test]
fn a_future_shows_its_result_to_its_span_before_that_ends() {
    let (r, mut d, _) = recorder();
    let rt = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let inner = r.clone();
    let sized = async {
        tokio::task::yield_now().await;
        vec![1, 2, 3]
    }
    .in_span(r.span("sized").start());
    let sized = sized.record_result(|span, body| {
        span.set_attribute("body.size", body.len() as i64);
        drop(inner.span("below").start());
    });
    assert_eq!(rt.block_on(sized), [1, 2, 3]);
    let parse = |text: &'static str| async move { text.parse::<u8>() };
    assert!(rt.block_on(parse("7").in_span(r.span("good").start()).record_outcome()).is_ok());
    assert!(rt.block_on(parse("x").in_span(r.span("bad").start()).record_outcome()).is_err());
    let never = std::future::pending::<Result<(), std::fmt::Error>>().in_span(r.span("never").start());
    drop(never.record_result(|_, _| panic!("there is no result")));
    let spans = take(&mut d);
    let sized = find(&spans, "sized");
    assert_eq!(sized.attributes, [KeyValue::new("body.size", 3)]);
    assert_eq!(find(&spans, "below").parent_span_id, Some(sized.context.span_id));
    assert_eq!(find(&spans, "good").status, Status::Ok);
    let bad = find(&spans, "bad");
    assert_eq!((&bad.status, bad.events.len()), (&Status::Error("invalid digit found in string".into()), 1));
    assert_eq!(find(&spans, "never").attributes, [KeyValue::new("mplp.status", "cancelled")]);
}

#[test]
fn a_future_whose_panic_is_caught_has_panicked_and_was_not_cancelled() {
    let (r, mut d, _) = recorder();
    let mut future = Box::pin(async { panic!("boom") }.in_span(r.span("task").start()));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let poll = std::panic::AssertUnwindSafe(|| std::future::Future::poll(future.as_mut(), &mut cx));
    let caught: Result<std::task::Poll<()>, _> = std::panic::catch_unwind(poll);
    assert!(caught.is_err());
    assert!(current_context().is_none());
    // Nobody panics any more when the future goes.
    drop(future);
    let spans = take(&mut d);
    assert_eq!(find(&spans, "task").status, Status::Error("panicked".into()));
    assert!(find(&spans, "task").attributes.is_empty());
}

#[test]
fn an_unsampled_parent_keeps_its_children_out() {
    use crate::model::{SpanContext, SpanId, TraceFlags, TraceId};
    let (r, mut d, _) = recorder();
    let mut remote = SpanContext::new(TraceId::from_random(1), SpanId::new(1).unwrap(), TraceFlags(0));
    remote.is_remote = true;
    {
        let s = r.span("server").parent(remote.clone()).enter();
        assert!(!s.is_recording());
        assert_eq!(s.context().unwrap().trace_id, remote.trace_id);
        assert!(!span!(recorder: &r, "child").is_recording());
    }
    remote.flags = TraceFlags::SAMPLED;
    r.span("sampled").parent(remote).start().end();
    let spans = take(&mut d);
    assert_eq!(spans.len(), 1);
    assert!(spans[0].parent_is_remote);
}

#[test]
fn without_a_recorder_a_span_is_nothing() {
    let s = span!("nobody listens", a = 1);
    assert!(!s.is_recording() && s.context().is_none());
}

#[test]
fn after_the_shutdown_spans_are_counted_and_not_kept() {
    let (r, mut d, _) = recorder();
    let open = r.span("open").start();
    r.close();
    r.span("late").start().end();
    open.end();
    assert_eq!(take(&mut d).len(), 1, "a span that was open may still end");
    assert_eq!(r.counts().after_shutdown, 1);
}

#[test]
fn values_that_the_ring_cannot_carry_take_the_other_way() {
    let (r, mut d, _) = recorder();
    let long = "x".repeat(5_000);
    drop(span!(recorder: &r, "long", text = long, n = 1));
    drop(span!(recorder: &r, "array", list = crate::model::Value::from(vec![1i64, 2])));
    drop(
        span!(recorder: &r, "many", a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11,
        l = 12, m = 13, n = 14, o = 15, p = 16),
    );
    let spans = take(&mut d);
    assert_eq!(find(&spans, "long").attributes, [KeyValue::new("text", long), KeyValue::new("n", 1)]);
    assert_eq!(find(&spans, "array").attributes, [KeyValue::new("list", vec![1i64, 2])]);
    assert_eq!(find(&spans, "many").attributes.len(), 16);
}

#[test]
fn a_thread_without_a_ring_records_all_the_same() {
    let limits = SpanLimits { rings: 0, ..SpanLimits::default() };
    let (r, mut d) = Recorder::builder().limits(limits).build();
    {
        let outer = span!(recorder: &r, "outer", a = 1);
        drop(span!(recorder: &r, "inner", b = "x"));
        outer.set_attribute("c", true);
    }
    let spans = take(&mut d);
    assert_eq!(find(&spans, "inner").parent_span_id, Some(find(&spans, "outer").context.span_id));
    assert_eq!(find(&spans, "outer").attributes, [KeyValue::new("a", 1), KeyValue::new("c", true)]);
    assert!(r.0.slots.lock().unwrap().iter().all(|slot| slot.ring().is_none()));
}

#[test]
fn texts_of_every_length_survive_the_ring() {
    let (r, mut d, _) = recorder();
    let text: String = ('a'..='z').cycle().take(1_000).collect();
    for len in (0..40).chain([999, 1_000]) {
        drop(span!(recorder: &r, "s", a = &text[..len], umlaut = "äöü", b = len, c = -1.5, d = true));
    }
    for (s, len) in take(&mut d).iter().zip((0..40).chain([999, 1_000])) {
        let expected = [
            KeyValue::new("a", text[..len].to_owned()),
            KeyValue::new("umlaut", "äöü"),
            KeyValue::new("b", len),
            KeyValue::new("c", -1.5),
            KeyValue::new("d", true),
        ];
        assert_eq!(s.attributes, expected);
    }
}

#[test]
fn a_full_ring_drops_and_counts_but_never_an_end() {
    let (r, mut d, _) = recorder();
    let text = "x".repeat(1_000);
    let outer = span!(recorder: &r, "outer");
    let mut kept = 0;
    for _ in 0..20_000 {
        kept += u64::from(span!(recorder: &r, "s", text = text).is_recording());
    }
    drop(outer);
    let spans = take(&mut d);
    let c = r.counts();
    assert!(c.buffer_full > 0 && kept < 20_000);
    assert_eq!((c.started, c.ended, c.buffer_full), (kept + 1, kept + 1, 20_000 - kept));
    assert_eq!(spans.len() as u64, kept + 1);
    assert!(spans.iter().any(|s| s.name == "outer"));
    drop(span!(recorder: &r, "room again", text = text));
    assert_eq!(take(&mut d).len(), 1);
}

#[test]
fn a_ring_goes_round_many_times_while_it_is_read() {
    let (r, mut d) = Recorder::builder().build();
    let on_thread = r.clone();
    let writer = std::thread::spawn(move || {
        for i in 0..60_000u64 {
            let outer = span!(recorder: &on_thread, "outer", i = i);
            drop(span!(recorder: &on_thread, "inner", i = i, text = "some text"));
            if i % 100 == 0 {
                outer.set_attribute("later", i);
            }
        }
    });
    let (mut got, mut done) = (0, false);
    while !done {
        done = writer.is_finished();
        for s in take(&mut d) {
            assert!(s.name == "outer" || s.name == "inner");
            assert!(s.end >= s.start);
            got += 1;
        }
    }
    writer.join().unwrap();
    let c = r.counts();
    assert_eq!(got, c.ended);
    assert_eq!(c.ended + c.buffer_full, 120_000);
}

#[test]
fn a_guard_used_from_another_thread_keeps_what_was_set_there() {
    let (r, mut d, _) = recorder();
    {
        let s = span!(recorder: &r, "shared", a = 1);
        let span: &Span = &s;
        std::thread::scope(|scope| {
            scope.spawn(|| span.set_attribute("b", 2));
        });
        // The start has not been published: what continues it has to wait.
        assert!(take(&mut d).is_empty());
    }
    let spans = take(&mut d);
    assert_eq!(spans[0].attributes, [KeyValue::new("a", 1), KeyValue::new("b", 2)]);
}

#[test]
fn a_suppressed_thread_records_nothing() {
    let (r, mut d, _) = recorder();
    let on_thread = r.clone();
    std::thread::spawn(move || {
        suppress();
        on_thread.span("hidden").start().end();
        drop(span!(recorder: &on_thread, "hidden too"));
    })
    .join()
    .unwrap();
    assert!(take(&mut d).is_empty());
}

#[test]
fn a_default_recorder_belongs_to_its_thread() {
    let (r, mut d, _) = recorder();
    {
        let _default = r.set_thread_default();
        drop(span!("mine"));
        std::thread::spawn(|| drop(span!("not mine"))).join().unwrap();
    }
    drop(span!("no longer"));
    let names: Vec<_> = take(&mut d).into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["mine"]);
}

#[test]
fn a_sampler_that_panics_does_not_reach_the_caller() {
    struct Bad;
    impl crate::signal::Sampler for Bad {
        fn sample(&self, _: &crate::signal::SamplingInput<'_>) -> crate::signal::Decision {
            panic!("bad sampler")
        }
        fn description(&self) -> String {
            "Bad".into()
        }
    }
    let (r, _d) = Recorder::builder().sampler(Bad).build();
    assert!(!r.span("s").start().is_recording());
    let _ = Arc::new(r);
}
