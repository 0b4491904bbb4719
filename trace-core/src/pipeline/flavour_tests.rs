//! Start, flush and shutdown from everywhere: runtimes, destructors, panics, the pipeline's own threads.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::*;
use crate::batch::{SpanBatch, SpanBatchMut};
use crate::env::EnvSettings;
use crate::model::{Resource, SpanContext, SpanId, TraceFlags, TraceId};
use crate::record::SpanLimits;
use crate::signal::{ExportError, SpanExporter, SpanProcessor};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(50);

fn at_once() -> DestinationConfig {
    DestinationConfig { max_delay: Duration::ZERO, ..DestinationConfig::default() }
}

fn record(p: &Pipeline, n: usize) {
    (0..n).for_each(|_| p.recorder().span("s").start().end());
}

fn start_flush_and_shut_down() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    record(&p, 10);
    p.flush(LONG).unwrap();
    assert_eq!(out.spans().len(), 10);
    record(&p, 5);
    assert_eq!(p.shutdown(LONG).unwrap().ledger.delivered, 15);
    assert_eq!(out.spans().len(), 15);
}

#[test]
fn every_flavour_of_runtime_is_fine() {
    start_flush_and_shut_down();
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    current.block_on(async { start_flush_and_shut_down() });
    let local = tokio::task::LocalSet::new();
    local.block_on(&current, async {
        tokio::task::spawn_local(async { start_flush_and_shut_down() }).await.unwrap();
    });
    let one = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    one.block_on(async { tokio::spawn(async { start_flush_and_shut_down() }).await.unwrap() });
    one.block_on(async { tokio::task::spawn_blocking(start_flush_and_shut_down).await.unwrap() });
    // A runtime that is gone before the pipeline is.
    let out = CaptureExporter::new();
    let p = {
        let gone = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        gone.block_on(async { Pipeline::builder().export_spans("out", out.clone()).start().unwrap() })
    };
    record(&p, 3);
    p.shutdown(LONG).unwrap();
    assert_eq!(out.spans().len(), 3);
}

#[test]
fn a_destructor_in_a_panicking_thread_delivers() {
    let out = CaptureExporter::new();
    let exporter = out.clone();
    let panicked = std::thread::spawn(move || {
        let p = Pipeline::builder().export_spans("out", exporter).start().unwrap();
        record(&p, 4);
        panic!("the application is broken");
    });
    assert!(panicked.join().is_err());
    assert_eq!(out.spans().len(), 4);
}

/// Tells when an export begins, and takes this long.
struct Slow(Sender<()>, Duration);

#[async_trait]
impl SpanExporter for Slow {
    async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
        let _ = self.0.send(());
        tokio::time::sleep(self.1).await;
        Ok(())
    }
}

fn slow(takes: Duration) -> (Arc<Pipeline>, std::sync::mpsc::Receiver<()>) {
    let (tx, exporting) = channel();
    let p = Pipeline::builder().export_spans_with("slow", Slow(tx, takes), at_once()).start().unwrap();
    record(&p, 7);
    (Arc::new(p), exporting)
}

#[test]
fn shutdowns_at_the_same_time_give_the_same_final_accounts() {
    let (p, exporting) = slow(Duration::from_millis(200));
    let others: Vec<_> = (0..4)
        .map(|_| {
            let p = p.clone();
            std::thread::spawn(move || p.shutdown(LONG))
        })
        .collect();
    exporting.recv().unwrap();
    let mine = p.shutdown(LONG).unwrap();
    assert_eq!((mine.ledger.delivered, mine.ledger.destinations[0].delivered), (7, 7));
    for other in others {
        assert_eq!(other.join().unwrap().unwrap(), mine);
    }
    assert_eq!(p.shutdown(Duration::ZERO).unwrap(), mine, "and any later one too, at once");
}

#[test]
fn a_second_shutdown_with_less_time_says_that_its_accounts_are_interim() {
    let (p, exporting) = slow(Duration::from_millis(300));
    let first = std::thread::spawn({
        let p = p.clone();
        move || p.shutdown(LONG)
    });
    exporting.recv().unwrap();
    // The first has begun for certain: recording is closed.
    while p.recorder().span("probe").start().is_recording() {
        std::thread::yield_now();
    }
    let error = p.shutdown(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.failure, DeliveryFailure::Unfinished);
    assert!(error.to_string().contains("interim"), "{error}");
    let _ = first.join().unwrap();
}

/// What a flush and a shutdown said, and how long both took.
type Answers = (Result<(), FlushError>, DeliveryFailure, Duration);

/// Calls the pipeline it is part of.
struct FromInside {
    pipeline: Arc<OnceLock<Arc<Pipeline>>>,
    seen: Mutex<Sender<Answers>>,
}

impl FromInside {
    fn call(&self) {
        let Some(p) = self.pipeline.get() else { return };
        let began = Instant::now();
        let flushed = p.flush(LONG);
        let Err(stopped) = p.shutdown(LONG) else { return };
        let _ = self.seen.lock().unwrap().send((flushed, stopped.failure, began.elapsed()));
    }
}

#[async_trait]
impl SpanExporter for FromInside {
    async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
        self.call();
        Ok(())
    }
}

impl SpanProcessor for FromInside {
    fn process(&self, _: &mut SpanBatchMut) {
        self.call();
    }
}

#[test]
fn a_call_from_inside_of_the_pipeline_is_refused_and_the_shutdown_goes_on() {
    for as_exporter in [true, false] {
        let (tx, seen) = channel();
        let slot = Arc::new(OnceLock::new());
        let inside = FromInside { pipeline: slot.clone(), seen: Mutex::new(tx) };
        let out = CaptureExporter::new();
        let builder = Pipeline::builder().export_spans_with("out", out.clone(), at_once());
        let builder = match as_exporter {
            true => builder.export_spans_with("inside", inside, at_once()),
            false => builder.processor(inside),
        };
        let p = Arc::new(builder.start().unwrap());
        assert!(slot.set(p.clone()).is_ok());
        record(&p, 6);
        let (flushed, stopped, took) = seen.recv_timeout(LONG).unwrap();
        assert_eq!((flushed, stopped), (Err(FlushError::FromInside), DeliveryFailure::FromInside));
        assert!(took < LONG);
        let report = p.shutdown(LONG).unwrap();
        assert_eq!((report.ledger.delivered, out.spans().len()), (6, 6), "{report}");
    }
}

#[test]
fn the_last_handle_may_be_dropped_by_an_exporter() {
    struct Owns(Mutex<Option<Arc<Pipeline>>>, Sender<()>);
    #[async_trait]
    impl SpanExporter for Owns {
        async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
            drop(self.0.lock().unwrap().take());
            let _ = self.1.send(());
            Ok(())
        }
    }
    struct Shared(Arc<Owns>);
    #[async_trait]
    impl SpanExporter for Shared {
        async fn export(&self, b: &SpanBatch) -> Result<(), ExportError> {
            self.0.export(b).await
        }
    }
    let (tx, exported) = channel();
    let owner = Arc::new(Owns(Mutex::new(None), tx));
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .export_spans_with("owner", Shared(owner.clone()), at_once())
        .export_spans_with("out", out.clone(), at_once())
        .start()
        .unwrap();
    let reader = p.ledger_reader();
    let recorder = p.recorder().clone();
    *owner.0.lock().unwrap() = Some(Arc::new(p));
    (0..3).for_each(|_| recorder.span("s").start().end());
    let began = Instant::now();
    exported.recv_timeout(LONG).unwrap();
    while reader.read().destinations.iter().any(|d| d.delivered != 3) {
        assert!(began.elapsed() < LONG, "{reader:?}");
        std::thread::yield_now();
    }
}

#[test]
fn exporters_that_hang_or_panic_anywhere_cost_their_own_spans_only() {
    #[derive(Clone, Copy, PartialEq)]
    enum Bad {
        Hangs,
        Panics,
        Blocks,
    }
    struct Broken(&'static str, Bad);
    impl Broken {
        async fn at(&self, place: &'static str) -> Result<(), ExportError> {
            if place != self.0 {
                return Ok(());
            }
            match self.1 {
                Bad::Hangs => std::future::pending().await,
                Bad::Panics => panic!("broken exporter"),
                Bad::Blocks => std::thread::park_timeout(Duration::from_millis(300)),
            }
            Ok(())
        }
    }
    #[async_trait]
    impl SpanExporter for Broken {
        async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
            self.at("export").await
        }
        async fn flush(&self) -> Result<(), ExportError> {
            self.at("flush").await
        }
        async fn shutdown(&self) -> Result<(), ExportError> {
            self.at("shutdown").await
        }
    }
    for place in ["export", "flush", "shutdown"] {
        for bad in [Bad::Hangs, Bad::Panics, Bad::Blocks] {
            let out = CaptureExporter::new();
            let config = DestinationConfig { timeout: SHORT, ..at_once() };
            let p = Pipeline::builder()
                .export_spans_with("broken", Broken(place, bad), config)
                .export_spans_with("out", out.clone(), at_once())
                .start()
                .unwrap();
            record(&p, 5);
            let began = Instant::now();
            let _ = p.flush(SHORT);
            let report = p.shutdown(2 * SHORT).unwrap_or_else(|e| *e.report);
            assert!(began.elapsed() < Duration::from_secs(3), "{place}");
            assert!(report.ledger.adds_up(), "{place}: {report}");
            assert_eq!(out.spans().len(), 5, "{place}: {report}");
            let lost = report.ledger.destinations[0].lost() + report.ledger.destinations[0].pending;
            let delivered = if place == "export" && bad != Bad::Blocks { 0 } else { 5 };
            if bad != Bad::Blocks {
                assert_eq!(lost, 5 - delivered, "{place}: {report}");
            }
        }
    }
}

#[test]
fn a_disabled_pipeline_records_nothing_and_passes_contexts_on() {
    let out = CaptureExporter::new();
    let env = EnvSettings::read(&|n| (n == "OTEL_SDK_DISABLED").then(|| "true".to_owned()));
    let p = Pipeline::builder().export_spans("out", out.clone()).env(env).start().unwrap();
    let mut parent = SpanContext::new(TraceId::from_random(7), SpanId::new(7).unwrap(), TraceFlags::SAMPLED);
    parent.is_remote = true;
    let span = p.recorder().span("s").parent(parent.clone()).start();
    assert!(!span.is_recording());
    assert_eq!(span.context(), Some(&parent), "the parent's context goes on, sampled as it was");
    span.end();
    p.flush(LONG).unwrap();
    assert_eq!(p.ledger(), Ledger::default());
    assert_eq!(p.shutdown(LONG).unwrap(), DeliveryReport::default());
    assert!(out.spans().is_empty());
}

#[test]
fn without_recording_what_is_handed_in_still_arrives_and_nothing_counts_as_lost() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().recording(false).export_spans("out", out.clone()).start().unwrap();
    record(&p, 5);
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
    let context = SpanContext::new(TraceId::from_random(7), SpanId::new(7).unwrap(), TraceFlags::SAMPLED);
    let at = crate::model::Timestamp::from_unix_secs(1);
    batch.push(crate::model::SpanData::new(context, "handed in".to_owned(), at, at));
    p.ingest(crate::record::OverflowPolicy::Drop).offer(batch).unwrap();
    assert_eq!(p.shutdown(LONG).unwrap().ledger.delivered, 1);
    assert_eq!(out.spans().len(), 1);
}

#[test]
fn variables_stand_in_for_what_the_program_does_not_set() {
    let env = || {
        EnvSettings::read(&|name| {
            let value = match name {
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" => "3",
                "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" => "1",
                "OTEL_RESOURCE_ATTRIBUTES" => "service.name=env,team=env",
                "OTEL_BSP_SCHEDULE_DELAY" => "soon",
                _ => return None,
            };
            Some(value.to_owned())
        })
    };
    let start = |recorder, config: Option<DestinationConfig>| {
        let out = CaptureExporter::new();
        let builder = Pipeline::builder().recorder(recorder).env(env());
        let p = match config {
            None => builder.export_spans("out", out.clone()),
            Some(config) => builder.export_spans_with("out", out.clone(), config),
        };
        let p = p.start().unwrap();
        p.recorder().span("s").attribute("a", 1).attribute("b", 2).start().end();
        record(&p, 9);
        p.flush(LONG).unwrap();
        assert_eq!(p.env_warnings()[0].variable, "OTEL_BSP_SCHEDULE_DELAY");
        let name = p.recorder().resource().service_name().to_owned();
        let attributes = out.spans().iter().map(|s| s.attributes.len()).max().unwrap();
        (name, attributes, out.batch_sizes()[0])
    };
    use crate::record::Recorder;
    assert_eq!(start(Recorder::builder(), None), ("env".to_owned(), 1, 3));
    let set = Recorder::builder().resource(Resource::service("code")).limits(SpanLimits::default());
    assert_eq!(start(set, Some(DestinationConfig::default())), ("code".to_owned(), 2, 10));
}

#[test]
fn the_ledger_adds_up_whenever_it_is_read() {
    let out = CaptureExporter::new();
    let p = Arc::new(
        Pipeline::builder()
            .interval(Duration::from_millis(1))
            .export_spans_with("out", out.clone(), at_once())
            .start()
            .unwrap(),
    );
    let recording: Vec<_> = (0..2)
        .map(|_| {
            let p = p.clone();
            std::thread::spawn(move || {
                for i in 0..20_000 {
                    let span = crate::span!(recorder: p.recorder(), "s");
                    if i % 3 == 0 {
                        span.set_attribute("late", i);
                    }
                }
            })
        })
        .collect();
    while recording.iter().any(|t| !t.is_finished()) {
        let ledger = p.ledger();
        assert!(ledger.adds_up(), "{ledger:?}");
    }
    recording.into_iter().for_each(|t| t.join().unwrap());
    let ledger = p.shutdown(LONG).unwrap().ledger;
    assert_eq!((ledger.received, ledger.delivered), (40_000, 40_000));
}

#[test]
fn additions_without_room_are_in_the_ledger() {
    let limits = SpanLimits { bytes_per_thread: 10_000, ..SpanLimits::default() };
    let p = Pipeline::builder()
        .recorder(crate::record::Recorder::builder().limits(limits))
        .interval(LONG)
        .start()
        .unwrap();
    let span = p.recorder().span("s").start();
    // More than the pipeline can take away in between.
    while p.ledger().edits_dropped == 0 {
        (0..1_000).for_each(|_| span.add_event("e".repeat(100), Vec::new()));
    }
    span.end();
    let report = p.shutdown(LONG).unwrap();
    assert!(report.ledger.edits_dropped > 0);
    assert!(report.to_string().contains("additions to spans lost"), "{report}");
}
