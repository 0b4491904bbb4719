//! What the pipeline knows of open drafts.

use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::model::{SpanContext, TraceFlags};
use crate::record::{Drain, OpenSpans, Recorder, RecorderBuilder, SpanLimits};

const LIMIT: Duration = Duration::from_secs(60);

fn context(id: u64) -> SpanContext {
    SpanContext::new(TraceId::from_random(id.into()), SpanId::new(id).unwrap(), TraceFlags::SAMPLED)
}

fn show(entry: &Entry, id: u64, name: &str) {
    let context = context(id);
    entry.describe(context.trace_id, name);
    entry.open(context.span_id, id, false);
}

#[test]
fn names_of_every_length_are_kept_and_long_ones_are_cut_between_characters() {
    let entry = Entry::default();
    for len in 0..60 {
        let name: String = "abcdefghij".chars().cycle().take(len).collect();
        show(&entry, 7, &name);
        let seen = entry.read().unwrap().into_open_span(Timestamp::from_unix_nanos(1));
        let expected = if len > 48 { format!("{}…", &name[..48]) } else { name };
        assert_eq!((seen.name, seen.trace_id), (expected, context(7).trace_id));
        entry.close();
        assert!(entry.read().is_none());
    }
    show(&entry, 8, &format!("{}ü", "x".repeat(47)));
    let seen = entry.read().unwrap().into_open_span(Timestamp::from_unix_nanos(1));
    assert_eq!(seen.name, format!("{}…", "x".repeat(47)));
}

#[test]
fn what_is_read_while_spans_come_and_go_is_of_one_span() {
    let (entry, done, both) = (Entry::default(), AtomicBool::new(false), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            both.wait();
            for id in 1..200_000 {
                show(&entry, id, &id.to_string());
                entry.close();
            }
            show(&entry, 200_000, "200000");
            done.store(true, Ordering::Release);
        });
        both.wait();
        let mut read = 0;
        while !done.load(Ordering::Acquire) || read == 0 {
            let Some(seen) = entry.read() else { continue };
            read += 1;
            let id = seen.span_id.to_u64();
            assert_eq!((seen.start, seen.trace_id), (id, context(id).trace_id));
            assert_eq!(seen.into_open_span(Timestamp::from_unix_nanos(1)).name, id.to_string());
        }
    });
}

#[test]
fn a_full_list_counts_and_takes_others_when_drafts_are_gone() {
    let list = OpenDrafts::default();
    let first = list.list(1, 2).unwrap();
    let second = list.list(1, 2).unwrap();
    assert!(list.list(1, 2).is_none());
    show(&first.entry, 1, "first");
    drop(second);
    let mut open = 0;
    list.look_through(|_| open += 1);
    assert_eq!((open, list.unlisted()), (1, 1));
    assert!(list.list(1, 2).is_some() && list.list(1, 2).is_none());
}

/// A recorder, and what is found a while later.
struct World {
    recorder: Recorder,
    drain: Drain,
    clock: ManualClock,
}

impl World {
    fn new() -> Self {
        Self::of(Recorder::builder())
    }

    fn of(builder: RecorderBuilder) -> Self {
        let (clock, manual) = Clock::manual(Timestamp::from_unix_secs(1_000));
        let (recorder, drain) = builder.clock(clock).open_too_long(LIMIT).build();
        Self { recorder, drain, clock: manual }
    }

    fn after(&mut self, time: Duration) -> OpenSpans {
        self.clock.advance(time);
        self.drain.drain();
        self.recorder.open_spans()
    }

    /// Names of the spans that are open too long, the oldest first.
    fn too_long(&mut self) -> Vec<String> {
        self.after(2 * LIMIT).oldest.into_iter().map(|s| s.name).collect()
    }
}

#[cfg(feature = "otel")]
mod api {
    use opentelemetry::Context;
    use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};

    use super::*;
    use crate::record::otel::{Tracer, TracerProvider};

    fn tracer(w: &World) -> Tracer {
        TracerProvider::new(w.recorder.clone()).tracer("lib")
    }

    #[test]
    fn an_api_span_that_does_not_end_is_named_with_its_identity_and_start() {
        let mut w = World::new();
        let stuck = tracer(&w).start("stuck");
        w.clock.advance(2 * LIMIT);
        let _new = tracer(&w).start("new");
        let found = w.after(Duration::from_secs(1));
        assert_eq!((found.open, found.too_long, found.unlisted), (2, 1, 0));
        let one = &found.oldest[0];
        assert_eq!((one.name.as_str(), one.start), ("stuck", Timestamp::from_unix_secs(1_000)));
        assert_eq!(one.span_id.to_bytes(), stuck.span_context().span_id().to_bytes());
        assert_eq!(one.trace_id.to_bytes(), stuck.span_context().trace_id().to_bytes());
        drop(stuck);
        assert_eq!(w.after(Duration::from_secs(2)).open, 1);
    }

    #[test]
    fn a_lean_span_is_named_too_and_stays_so_when_it_becomes_a_draft() {
        let mut w = World::new();
        let t = tracer(&w);
        let root = Context::new().with_span(t.start("root"));
        t.start_with_context("first", &root).end();
        w.clock.advance(Duration::from_secs(5));
        let mut child = t.start_with_context("child", &root);
        for _ in 0..2 {
            let found = w.after(2 * LIMIT);
            assert_eq!((found.open, found.too_long, found.unlisted), (2, 2, 0));
            let one = &found.oldest[1];
            assert_eq!((one.name.as_str(), one.start), ("child", Timestamp::from_unix_secs(1_005)));
            assert_eq!(one.span_id.to_bytes(), child.span_context().span_id().to_bytes());
            child.set_status(opentelemetry::trace::Status::error("bad"));
        }
        drop(child);
        assert_eq!(w.after(Duration::from_secs(2)).open, 1);
    }

    #[test]
    fn a_start_that_was_given_is_the_one_that_counts() {
        let mut w = World::new();
        let begun = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(500);
        let tracer = tracer(&w);
        let mut span = tracer.span_builder("early").with_start_time(begun).start(&tracer);
        assert_eq!(w.after(Duration::from_secs(1)).oldest[0].start, Timestamp::from_unix_secs(500));
        span.end();
        // The draft is used again, for a span with a start of its own.
        let _next = tracer.start("next");
        assert_eq!(w.after(Duration::from_secs(2)).too_long, 0);
        assert_eq!(w.too_long(), ["next"]);
    }

    #[test]
    fn spans_that_end_are_not_listed_however_they_end() {
        let mut w = World::new();
        let t = tracer(&w);
        t.start("ended").end();
        drop(t.start("dropped"));
        let moved = t.start("moved");
        std::thread::spawn(move || drop(moved)).join().unwrap();
        let panicked = t.start("panicked");
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _span = panicked;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(result.is_err());
        drop(Context::current_with_span(t.start("in a context")));
        assert_eq!(w.after(2 * LIMIT).open, 0);
    }

    #[test]
    fn spans_are_listed_although_their_thread_has_ended() {
        let mut w = World::new();
        let t = tracer(&w);
        let moved = std::thread::spawn(move || {
            let moved = t.start("moved");
            std::mem::forget(t.start("forgotten"));
            drop(t.start("ended"));
            moved
        });
        let moved = moved.join().unwrap();
        let mut names = w.too_long();
        names.sort();
        assert_eq!(names, ["forgotten", "moved"]);
        drop(moved);
        assert_eq!(w.too_long(), ["forgotten"]);
    }

    #[test]
    fn spans_that_are_not_recorded_are_not_listed() {
        let mut w = World::of(Recorder::builder().sampler(crate::sample::AlwaysOff));
        let _span = tracer(&w).start("unsampled");
        assert_eq!(w.after(2 * LIMIT).open, 0);
    }

    #[test]
    fn a_draft_that_serves_several_recorders_is_listed_where_its_span_is() {
        let (mut a, mut b) = (World::new(), World::new());
        for _ in 0..3 {
            drop(tracer(&a).start("short"));
            drop(tracer(&b).start("short"));
        }
        let _of_a = tracer(&a).start("of a");
        let _of_b = tracer(&b).start("of b");
        assert_eq!((a.too_long(), b.too_long()), (vec!["of a".to_owned()], vec!["of b".to_owned()]));
    }

    #[test]
    fn more_than_the_limit_are_counted_and_recorded_all_the_same() {
        let limits = SpanLimits { open_spans: 2, ..SpanLimits::default() };
        let mut w = World::of(Recorder::builder().limits(limits));
        let t = tracer(&w);
        let spans: Vec<_> = (0..5).map(|_| t.start("span")).collect();
        let found = w.after(2 * LIMIT);
        assert_eq!((found.open, found.too_long, found.unlisted), (2, 2, 3));
        drop(spans);
        assert_eq!(w.drain.drain().len(), 5);
    }
}

#[cfg(feature = "tracing")]
mod layer {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::record::tracing_layer::{TraceLayer, TraceSpanExt as _};

    fn with_layer(w: &World, f: impl FnOnce()) {
        let subscriber = tracing_subscriber::registry().with(TraceLayer::new(w.recorder.clone()));
        tracing::subscriber::with_default(subscriber, f);
    }

    #[test]
    fn a_tracing_span_is_listed_until_it_closes() {
        let mut w = World::new();
        let recorder = w.recorder.clone();
        let mut found = Vec::new();
        let mut look = |w: &mut World| found.push(w.too_long());
        let subscriber = tracing_subscriber::registry().with(TraceLayer::new(recorder));
        tracing::subscriber::with_default(subscriber, || {
            let stuck = tracing::info_span!("stuck", n = 1);
            tracing::info_span!("short").in_scope(|| tracing::info!("event"));
            stuck.in_scope(|| tracing::info!("left, but not closed"));
            look(&mut w);
            drop(stuck);
            look(&mut w);
        });
        assert_eq!(found, [vec!["stuck".to_owned()], vec![]]);
    }

    #[test]
    fn spans_of_a_layer_that_is_gone_are_not_listed() {
        let mut w = World::new();
        with_layer(&w, || std::mem::forget(tracing::info_span!("forgotten").entered()));
        // The forgotten span holds the subscriber, and so its layer.
        assert_eq!(w.too_long(), ["forgotten"]);
        with_layer(&w, || {
            let span = tracing::info_span!("not closed");
            let cloned = span.with_subscriber(|(id, dispatch)| dispatch.clone_span(id));
            assert!(cloned.is_some());
        });
        assert_eq!(w.too_long(), ["forgotten"]);
    }

    #[test]
    fn a_parent_that_is_set_later_changes_what_is_listed() {
        let mut w = World::new();
        let parent = |flags| SpanContext { flags, is_remote: true, ..context(99) };
        let subscriber = tracing_subscriber::registry().with(TraceLayer::new(w.recorder.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let kept = tracing::info_span!("kept");
            kept.set_parent(parent(TraceFlags::SAMPLED)).unwrap();
            let left_out = tracing::info_span!("left out");
            left_out.set_parent(parent(TraceFlags::default())).unwrap();
            let found = w.after(2 * LIMIT);
            assert_eq!((found.open, found.oldest[0].name.as_str()), (1, "kept"));
            assert_eq!(found.oldest[0].trace_id, context(99).trace_id);
        });
    }

    /// With an active span, under which plain spans lie in words.
    fn below_a_root(w: &mut World, f: impl FnOnce(&mut World)) {
        let subscriber = tracing_subscriber::registry().with(TraceLayer::new(w.recorder.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let recorder = w.recorder.clone();
            let _root = crate::span!(recorder: &recorder, "root");
            // The first span of a thread asks for its ring.
            drop(tracing::info_span!("first"));
            f(w);
        });
    }

    /// Names without the root's.
    fn found(w: &mut World) -> Vec<String> {
        let mut names = w.too_long();
        names.retain(|name| name != "root");
        names
    }

    #[test]
    fn a_plain_span_is_listed_with_its_identity_and_start_until_it_closes() {
        let mut w = World::new();
        below_a_root(&mut w, |w| {
            let stuck = tracing::info_span!("stuck", n = 1, user = "somebody");
            stuck.in_scope(|| drop(tracing::info_span!("short")));
            w.clock.advance(2 * LIMIT);
            let new = tracing::info_span!("new");
            let seen = w.after(Duration::from_secs(1));
            assert_eq!((seen.open, seen.too_long, seen.unlisted), (3, 2, 0));
            let one = seen.oldest.iter().find(|s| s.name == "stuck").unwrap();
            let context = stuck.trace_context().unwrap();
            assert_eq!((one.trace_id, one.span_id), (context.trace_id, context.span_id));
            assert_eq!(one.start, Timestamp::from_unix_secs(1_000));
            drop(stuck);
            assert_eq!(found(w), ["new"]);
            drop(new);
            assert_eq!(found(w), [""; 0]);
        });
    }

    #[test]
    fn a_plain_span_that_changes_is_listed_once_and_under_its_new_parent() {
        let mut w = World::new();
        below_a_root(&mut w, |w| {
            let changed = tracing::info_span!("changed");
            changed.set_attribute("later", 1);
            let moved = tracing::info_span!("moved");
            moved.set_parent(SpanContext { is_remote: true, ..context(99) }).unwrap();
            let left_out = tracing::info_span!("left out");
            let unsampled = SpanContext { flags: TraceFlags::default(), is_remote: true, ..context(98) };
            left_out.set_parent(unsampled).unwrap();
            let seen = w.after(2 * LIMIT);
            let mut names: Vec<_> = seen.oldest.iter().map(|s| s.name.as_str()).collect();
            names.sort_unstable();
            assert_eq!((seen.open, names), (3, vec!["changed", "moved", "root"]));
            let one = seen.oldest.iter().find(|s| s.name == "moved").unwrap();
            assert_eq!(one.trace_id, context(99).trace_id);
            drop((changed, moved, left_out));
            assert_eq!(found(w), [""; 0]);
        });
    }

    #[test]
    fn plain_spans_are_listed_although_their_thread_has_ended() {
        let mut w = World::new();
        let subscriber = tracing_subscriber::registry().with(TraceLayer::new(w.recorder.clone()));
        let dispatch = tracing::Dispatch::new(subscriber);
        let recorder = w.recorder.clone();
        let of_thread = dispatch.clone();
        let moved = std::thread::spawn(move || {
            tracing::dispatcher::with_default(&of_thread, || {
                let _root = crate::span!(recorder: &recorder, "root");
                drop(tracing::info_span!("first"));
                tracing::info_span!("moved")
            })
        });
        let moved = moved.join().unwrap();
        assert_eq!(w.too_long(), ["moved"]);
        drop(moved);
        drop(dispatch);
        assert_eq!(w.too_long(), [""; 0]);
    }
}
