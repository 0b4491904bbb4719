//! What an ingest promises: bounded, counted, and waiting only where it may.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::*;
use crate::batch::SpanBatchMut;
use crate::model::{Resource, SpanContext, SpanData, SpanId, TenantId, Timestamp, TraceFlags, TraceId};
use crate::record::{OverflowPolicy, SpanLimits};
use crate::signal::SpanProcessor;
use crate::tenant::{Tenancy, TenantResolver};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(20);

fn batch(n: u64) -> SpanBatchMut {
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("other")));
    batch.extend((1..=n).map(|i| {
        let context = SpanContext::new(TraceId::from_random(7), SpanId::new(i).unwrap(), TraceFlags::SAMPLED);
        let at = Timestamp::from_unix_secs(1);
        SpanData::new(context, "handed in".to_owned(), at, at)
    }));
    batch
}

/// Holds the pipeline's thread in its first batches until the other end is gone.
struct Gate(Mutex<Receiver<()>>);

impl SpanProcessor for Gate {
    fn process(&self, _: &mut SpanBatchMut) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }
}

/// A pipeline whose thread stands still with one batch in its hands, and what lets it go on.
fn stuck(limits: Option<SpanLimits>) -> (Pipeline, Sender<()>, CaptureExporter) {
    let (release, gate) = channel();
    let out = CaptureExporter::new();
    let recorder = crate::record::Recorder::builder().limits(limits.unwrap_or_default());
    let p = Pipeline::builder()
        .recorder(recorder)
        .ingest_bytes(1)
        .processor(Gate(Mutex::new(gate)))
        .export_spans("out", out.clone())
        .start()
        .unwrap();
    p.ingest(OverflowPolicy::Drop).offer(batch(1)).unwrap();
    let _ = p.flush(SHORT);
    (p, release, out)
}

#[test]
fn what_is_handed_in_passes_processors_and_stands_in_the_ledger() {
    struct Renames;
    impl SpanProcessor for Renames {
        fn process(&self, b: &mut SpanBatchMut) {
            (0..b.len()).for_each(|i| b.set_name(i, "renamed"));
        }
    }
    let out = CaptureExporter::new();
    let p = Pipeline::builder().processor(Renames).export_spans("out", out.clone()).start().unwrap();
    p.ingest(OverflowPolicy::Drop).offer(batch(3)).unwrap();
    p.recorder().span("recorded").start().end();
    p.flush(LONG).unwrap();
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.received, ledger.delivered), (4, 4));
    assert!(out.spans().iter().all(|s| s.name == "renamed"));
    p.shutdown(LONG).unwrap();
    assert_eq!(
        p.ingest(OverflowPolicy::Drop).offer(batch(2)),
        Err(IngestError::Closed { spans: 2 }),
        "after the shutdown"
    );
    assert_eq!((p.ledger().dropped["after_shutdown"], p.ledger().adds_up()), (2, true));
}

#[test]
fn a_source_that_drops_never_waits_and_what_it_drops_is_counted() {
    let (p, release, _out) = stuck(None);
    let ingest = p.ingest(OverflowPolicy::Drop);
    ingest.offer(batch(1)).unwrap();
    let refused = ingest.offer(batch(5)).unwrap_err();
    assert!(matches!(refused, IngestError::Full { spans: 5, capacity: 1, .. }), "{refused}");
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.received, ledger.dropped["ingest_full"]), (7, 5));
    drop(release);
}

#[test]
fn a_source_that_blocks_waits_for_room_or_for_its_limit() {
    let (p, release, out) = stuck(None);
    let ingest = p.ingest(OverflowPolicy::block(SHORT));
    ingest.offer(batch(1)).unwrap();
    let began = Instant::now();
    assert!(matches!(ingest.offer(batch(1)), Err(IngestError::Full { .. })));
    assert!(began.elapsed() >= SHORT);
    let patient = p.ingest(OverflowPolicy::block(LONG));
    let waiting = std::thread::spawn(move || patient.offer(batch(2)));
    drop(release);
    waiting.join().unwrap().unwrap();
    p.flush(LONG).unwrap();
    assert_eq!(out.spans().len(), 4);
}

#[test]
fn a_blocking_source_does_not_block_a_runtime_but_lets_its_tasks_run() {
    let (p, release, out) = stuck(None);
    let ingest = p.ingest(OverflowPolicy::block(LONG));
    ingest.offer(batch(1)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        assert!(ingest.offer(batch(1)).is_err(), "on a runtime's thread it drops");
        assert!(began.elapsed() < LONG);
        let send = async { ingest.send(batch(2)).await };
        let other_task = async { drop(release) };
        let (sent, ()) = tokio::join!(send, other_task);
        sent.unwrap();
    });
    p.flush(LONG).unwrap();
    assert_eq!(out.spans().len(), 4);
    let ledger = p.ledger();
    assert!(ledger.adds_up() && ledger.dropped["ingest_full"] == 1, "{ledger:?}");
}

#[test]
fn a_recorder_handle_that_blocks_loses_nothing_where_another_drops() {
    let limits = SpanLimits { spans_per_thread: 8, rings: 0, ..SpanLimits::default() };
    let (p, release, out) = stuck(Some(limits));
    let dropping = p.recorder().clone();
    (0..20).for_each(|_| dropping.span("s").start().end());
    assert_eq!(p.ledger().dropped["buffer_full"], 12);
    let blocking = p.recorder().with_overflow(OverflowPolicy::block(LONG));
    let patient = std::thread::spawn(move || (0..100).for_each(|_| blocking.span("s").start().end()));
    drop(release);
    patient.join().unwrap();
    p.flush(LONG).unwrap();
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.dropped["buffer_full"], out.spans().len()), (12, 109));
}

#[cfg(all(feature = "otel", feature = "tracing"))]
#[test]
fn the_api_and_the_tracing_layer_wait_too_when_the_chunk_is_full() {
    use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
    use tracing_subscriber::layer::SubscriberExt as _;

    let limits = SpanLimits { spans_per_thread: 8, rings: 0, ..SpanLimits::default() };
    let (p, release, out) = stuck(Some(limits));
    let blocking = p.recorder().with_overflow(OverflowPolicy::block(LONG));
    let tracer = crate::record::otel::TracerProvider::new(blocking.clone()).tracer("waits");
    let layer = crate::record::tracing_layer::TraceLayer::new(blocking);
    let dispatch: tracing::Dispatch = tracing_subscriber::registry().with(layer).into();
    let api = std::thread::spawn(move || (0..100).for_each(|_| tracer.start("api").end()));
    let tracing = std::thread::spawn(move || {
        tracing::dispatcher::with_default(&dispatch, || {
            (0..100).for_each(|_| drop(tracing::info_span!("tracing").entered()));
        });
    });
    drop(release);
    api.join().unwrap();
    tracing.join().unwrap();
    p.flush(LONG).unwrap();
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.dropped.len(), out.spans().len()), (0, 201), "{ledger:?}");
}

#[test]
fn the_macro_waits_too_when_ring_and_chunk_are_full() {
    let limits = SpanLimits { spans_per_thread: 8, ..SpanLimits::default() };
    let (p, release, _out) = stuck(Some(limits));
    let full = p.recorder().clone();
    // Each span takes at least eight of the 262,144 words of a ring.
    let fill = move || (0..40_000).for_each(|_| drop(crate::span!(recorder: &full, "s")));
    let blocking = p.recorder().with_overflow(OverflowPolicy::block(LONG));
    let thread = std::thread::spawn(move || {
        fill();
        for _ in 0..1_000 {
            let _span = crate::span!(recorder: &blocking, "s");
        }
    });
    while p.ledger().dropped.get("buffer_full").is_none_or(|n| *n == 0) {
        std::thread::yield_now();
    }
    drop(release);
    thread.join().unwrap();
    p.flush(LONG).unwrap();
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.received, 41_001);
    assert!(ledger.dropped["buffer_full"] <= 40_000 - 8);
}

#[test]
fn the_tenant_of_an_ingest_wins() {
    let tenancy = Tenancy::builder(TenantResolver::new()).build();
    let p = Pipeline::builder().tenants(tenancy).start().unwrap();
    p.ingest(OverflowPolicy::Drop).of_tenant(TenantId::new("proved").unwrap()).offer(batch(3)).unwrap();
    p.flush(LONG).unwrap();
    assert_eq!((&*p.ledger().tenants[0].tenant, p.ledger().tenants[0].accepted), ("proved", 3));
}
