//! Every door at once, from many threads that panic and end, while the pipeline reads: each span arrives exactly
//! once, under the right parent, and the accounts add up.
#![cfg(all(feature = "otel", feature = "testing"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use trace_core::model::{SpanId, Status};
use trace_core::pipeline::{DestinationConfig, Pipeline};
use trace_core::record::otel::{Tracer, TracerProvider};
use trace_core::record::{InSpan, Recorder, Span, current_context};
use trace_core::testing::CaptureExporter;
use trace_core::{async_span, span};

/// How long a run records.
const TIME: Duration = Duration::from_millis(500);

/// What a span is expected to look like.
#[derive(Debug, PartialEq)]
struct Expected {
    parent: Option<SpanId>,
    late: bool,
    panicked: bool,
}

#[derive(Default)]
struct Seen {
    /// Only spans that were recorded: a full buffer is allowed to refuse.
    expected: HashMap<SpanId, Expected>,
}

impl Seen {
    fn note(&mut self, span: &Span, parent: Option<SpanId>, late: bool, panicked: bool) -> Option<SpanId> {
        let id = span.context().map(|c| c.span_id);
        if let (true, Some(id)) = (span.is_recording(), id) {
            assert!(self.expected.insert(id, Expected { parent, late, panicked }).is_none());
        }
        id
    }
}

fn late(span: &Span, i: usize) -> bool {
    if i.is_multiple_of(5) {
        span.set_attribute("late", i);
    }
    i.is_multiple_of(5)
}

/// One round of nested spans, one of each kind.
fn round(r: &Recorder, tracer: Option<&Tracer>, seen: &mut Seen, i: usize) {
    let outer = span!(recorder: r, "outer", i = i, text = "some text that is longer");
    let outer_id = seen.note(&outer, None, late(&outer, i), false);

    let inner = span!(recorder: r, "inner", i = i);
    let inner_id = seen.note(&inner, outer_id, late(&inner, i + 1), false);

    // Ends on another thread or later, and so in another chunk.
    let moved = async_span!(recorder: r, "moved", i = i);
    seen.note(&moved, inner_id, late(&moved, i + 2), false);

    if let Some(tracer) = tracer {
        let mut api = tracer.start("api");
        let id = SpanId::from_bytes(api.span_context().span_id().to_bytes()).unwrap();
        if api.is_recording() {
            seen.expected.insert(id, Expected { parent: inner_id, late: true, panicked: false });
        }
        api.set_attribute(opentelemetry::KeyValue::new("late", 1));
        let cx = opentelemetry::Context::current_with_span(api);
        let _attached = cx.attach();
        let under = span!(recorder: r, "under the api");
        seen.note(&under, Some(id), false, false);
    }

    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        if i.is_multiple_of(97) {
            let fragile = span!(recorder: r, "fragile");
            seen.note(&fragile, inner_id, late(&fragile, i), true);
            std::panic::resume_unwind(Box::new("boom"));
        }
    }));
    assert_eq!(caught.is_err(), i.is_multiple_of(97));

    if i.is_multiple_of(3) {
        // Out of order.
        drop(outer);
        drop(inner);
    } else {
        drop(inner);
        drop(outer);
    }
    if i.is_multiple_of(50) {
        std::thread::scope(|s| {
            s.spawn(move || drop(moved));
        });
    }
    assert_eq!(current_context(), None);
}

async fn task(r: Recorder, seen: Arc<Mutex<Seen>>, root: Option<SpanId>, i: usize) {
    for step in 0..3 {
        {
            let guard = span!(recorder: &r, "step");
            seen.lock().unwrap().note(&guard, root, late(&guard, i + step), false);
        }
        tokio::task::yield_now().await;
    }
}

fn tasks(r: &Recorder, runtime: &tokio::runtime::Runtime, seen: &Arc<Mutex<Seen>>) {
    let handles: Vec<_> = (0..20)
        .map(|i| {
            let root = async_span!(recorder: r, "task", i = i);
            let id = seen.lock().unwrap().note(&root, None, late(&root, i), false);
            runtime.spawn(task(r.clone(), seen.clone(), id, i).in_span(root))
        })
        .collect();
    runtime.block_on(async {
        for h in handles {
            h.await.unwrap();
        }
    });
}

fn run(api: bool) {
    let out = CaptureExporter::new();
    let config = DestinationConfig { queue_bytes: usize::MAX, ..DestinationConfig::default() };
    let p = Pipeline::builder()
        .interval(Duration::from_millis(2))
        .export_spans_with("out", out.clone(), config)
        .start()
        .unwrap();
    let r = p.recorder();
    let tracer = api.then(|| TracerProvider::new(r.clone()).tracer("stress"));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (stop, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // Short-lived threads, so that slots change hands.
                while !stop.load(Ordering::Relaxed) {
                    let tracer = tracer.as_ref();
                    let short = || {
                        let mut mine = Seen::default();
                        (0..200).for_each(|i| round(r, tracer, &mut mine, i));
                        mine
                    };
                    let mine = std::thread::scope(|s| s.spawn(short).join().unwrap());
                    seen.lock().unwrap().expected.extend(mine.expected);
                    ended.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let began = Instant::now();
        while began.elapsed() < TIME {
            tasks(r, &runtime, &seen);
            assert!(p.ledger().adds_up());
            p.flush(Duration::from_secs(10)).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(ended.load(Ordering::Relaxed) > 3);
    let report = p.shutdown(Duration::from_secs(20));
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.open, ledger.pending), (0, 0), "{report:?}");
    assert!(ledger.dropped.keys().all(|why| *why == "buffer_full"), "{ledger:?}");

    let mut expected = std::mem::take(&mut seen.lock().unwrap().expected);
    assert_eq!(ledger.delivered as usize, expected.len());
    assert!(expected.len() > 2_000, "only {} spans", expected.len());
    for s in out.spans() {
        let got = Expected {
            parent: s.parent_span_id,
            late: s.attributes.iter().any(|kv| kv.key == "late"),
            panicked: s.status == Status::Error("panicked".into()),
        };
        assert_eq!(expected.remove(&s.context.span_id), Some(got), "{s:?}");
        assert!(s.end >= s.start);
    }
    assert!(expected.is_empty(), "{} spans never arrived", expected.len());
}

#[test]
fn every_span_of_every_door_arrives_once_under_its_parent() {
    // The `opentelemetry` API changes how `span!` records, from its first use on: hence the order.
    run(false);
    run(true);
}
