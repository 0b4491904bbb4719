//! What the pipeline promises, in one place.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::*;
use crate::batch::{SpanBatch, SpanBatchMut};
use crate::model::{KeyValue, MetricBatch, Resource};
use crate::signal::{ExportError, SpanExporter, SpanProcessor};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

fn quick() -> DestinationConfig {
    DestinationConfig {
        max_delay: Duration::ZERO,
        timeout: Duration::from_millis(100),
        retry: RetryPolicy {
            initial: Duration::from_millis(2),
            max: Duration::from_millis(4),
            ..RetryPolicy::default()
        },
        ..DestinationConfig::default()
    }
}

fn record(p: &Pipeline, n: usize) {
    for i in 0..n {
        p.recorder().span("s").attribute("i", i).start().end();
    }
}

/// Never answers.
struct Hangs;
#[async_trait]
impl SpanExporter for Hangs {
    async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
        std::future::pending().await
    }
}

/// Fails as long as told.
struct Down(Arc<AtomicBool>, CaptureExporter);
#[async_trait]
impl SpanExporter for Down {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(ExportError::retryable("connection refused"));
        }
        SpanExporter::export(&self.1, batch).await
    }
}

struct Panics;
#[async_trait]
impl SpanExporter for Panics {
    async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
        panic!("broken exporter")
    }
}

#[test]
fn every_span_reaches_every_destination_and_the_accounts_add_up() {
    let (a, b) = (CaptureExporter::new(), CaptureExporter::new());
    let p = Pipeline::builder()
        .export_spans_with("a", a.clone(), quick())
        .export_spans_with("b", b.clone(), quick())
        .start()
        .unwrap();
    record(&p, 3_000);
    p.flush(LONG).unwrap();
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.received, ledger.delivered, ledger.pending), (3_000, 3_000, 0));
    let report = p.shutdown(LONG).unwrap();
    assert!(report.ledger.destinations.iter().all(|d| d.delivered == 3_000));
    assert_eq!((a.spans().len(), b.spans().len()), (3_000, 3_000));
    assert!(a.batch_sizes().iter().all(|n| *n <= 512));
    assert_eq!(a.flushes_and_shutdowns(), (1, 1));
}

#[test]
fn a_hanging_destination_delays_neither_its_sibling_nor_the_caller() {
    let good = CaptureExporter::new();
    let p = Pipeline::builder()
        .export_spans_with("hangs", Hangs, DestinationConfig { timeout: LONG, ..quick() })
        .export_spans_with("good", good.clone(), quick())
        .start()
        .unwrap();
    record(&p, 100);
    assert!(
        matches!(p.flush(Duration::from_millis(200)), Err(FlushError::Timeout(_, who)) if who == "destination hangs")
    );
    assert_eq!(good.spans().len(), 100);
    let began = Instant::now();
    let report = p.shutdown(Duration::from_millis(100)).unwrap_err().report;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(report.ledger.adds_up(), "{report}");
    assert_eq!(report.ledger.destinations[0].dropped["shutdown"], 100);
    assert_eq!(report.ledger.destinations[1].delivered, 100);
}

#[test]
fn with_the_collector_down_shutdown_says_how_many_spans_were_lost_and_why() {
    let p = Pipeline::builder()
        .export_spans_with(
            "collector",
            Down(Arc::new(AtomicBool::new(true)), CaptureExporter::new()),
            quick(),
        )
        .start()
        .unwrap();
    record(&p, 10);
    let error = p.shutdown(Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.report.ledger.lost(), 10);
    let text = error.to_string();
    assert!(
        text.starts_with(
            "10 spans, data points or log records were lost, counted at each destination\n10 spans rec"
        ),
        "{text}"
    );
    assert!(text.contains("10 lost (shutdown): connection refused"), "{text}");
}

#[test]
fn a_destination_that_comes_back_gets_everything_once() {
    let down = Arc::new(AtomicBool::new(true));
    let seen = CaptureExporter::new();
    let p = Pipeline::builder()
        .export_spans_with("flaky", Down(down.clone(), seen.clone()), quick())
        .start()
        .unwrap();
    record(&p, 50);
    while p.ledger().destinations[0].retries == 0 {
        std::thread::yield_now();
    }
    down.store(false, Ordering::SeqCst);
    p.flush(LONG).unwrap();
    assert_eq!(seen.spans().len(), 50);
    let d = &p.shutdown(LONG).unwrap().ledger.destinations[0];
    assert!(d.retries > 0 && d.last_error.is_none());
}

#[test]
fn permanent_partial_and_panicking_failures_are_counted_by_reason() {
    let capture = CaptureExporter::new();
    capture.fail_next(ExportError::permanent("bad request"));
    let partial = CaptureExporter::new();
    partial.fail_next(ExportError::partial(3, "3 spans too old"));
    let p = Pipeline::builder()
        .export_spans_with("permanent", capture, quick())
        .export_spans_with("partial", partial, quick())
        .export_spans_with("panics", Panics, quick())
        .start()
        .unwrap();
    record(&p, 10);
    let ledger = p.shutdown(LONG).unwrap_err().report.ledger;
    assert!(ledger.adds_up());
    assert_eq!(ledger.destinations[0].dropped["permanent_error"], 10);
    assert_eq!(ledger.destinations[1].dropped["rejected"], 3);
    assert_eq!(ledger.destinations[1].delivered, 7);
    assert_eq!(ledger.destinations[2].dropped["panic"], 10);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let p = Pipeline::builder()
        .export_spans_with(
            "small",
            Hangs,
            DestinationConfig { queue_bytes: 20_000, timeout: LONG, ..quick() },
        )
        .start()
        .unwrap();
    for _ in 0..20 {
        record(&p, 100);
        // A flush makes the pipeline take what there is; the destination itself never answers.
        let _ = p.flush(Duration::from_millis(5));
    }
    let ledger = p.shutdown(Duration::from_millis(50)).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.received, 2_000);
    assert!(ledger.destinations[0].dropped["queue_full"] > 0);
}

#[test]
fn processors_change_and_remove_and_a_panicking_one_loses_nothing() {
    struct Enrich;
    impl SpanProcessor for Enrich {
        fn process(&self, b: &mut SpanBatchMut) {
            (0..b.len()).for_each(|i| b.set_attribute(i, KeyValue::new("env", "test")));
        }
    }
    struct Filter;
    impl SpanProcessor for Filter {
        fn process(&self, b: &mut SpanBatchMut) {
            b.retain(|s| s.attribute("i").and_then(|v| v.as_f64()) != Some(0.0));
        }
    }
    struct Broken;
    impl SpanProcessor for Broken {
        fn process(&self, _: &mut SpanBatchMut) {
            panic!("broken processor")
        }
    }
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .processor(Enrich)
        .processor(Broken)
        .processor(Filter)
        .export_spans_with("out", out.clone(), quick())
        .start()
        .unwrap();
    record(&p, 5);
    p.flush(LONG).unwrap();
    let reader = p.ledger_reader();
    let ledger = p.shutdown(LONG).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.delivered, ledger.dropped["processor"]), (4, 1));
    assert!(reader.processor_panics() > 0);
    assert!(out.spans().iter().all(|s| s.attributes.contains(&KeyValue::new("env", "test"))));
}

#[test]
fn shutdown_works_inside_every_kind_of_runtime_and_twice() {
    let run = || {
        let out = CaptureExporter::new();
        let p = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
        record(&p, 10);
        let report = p.shutdown(LONG).unwrap();
        assert_eq!(p.shutdown(LONG).unwrap(), report);
        assert!(matches!(p.flush(LONG), Err(FlushError::Closed)));
        assert_eq!(out.spans().len(), 10);
    };
    run();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async { run() });
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    multi.block_on(async { tokio::spawn(async move { run() }).await.unwrap() });
}

#[test]
fn dropping_the_pipeline_delivers() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    record(&p, 10);
    drop(p);
    assert_eq!(out.spans().len(), 10);
}

#[test]
fn a_span_that_ends_after_the_shutdown_is_counted_as_lost() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().export_spans_with("out", out.clone(), quick()).start().unwrap();
    let open = p.recorder().span("open").start();
    assert_eq!(p.shutdown(LONG).unwrap().ledger.open, 1);
    open.end();
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.pending, ledger.open, ledger.dropped["after_shutdown"]), (0, 0, 1));
}

#[test]
fn two_destinations_of_one_name_are_refused() {
    let error = Pipeline::builder()
        .export_spans("a", CaptureExporter::new())
        .export_metrics("a", CaptureExporter::new())
        .start()
        .unwrap_err();
    assert_eq!(error.to_string(), r#"two destinations are named "a": give each a name of its own"#);
}

#[test]
fn small_batches_travel_together() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .interval(Duration::from_millis(1))
        .export_spans_with("out", out.clone(), DestinationConfig { max_delay: LONG, ..quick() })
        .start()
        .unwrap();
    for _ in 0..20 {
        record(&p, 1);
        std::thread::park_timeout(Duration::from_millis(3));
    }
    p.flush(LONG).unwrap();
    assert_eq!(out.spans().len(), 20);
    assert!(out.batch_sizes().len() < 10, "{:?}", out.batch_sizes());
}

#[test]
fn an_exporter_that_records_spans_is_not_traced() {
    struct SelfTracing(crate::record::Recorder);
    #[async_trait]
    impl SpanExporter for SelfTracing {
        async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
            self.0.span("export").start().end();
            Ok(())
        }
    }
    // The exporter needs the recorder of the pipeline it is part of.
    let slot = Arc::new(std::sync::OnceLock::new());
    struct Late(Arc<std::sync::OnceLock<crate::record::Recorder>>);
    #[async_trait]
    impl SpanExporter for Late {
        async fn export(&self, b: &SpanBatch) -> Result<(), ExportError> {
            SelfTracing(self.0.get().unwrap().clone()).export(b).await
        }
    }
    let p = Pipeline::builder().export_spans_with("self", Late(slot.clone()), quick()).start().unwrap();
    slot.set(p.recorder().clone()).unwrap();
    record(&p, 3);
    p.flush(LONG).unwrap();
    assert_eq!(p.shutdown(LONG).unwrap().ledger.received, 3);
}

#[test]
fn metrics_are_collected_at_a_flush_and_at_the_end() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .collect_metrics(LONG, || {
            let registry = crate::metric::MeterRegistry::new(Arc::new(Resource::service("s")));
            let counter = registry.meter(crate::model::Scope::named("m")).counter("c").build().unwrap();
            counter.add(1, &[]);
            registry.collect(crate::model::Timestamp::from_unix_secs(1))
        })
        .export_metrics("out", out.clone())
        .start()
        .unwrap();
    p.flush(LONG).unwrap();
    p.shutdown(LONG).unwrap();
    assert_eq!(out.metrics().iter().map(MetricBatch::point_count).sum::<usize>(), 2);
}
