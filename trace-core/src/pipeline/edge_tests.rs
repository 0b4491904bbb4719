//! What the pipeline promises when users' code misbehaves or settings are odd.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::*;
use crate::batch::{SpanBatch, SpanBatchMut};
use crate::model::{Resource, SpanContext, SpanData, SpanId, Timestamp, TraceFlags, TraceId};
use crate::signal::{ExportError, SpanExporter, SpanProcessor};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(100);

fn quick() -> DestinationConfig {
    DestinationConfig { max_delay: Duration::ZERO, timeout: SHORT, ..DestinationConfig::default() }
}

fn record(p: &Pipeline, n: usize) {
    (0..n).for_each(|_| p.recorder().span("s").start().end());
}

/// Blocks until the other end of the channel is gone.
struct Gate(Mutex<Receiver<()>>);

impl Gate {
    fn pass(&self) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
    }
}

impl SpanProcessor for Gate {
    fn process(&self, _: &mut SpanBatchMut) {
        self.pass();
    }
}

#[test]
fn spans_that_a_processor_adds_are_accounted_for() {
    struct Adds;
    impl SpanProcessor for Adds {
        fn process(&self, b: &mut SpanBatchMut) {
            let context =
                SpanContext::new(TraceId::from_random(7), SpanId::new(7).unwrap(), TraceFlags::SAMPLED);
            let at = Timestamp::from_unix_secs(1);
            b.push(SpanData::new(context, "added".to_owned(), at, at));
        }
    }
    let out = CaptureExporter::new();
    let p =
        Pipeline::builder().processor(Adds).export_spans_with("out", out.clone(), quick()).start().unwrap();
    record(&p, 3);
    let ledger = p.shutdown(LONG).unwrap().ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.delivered as usize, out.spans().len());
    assert!(ledger.delivered > 3);
}

#[test]
fn a_filter_that_panics_halfway_loses_nothing() {
    struct Halfway;
    impl SpanProcessor for Halfway {
        fn process(&self, b: &mut SpanBatchMut) {
            let mut seen = 0;
            b.retain(|_| {
                seen += 1;
                assert!(seen < 3, "broken filter");
                false
            });
        }
    }
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
    let context = SpanContext::new(TraceId::from_random(7), SpanId::new(7).unwrap(), TraceFlags::SAMPLED);
    let at = Timestamp::from_unix_secs(1);
    batch.extend((0..5).map(|_| SpanData::new(context.clone(), "s".to_owned(), at, at)));
    let run = std::panic::AssertUnwindSafe(|| Halfway.process(&mut batch));
    assert!(std::panic::catch_unwind(run).is_err());
    assert_eq!(batch.len(), 5);
}

#[test]
fn a_collection_that_hangs_does_not_hold_up_the_shutdown() {
    let (release, gate) = channel::<()>();
    let gate = Gate(Mutex::new(gate));
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .collect_metrics(LONG, move || {
            gate.pass();
            crate::metric::MeterRegistry::new(Arc::new(Resource::service("s")))
                .collect(Timestamp::from_unix_secs(1))
        })
        .export_metrics("metrics", CaptureExporter::new())
        .export_spans_with("out", out.clone(), DestinationConfig { max_delay: LONG, ..quick() })
        .start()
        .unwrap();
    record(&p, 5);
    let (answer, report) = channel();
    std::thread::spawn(move || {
        let began = Instant::now();
        let _ = p.shutdown(SHORT);
        let _ = answer.send((began.elapsed(), p));
    });
    let (took, p) = report.recv_timeout(LONG).expect("the shutdown came back");
    drop(release);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(p.ledger().adds_up());
    assert_eq!(out.spans().len(), 5);
}

#[test]
fn a_flush_that_waits_does_not_hold_up_a_shutdown() {
    let (release, gate) = channel::<()>();
    let p = Arc::new(Pipeline::builder().processor(Gate(Mutex::new(gate))).start().unwrap());
    record(&p, 1);
    let (flushing, flusher) = (Arc::clone(&p), channel());
    let waits = std::thread::spawn(move || {
        let _ = flusher.0.send(());
        flushing.flush(LONG)
    });
    flusher.1.recv().unwrap();
    std::thread::park_timeout(Duration::from_millis(50));
    let began = Instant::now();
    let _ = p.shutdown(SHORT);
    let took = began.elapsed();
    drop(release);
    let _ = waits.join().unwrap();
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn endless_times_are_not_an_error() {
    let out = CaptureExporter::new();
    let endless = RetryPolicy { initial: Duration::MAX, max: Duration::MAX, give_up_after: Duration::MAX };
    let config = DestinationConfig {
        max_delay: Duration::MAX,
        timeout: Duration::MAX,
        retry: endless,
        ..DestinationConfig::default()
    };
    let p = Pipeline::builder()
        .interval(Duration::MAX)
        .export_spans_with("out", out.clone(), config)
        .start()
        .unwrap();
    record(&p, 2);
    p.flush(Duration::MAX).unwrap();
    record(&p, 1);
    out.fail_next(ExportError::retryable("not now"));
    assert!(p.flush(SHORT).is_err());
    let ledger = p.shutdown(SHORT).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.destinations[0].delivered, 2);
    let p = Pipeline::builder().start().unwrap();
    p.shutdown(Duration::MAX).unwrap();
}

/// Panics when its unfinished future is dropped by a timeout.
struct PanicsInDrop;

struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
}

#[async_trait]
impl SpanExporter for PanicsInDrop {
    async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
        let _bomb = Bomb;
        std::future::pending().await
    }
}

#[test]
fn a_future_that_panics_when_it_is_dropped_costs_its_batch_and_no_more() {
    let good = CaptureExporter::new();
    let p = Pipeline::builder()
        .export_spans_with("bad", PanicsInDrop, quick())
        .export_spans_with("good", good.clone(), quick())
        .start()
        .unwrap();
    for _ in 0..2 {
        record(&p, 3);
        p.flush(LONG).unwrap();
    }
    let ledger = p.shutdown(LONG).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.destinations[0].pending, ledger.destinations[0].dropped["panic"]), (0, 6));
    assert_eq!(good.spans().len(), 6);
}

#[test]
fn an_exporter_that_does_not_go_away_does_not_hold_up_the_shutdown() {
    struct Stays(Gate);
    #[async_trait]
    impl SpanExporter for Stays {
        async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
            Ok(())
        }
    }
    impl Drop for Stays {
        fn drop(&mut self) {
            self.0.pass();
        }
    }
    let (release, gate) = channel::<()>();
    let p = Pipeline::builder()
        .export_spans_with("stays", Stays(Gate(Mutex::new(gate))), quick())
        .start()
        .unwrap();
    record(&p, 1);
    let (answer, report) = channel();
    std::thread::spawn(move || {
        let result = p.shutdown(SHORT);
        let _ = answer.send(result);
    });
    let result = report.recv_timeout(LONG).expect("the shutdown came back");
    drop(release);
    assert_eq!(result.unwrap().ledger.destinations[0].delivered, 1);
}
