//! What recording promises where things go wrong: guards out of order, leases lost, users who interfere.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::clock::Clock;
use crate::model::{SpanData, Status, Timestamp};
use crate::signal::{Decision, Sampler, SamplingInput};
use crate::{async_span, span};

fn recorder() -> (Recorder, Drain) {
    let (clock, _) = Clock::manual(Timestamp::from_unix_secs(1_000));
    Recorder::builder().clock(clock).build()
}

fn take(d: &mut Drain) -> Vec<SpanData> {
    d.drain().seal().iter().map(|s| s.to_span_data()).collect()
}

fn find<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

/// Uses so many other recorders on this thread that it gives back the slots it had.
fn lose_leases() {
    for _ in 0..8 {
        let (other, _drain) = recorder();
        drop(span!(recorder: &other, "other"));
    }
}

#[test]
fn spans_of_a_lost_lease_end_although_the_thread_has_the_slot_again() {
    let (r, mut d) = recorder();
    let outer: Vec<_> = (0..50).map(|_| span!(recorder: &r, "outer")).collect();
    lose_leases();
    let (text, mut kept) = ("x".repeat(1_000), 0);
    for _ in 0..20_000 {
        kept += usize::from(span!(recorder: &r, "inner", text = text).is_recording());
    }
    outer.into_iter().rev().for_each(drop);
    let spans = take(&mut d);
    assert_eq!(spans.iter().filter(|s| s.name == "inner").count(), kept);
    assert_eq!(spans.iter().filter(|s| s.name == "outer").count(), 50);
    assert!(spans.iter().all(|s| s.name != "inner" || s.attributes.len() == 1));
    let c = r.counts();
    assert_eq!((c.started, c.ended), (kept as u64 + 50, kept as u64 + 50));
}

#[test]
fn a_slot_serves_another_thread_while_old_spans_still_end_into_it() {
    let (r, mut d) = recorder();
    let outer = span!(recorder: &r, "outer");
    lose_leases();
    let on_thread = r.clone();
    std::thread::spawn(move || (0..100).for_each(|_| drop(span!(recorder: &on_thread, "theirs"))))
        .join()
        .unwrap();
    outer.set_attribute("late", true);
    drop(outer);
    let spans = take(&mut d);
    assert_eq!(spans.len(), 101);
    assert_eq!(find(&spans, "outer").attributes.len(), 1);
    assert_eq!(r.counts().started, r.counts().ended);
}

#[test]
fn guards_dropped_out_of_order_leave_the_right_parents() {
    let (r, mut d) = recorder();
    let a = span!(recorder: &r, "a");
    let b = span!(recorder: &r, "b");
    drop(a);
    let c = span!(recorder: &r, "c");
    drop(b);
    drop(span!(recorder: &r, "d"));
    drop(c);
    assert_eq!(current_context(), None);
    let spans = take(&mut d);
    let id = |name: &str| Some(find(&spans, name).context.span_id);
    assert_eq!(find(&spans, "b").parent_span_id, id("a"));
    assert_eq!(find(&spans, "c").parent_span_id, id("b"));
    assert_eq!(find(&spans, "d").parent_span_id, id("c"));
}

#[test]
fn a_sampler_that_records_spans_does_not_ask_itself_for_ever() {
    struct Curious(std::sync::OnceLock<Recorder>);
    impl Sampler for Arc<Curious> {
        fn sample(&self, _: &SamplingInput<'_>) -> Decision {
            let r = self.0.get().unwrap();
            drop(span!(recorder: r, "inside the sampler"));
            r.span("inside too").root().start().end();
            Decision { sampled: true, trace_state: None }
        }
        fn description(&self) -> String {
            "Curious".into()
        }
    }
    let sampler = Arc::new(Curious(std::sync::OnceLock::new()));
    let (r, mut d) = Recorder::builder().sampler(sampler.clone()).build();
    let _ = sampler.0.set(r.clone());
    drop(span!(recorder: &r, "outside"));
    r.span("outside").start().end();
    assert!(take(&mut d).iter().all(|s| s.name == "outside"));
    assert_eq!(r.counts().ended, 2);
}

#[test]
fn what_is_set_again_and_again_is_bounded_and_counted() {
    let limits = SpanLimits { bytes_per_thread: 64 << 10, ..SpanLimits::default() };
    let (r, mut d) = Recorder::builder().limits(limits).build();
    let chunk = r.span("chunk").start();
    let ring = span!(recorder: &r, "ring");
    for round in 0..3 {
        for _ in 0..1_000 {
            chunk.set_attribute("progress", "x".repeat(1_000));
            ring.set_attribute("progress", "x".repeat(1_000));
        }
        let held: usize = r.0.slots.lock().unwrap().iter().map(|s| s.lock().columns.byte_size()).sum();
        assert!(held < 128 << 10, "{held} bytes after round {round}");
        assert!(take(&mut d).is_empty());
    }
    assert!(r.counts().edits_dropped > 5_000);
    chunk.set_attribute("done", true);
    drop((ring, chunk));
    let spans = take(&mut d);
    assert_eq!(find(&spans, "chunk").attributes.len(), 2);
    assert_eq!(find(&spans, "ring").attributes.len(), 1);
}

#[test]
fn a_panic_does_not_replace_a_status_that_was_set() {
    let (r, mut d) = recorder();
    for drain_between in [false, true] {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let ring = span!(recorder: &r, "ring");
            let chunk = r.span("chunk").start();
            ring.set_status(Status::Error("bad".into()));
            chunk.set_status(Status::Error("bad".into()));
            if drain_between {
                assert!(take(&mut d).is_empty());
            }
            panic!("boom");
        }));
        assert!(caught.is_err());
        let spans = take(&mut d);
        assert_eq!(spans.len(), 2);
        assert!(spans.iter().all(|s| s.status == Status::Error("bad".into())), "{spans:?}");
    }
}

#[test]
fn joined_spans_of_one_library_share_its_scope() {
    let (r, mut d) = recorder();
    let open: Vec<_> = (0..100).map(|_| async_span!(recorder: &r, "long")).collect();
    assert!(take(&mut d).is_empty());
    drop(open);
    let batch = d.drain();
    assert_eq!(batch.len(), 100);
    assert_eq!(batch.columns.scopes.len(), 1);
}

#[test]
fn a_span_never_ends_before_it_began_unless_the_caller_says_so() {
    let (r, mut d) = recorder();
    let ahead = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000);
    r.span("direct").start_time(ahead).start().end();
    let joined = r.span("joined").start_time(ahead).start();
    let said = r.span("said").start_time(ahead).start();
    let mut spans = take(&mut d);
    drop(joined);
    said.end_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_500));
    spans.extend(take(&mut d));
    for name in ["direct", "joined"] {
        assert_eq!(find(&spans, name).end, Timestamp::from_unix_secs(2_000));
    }
    assert_eq!(find(&spans, "said").end, Timestamp::from_unix_secs(1_500));
}

#[test]
fn what_a_dropped_future_still_does_belongs_to_its_span() {
    struct AtDrop(Recorder);
    impl Drop for AtDrop {
        fn drop(&mut self) {
            drop(span!(recorder: &self.0, "cleanup"));
        }
    }
    let (r, mut d) = recorder();
    let held = AtDrop(r.clone());
    let future = async move {
        let _held = held;
        std::future::pending::<()>().await;
    };
    drop(future.in_span(r.span("task").start()));
    assert_eq!(current_context(), None);
    let spans = take(&mut d);
    assert_eq!(find(&spans, "cleanup").parent_span_id, Some(find(&spans, "task").context.span_id));
}

#[test]
fn the_limit_of_attributes_holds_for_the_macros_too() {
    let limits = SpanLimits { attributes: 2, ..SpanLimits::default() };
    let (r, mut d) = Recorder::builder().limits(limits).build();
    drop(span!(recorder: &r, "ring", a = 1, b = 2, c = 3));
    drop(async_span!(recorder: &r, "chunk", a = 1, b = 2, c = 3));
    for s in take(&mut d) {
        assert_eq!((s.attributes.len(), s.dropped_attributes), (2, 1), "{}", s.name);
    }
}

#[test]
fn a_full_open_table_loses_and_counts_whole_spans() {
    let limits = SpanLimits { open_spans: 3, ..SpanLimits::default() };
    let (r, mut d) = Recorder::builder().limits(limits).build();
    let open: Vec<_> = (0..5).map(|_| span!(recorder: &r, "ring")).collect();
    let next = span!(recorder: &r, "published by the next");
    let _ = take(&mut d);
    drop(next);
    open.into_iter().rev().for_each(drop);
    let got = take(&mut d).len() as u64;
    let c = r.counts();
    assert_eq!((c.ended, got + c.open_table_full), (6, 6));
    assert!(got >= 3);
}

#[test]
fn leaked_guards_cost_their_thread_its_ring_and_nobody_else_anything() {
    let (r, mut d) = recorder();
    let on_thread = r.clone();
    std::thread::spawn(move || {
        (0..60_000).for_each(|_| std::mem::forget(span!(recorder: &on_thread, "leaked")));
    })
    .join()
    .unwrap();
    let _ = take(&mut d);
    // The next thread gets the slot, and all of its room.
    let on_thread = r.clone();
    std::thread::spawn(move || (0..1_000).for_each(|_| drop(span!(recorder: &on_thread, "kept"))))
        .join()
        .unwrap();
    assert_eq!(take(&mut d).len(), 1_000);
    assert_eq!(r.counts().ended, 1_000);
}

#[test]
fn a_full_ring_asks_the_reader_once_and_not_for_every_span() {
    let (r, d) = recorder();
    let fill = |n| {
        let text = "x".repeat(1_000);
        (0..n).for_each(|_| drop(span!(recorder: &r, "s", text = text)));
    };
    // Asked here, on the thread that parks below.
    d.attach_thread();
    fill(20_000);
    std::thread::park_timeout(Duration::from_secs(10));
    fill(1_000);
    let before = std::time::Instant::now();
    std::thread::park_timeout(Duration::from_millis(20));
    assert!(before.elapsed() >= Duration::from_millis(19), "woken again");
    assert!(r.counts().buffer_full > 1_000);
}

#[test]
fn a_sampler_that_sets_a_trace_state_is_asked_once_for_each_root() {
    struct Counts(Arc<std::sync::atomic::AtomicUsize>);
    impl Sampler for Counts {
        fn sample(&self, _: &SamplingInput<'_>) -> Decision {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Decision { sampled: true, trace_state: Some(crate::model::TraceState::from_validated("a=1")) }
        }
        fn description(&self) -> String {
            "Counts".into()
        }
    }
    let asked = Arc::default();
    let (r, mut d) = Recorder::builder().sampler(Counts(Arc::clone(&asked))).build();
    for _ in 0..3 {
        let _root = span!(recorder: &r, "root", a = 1);
        drop(span!(recorder: &r, "child"));
    }
    let spans = take(&mut d);
    assert_eq!((spans.len(), asked.load(std::sync::atomic::Ordering::Relaxed)), (6, 3));
    assert!(spans.iter().all(|s| s.context.trace_state.as_str() == "a=1"));
}

#[test]
fn spans_that_are_open_for_too_long_are_named_wherever_they_lie() {
    let (clock, manual) = crate::clock::Clock::manual(crate::model::Timestamp::from_unix_secs(1_000_000));
    let limit = std::time::Duration::from_secs(60);
    let (r, mut d) = Recorder::builder().clock(clock).open_too_long(limit).build();
    let began = r.clock().now();
    let _stuck = span!(recorder: &r, "stuck", step = 1);
    let leaf = span!(recorder: &r, "leaf");
    let held = r.span("held").start();
    assert_eq!(take(&mut d), []);
    assert_eq!(r.open_spans().open, 3);
    assert_eq!(r.open_spans().too_long, 0);
    manual.advance(limit + std::time::Duration::from_secs(1));
    drop(leaf);
    // Not published: nothing follows it on its thread.
    let _newest = span!(recorder: &r, "newest");
    assert_eq!(take(&mut d).len(), 1);
    let open = r.open_spans();
    assert_eq!((open.open, open.too_long), (3, 2));
    let mut names: Vec<&str> = open.oldest.iter().map(|s| s.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["held", "stuck"]);
    assert!(open.oldest.iter().all(|s| s.start == began));
    drop(held);
    manual.advance(limit + std::time::Duration::from_secs(1));
    assert_eq!(take(&mut d).len(), 1);
    let names: Vec<String> = r.open_spans().oldest.into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["stuck", "newest"]);
}

#[test]
fn open_spans_are_tidied_up_and_keep_what_they_had() {
    let (r, mut d) = recorder();
    let mut spans: Vec<_> = (0..3_000).map(|i| r.span("open").attribute("i", i).start()).collect();
    assert_eq!(take(&mut d), []);
    let kept = spans.split_off(2_900);
    drop(spans);
    assert_eq!(take(&mut d).len(), 2_900);
    drop(kept);
    let last = take(&mut d);
    let numbers: Vec<_> = last.iter().map(|s| s.attributes[0].clone()).collect();
    assert_eq!(numbers, (2_900..3_000).map(|i| crate::model::KeyValue::new("i", i)).collect::<Vec<_>>());
}

#[test]
fn the_steps_of_the_system_clock_change_no_duration() {
    let start = crate::model::Timestamp::from_unix_secs(1_000_000);
    let (clock, manual) = crate::clock::Clock::manual(start);
    let (r, mut d) = Recorder::builder().clock(clock).build();
    for step in [3_600i64, -7_200] {
        let span = span!(recorder: &r, "s");
        manual.advance(std::time::Duration::from_secs(1));
        assert_eq!(take(&mut d), []);
        manual.step(step * 1_000_000_000);
        manual.advance(std::time::Duration::from_secs(1));
        drop(span);
        let spans = take(&mut d);
        assert_eq!(spans[0].end, spans[0].start + std::time::Duration::from_secs(2), "step by {step} s");
    }
}
