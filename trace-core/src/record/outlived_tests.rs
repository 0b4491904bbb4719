//! Guards that are dropped late, and guards that are never dropped.

use std::mem::forget;

use super::*;
use crate::clock::ManualClock;
use crate::model::{SpanData, Timestamp};
use crate::record::{Drain, current_context};
use crate::sample::AlwaysOff;
use crate::span;

const LIMIT: Duration = Duration::from_secs(60);

fn setup() -> (Recorder, Drain, ManualClock) {
    let (clock, manual) = Clock::manual(Timestamp::from_unix_secs(1_000));
    let (recorder, drain) = Recorder::builder().clock(clock).open_too_long(LIMIT).build();
    (recorder, drain, manual)
}

fn take(d: &mut Drain) -> Vec<SpanData> {
    d.drain().seal().iter().map(|s| s.to_span_data()).collect()
}

/// The parent of a span that ends at once.
fn parent_of_next(r: &Recorder, d: &mut Drain) -> Option<u64> {
    drop(span!(recorder: r, "next"));
    let next = take(d).into_iter().find(|s| s.name == "next").unwrap();
    next.parent_span_id.map(|p| p.to_u64())
}

fn id(span: &crate::record::Span) -> Option<u64> {
    span.context().map(|c| c.span_id.to_u64())
}

#[test]
fn a_guard_that_was_forgotten_below_two_others_is_the_parent_of_nothing_after_them() {
    let (r, mut d, _) = setup();
    for _ in 0..3 {
        let request = span!(recorder: &r, "request");
        assert!(parent_of_next(&r, &mut d) == id(&request));
        let handler = span!(recorder: &r, "handler");
        forget(span!(recorder: &r, "forgotten"));
        forget(span!(recorder: &r, "forgotten too"));
        drop(handler);
        drop(request);
        assert_eq!(current_context(), None);
    }
    assert_eq!(parent_of_next(&r, &mut d), None);
    let c = r.counts();
    assert_eq!(c.started - c.ended, 6);
}

#[test]
fn a_guard_that_takes_the_place_of_another_stays_the_parent() {
    let (r, mut d, clock) = setup();
    let outer = span!(recorder: &r, "outer");
    let mut step = span!(recorder: &r, "step");
    for _ in 0..5 {
        clock.advance(LIMIT / 2);
        step = span!(recorder: &r, "step");
        assert_eq!(parent_of_next(&r, &mut d), id(&step));
        assert_eq!(parent_of_next(&r, &mut d), id(&step));
    }
    drop(step);
    assert_eq!(parent_of_next(&r, &mut d), id(&outer));
}

#[test]
fn a_guard_that_outlived_the_outermost_is_the_parent_until_it_is_open_too_long() {
    let (r, mut d, clock) = setup();
    let outer = span!(recorder: &r, "outer");
    let inner = span!(recorder: &r, "forgotten");
    let forgotten = id(&inner);
    forget(inner);
    drop(outer);
    assert_eq!(parent_of_next(&r, &mut d), forgotten);
    clock.advance(LIMIT);
    assert_eq!(parent_of_next(&r, &mut d), forgotten);
    // Children of others are not asked.
    let request = span!(recorder: &r, "request");
    clock.advance(LIMIT);
    assert_eq!(parent_of_next(&r, &mut d), id(&request));
    drop(request);
    assert_eq!(parent_of_next(&r, &mut d), None);
    assert_eq!(r.open_spans().oldest[0].name, "forgotten");
}

#[test]
fn spans_that_are_described_at_run_time_are_healed_too() {
    let (r, _d, clock) = setup();
    let outer = r.span("outer").start().enter();
    forget(r.span("forgotten").start().enter());
    drop(outer);
    assert!(r.span("next").start().context().unwrap().trace_id == current_context().unwrap().trace_id);
    clock.advance(2 * LIMIT);
    drop(r.span("next").start());
    assert_eq!(current_context(), None);
}

#[test]
fn a_span_that_was_set_aside_ends_all_the_same_when_its_guard_is_dropped() {
    let (r, mut d, _) = setup();
    let mut guards = std::collections::VecDeque::new();
    for _ in 0..10 {
        guards.push_back(span!(recorder: &r, "queued", n = 1));
    }
    guards[9].set_attribute("last", true);
    while let Some(first) = guards.pop_front() {
        drop(first);
    }
    let spans = take(&mut d);
    assert_eq!(spans.len(), 10);
    assert_eq!(spans.iter().filter(|s| s.attributes.len() == 2).count(), 1);
    assert!(spans.iter().all(|s| s.context.trace_id == spans[0].context.trace_id));
    assert_eq!((r.counts().started, r.counts().ended), (10, 10));
    with_hot(|h| assert!(h.aside.is_empty() && h.entered().is_empty()));
}

#[test]
fn what_is_not_recorded_is_healed_as_well() {
    let (clock, manual) = Clock::manual(Timestamp::from_unix_secs(1_000));
    let (r, _d) = Recorder::builder().clock(clock).sampler(AlwaysOff).open_too_long(LIMIT).build();
    let outer = span!(recorder: &r, "outer");
    forget(span!(recorder: &r, "forgotten"));
    drop(outer);
    for _ in 0..2 {
        let next = span!(recorder: &r, "next");
        let inner = span!(recorder: &r, "inner");
        assert_eq!(next.context().map(|c| c.trace_id), inner.context().map(|c| c.trace_id));
        drop((inner, next));
        assert!(current_context().is_some());
    }
    manual.advance(2 * LIMIT);
    drop(span!(recorder: &r, "next"));
    assert_eq!(current_context(), None);
}

#[test]
fn a_forgotten_outermost_guard_is_reported() {
    let (r, mut d, clock) = setup();
    forget(span!(recorder: &r, "forgotten"));
    clock.advance(2 * LIMIT);
    drop(span!(recorder: &r, "next"));
    d.drain();
    assert_eq!(r.open_spans().oldest[0].name, "forgotten");
    assert!(current_context().is_some(), "it may be the span of a long job");
}

#[cfg(feature = "otel")]
#[test]
fn while_the_api_is_in_use_a_forgotten_guard_is_the_parent_of_no_door() {
    use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
    let (r, mut d, _) = setup();
    let tracer = crate::record::otel::TracerProvider::new(r.clone()).tracer("lib");
    let outer = span!(recorder: &r, "outer");
    let handler = span!(recorder: &r, "handler");
    forget(span!(recorder: &r, "forgotten"));
    drop((handler, outer));
    assert_eq!(current_context(), None);
    assert_eq!(parent_of_next(&r, &mut d), None);
    tracer.start("api").end();
    let _outer = span!(recorder: &r, "outer");
    tracer.start("below").end();
    let spans = take(&mut d);
    let parent = |name: &str| spans.iter().find(|s| s.name == name).unwrap().parent_span_id;
    assert_eq!(parent("api"), None);
    assert_eq!(parent("below").map(|p| p.to_u64()), id(&_outer));
}
