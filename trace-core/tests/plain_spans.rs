//! Plain spans of `tracing`: nobody can tell those that are only made, entered and closed from those that are changed.
//!
//! In a process of its own: where the `opentelemetry` API is in use, all spans of the layer are drafts.
#![cfg(all(feature = "tracing", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;
use std::time::Duration;

use trace_core::model::{SpanContext, SpanData, SpanId, TraceFlags, TraceId};
use trace_core::pipeline::{Ledger, Pipeline};
use trace_core::record::current_context;
use trace_core::record::tracing_layer::{TraceLayer, TraceSpanExt};
use trace_core::testing::CaptureExporter;
use tracing::{field, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

/// Runs under a layer, inside of a recorded span `root` for which the thread has its ring.
fn below_a_root(f: impl FnOnce(&Pipeline)) -> (Vec<SpanData>, Ledger) {
    let out = CaptureExporter::new();
    let pipeline = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    let layer = TraceLayer::new(pipeline.recorder().clone());
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || {
        let _root = info_span!("root").entered();
        drop(info_span!("first").entered());
        f(&pipeline);
    });
    assert_eq!(current_context(), None);
    pipeline.flush(Duration::from_secs(10)).unwrap();
    let spans = out.spans().into_iter().filter(|s| s.name != "first").collect();
    (spans, pipeline.ledger())
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    spans.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name} in {spans:?}"))
}

#[test]
fn values_are_the_same_whether_the_span_stays_plain_or_is_changed() {
    let text: String = ('a'..='z').chain(['ä', '€', '𝄞']).cycle().take(700).collect();
    let lengths = (0..text.len()).filter(|n| text.is_char_boundary(*n));
    let made = lengths.clone().count() as u64;
    let (spans, ledger) = below_a_root(|_| {
        for len in lengths {
            let make = |_| {
                info_span!(
                    "child",
                    len,
                    t = &text[..len],
                    b = len % 2 == 0,
                    f = len as f64 / 2.0,
                    i = -1,
                    u = u64::MAX >> 1
                )
            };
            let [_plain, changed] = [0, 1].map(make);
            changed.set_attribute("changed", true);
            changed.in_scope(|| ());
        }
    });
    let mut by_length: HashMap<i64, Vec<SpanData>> = HashMap::new();
    for s in spans.into_iter().filter(|s| s.name == "child") {
        let len = s.attributes[0].value.as_ref().as_f64().unwrap() as i64;
        by_length.entry(len).or_default().push(s);
    }
    for (len, pair) in by_length {
        let (a, b) = (&pair[0], &pair[1]);
        let (plain, changed) = if a.attributes.len() < b.attributes.len() { (a, b) } else { (b, a) };
        assert_eq!(plain.attributes.len(), 6);
        assert_eq!(plain.attributes[..], changed.attributes[..6], "{len}");
        assert_eq!(plain.attributes[1].value.as_ref().as_str(), Some(&text[..len as usize]));
        assert_eq!(
            (plain.context.trace_id, plain.parent_span_id),
            (changed.context.trace_id, changed.parent_span_id)
        );
        assert_eq!((plain.kind, &plain.scope.name), (changed.kind, &changed.scope.name));
        assert!(changed.end >= changed.start && plain.end >= plain.start);
    }
    assert_eq!((ledger.open, ledger.received), (0, 2 + 2 * made));
}

#[test]
fn fields_that_are_empty_at_first_come_later_and_those_behind_them_are_kept() {
    let (spans, _) = below_a_root(|_| {
        let late = info_span!("late", a = 1, b = field::Empty, c = field::Empty);
        late.record("b", 2);
        let _never = info_span!("never", a = 1, b = field::Empty);
        let _middle = info_span!("middle", a = field::Empty, b = 2);
    });
    let keys =
        |name| -> Vec<_> { named(&spans, name).attributes.iter().map(|a| a.key.to_string()).collect() };
    assert_eq!(
        (keys("late"), keys("never"), keys("middle")),
        (vec!["a".into(), "b".into()], vec!["a".into()], vec!["b".into()])
    );
}

#[test]
fn a_plain_span_may_go_to_other_threads_and_be_changed_and_closed_there() {
    let (spans, ledger) = below_a_root(|_| {
        let [closed, changed, entered] =
            [info_span!("closed", n = 1), info_span!("changed", n = 1), info_span!("entered", n = 1)];
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let id = entered.trace_context().unwrap().span_id;
        std::thread::spawn(move || {
            // All is closed in there: the registry closes the parent in the thread's own subscriber.
            tracing::dispatcher::with_default(&dispatch, move || {
                drop(closed);
                changed.in_scope(|| info!("an event"));
                let _entered = entered.entered();
                let below = info_span!("below");
                assert_eq!(below.trace_context().unwrap().trace_id, current_context().unwrap().trace_id);
                assert_eq!(current_context().unwrap().span_id, id);
            });
        })
        .join()
        .unwrap();
    });
    let root = named(&spans, "root").context.span_id;
    for name in ["closed", "changed", "entered"] {
        assert_eq!(named(&spans, name).parent_span_id, Some(root), "{name}");
        assert_eq!(named(&spans, name).attributes.len(), 1, "{name}");
    }
    assert_eq!(named(&spans, "below").parent_span_id, Some(named(&spans, "entered").context.span_id));
    assert_eq!(named(&spans, "changed").events[0].name, "an event");
    assert_eq!((ledger.open, ledger.received), (0, 6));
}

#[test]
fn the_parent_of_a_plain_span_can_be_set_until_it_is_entered() {
    let remote = SpanContext {
        is_remote: true,
        ..SpanContext::new(TraceId::from_random(9), SpanId::new(9).unwrap(), TraceFlags::SAMPLED)
    };
    let (spans, _) = below_a_root(|_| {
        let moved = info_span!("moved", n = 1);
        moved.set_parent(remote.clone()).unwrap();
        moved.in_scope(|| drop(info_span!("below")));
        let stays = info_span!("stays");
        stays.in_scope(|| ());
        assert!(stays.set_parent(remote.clone()).is_err());
    });
    let moved = named(&spans, "moved");
    assert_eq!((moved.context.trace_id, moved.parent_span_id), (remote.trace_id, Some(remote.span_id)));
    assert!(moved.parent_is_remote && moved.attributes.len() == 1);
    assert_eq!(named(&spans, "below").parent_span_id, Some(moved.context.span_id));
    assert_eq!(named(&spans, "stays").parent_span_id, Some(named(&spans, "root").context.span_id));
}

#[test]
fn hundreds_of_plain_spans_may_be_open_on_a_thread() {
    let (spans, ledger) = below_a_root(|pipeline| {
        let open: Vec<_> = (0..500).map(|n| info_span!("one", n)).collect();
        assert_eq!((pipeline.ledger().open, open.len()), (501, 500));
    });
    assert_eq!(spans.len(), 501);
    assert_eq!((ledger.open, ledger.received), (0, 502));
}

#[test]
fn more_spans_than_the_buffers_hold_are_delivered_or_counted() {
    const MADE: u64 = 60_000;
    let (spans, ledger) = below_a_root(|_| {
        for n in 0..MADE {
            drop(info_span!("child", n, text = "so that it takes some room in the ring").entered());
        }
    });
    assert_eq!((ledger.open, ledger.received), (0, MADE + 2));
    assert_eq!(spans.len() as u64 + 1 + ledger.dropped.values().sum::<u64>(), MADE + 2);
}

#[test]
fn a_shard_goes_to_the_next_thread_when_its_own_ends() {
    let (spans, ledger) = below_a_root(|_| {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        for _ in 0..3 {
            let dispatch = dispatch.clone();
            std::thread::spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    let _task = info_span!("task").entered();
                    drop(info_span!("first").entered());
                    let _inner = info_span!("inner", n = 1).entered();
                });
            })
            .join()
            .unwrap();
        }
    });
    assert_eq!(spans.iter().filter(|s| s.name == "inner").count(), 3);
    assert_eq!((ledger.open, ledger.received), (0, 2 + 3 * 3));
}
