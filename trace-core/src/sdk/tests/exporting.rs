//! Official span exporters behind our pipeline.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::Semaphore;

use crate::batch::SpanBatch;
use crate::model::Resource;
use crate::pipeline::{DestinationConfig, Pipeline, RetryPolicy};
use crate::record::Recorder;
use crate::sdk::OfficialSpanExporter;
use crate::signal;

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

/// What an official exporter was asked to do.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[derive(Debug)]
struct Logs(Log, Result<(), fn() -> OTelSdkError>);

impl SpanExporter for Logs {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.add(batch.iter().map(|s| s.name.as_ref()).collect::<Vec<_>>().join(","));
        self.1.map_err(|error| error())
    }
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        self.0.add("shutdown");
        Ok(())
    }
    fn force_flush(&self) -> OTelSdkResult {
        self.0.add("flush");
        Ok(())
    }
    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.0.add(format!(
            "resource {:?}",
            resource.get(&"service.name".into()).unwrap_or_else(|| "none".into()).as_str()
        ));
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        self.0.add("dropped");
    }
}

#[test]
fn an_official_exporter_is_told_the_resource_once_and_is_flushed_shut_down_and_dropped() {
    let log = Log::default();
    let p = Pipeline::builder()
        .recorder(Recorder::builder().resource(Resource::service("shop")))
        .export_spans_with("official", OfficialSpanExporter::new(Logs(log.clone(), Ok(()))), quick())
        .start()
        .unwrap();
    p.recorder().span("a").start().end();
    p.flush(LONG).unwrap();
    p.recorder().span("b").start().end();
    p.shutdown(LONG).unwrap();
    assert_eq!(log.all(), ["resource \"shop\"", "a", "flush", "b", "shutdown", "dropped"]);
}

#[tokio::test]
async fn the_resource_is_told_again_when_it_changes() {
    let log = Log::default();
    let exporter = OfficialSpanExporter::new(Logs(log.clone(), Ok(())));
    let batch = |service: &'static str| SpanBatch::from_spans(Arc::new(Resource::service(service)), []);
    for service in ["a", "a", "b"] {
        signal::SpanExporter::export(&exporter, &batch(service)).await.unwrap();
    }
    assert_eq!(log.all(), ["resource \"a\"", "", "", "resource \"b\"", ""]);
}

#[test]
fn errors_are_final_but_for_timeouts_and_the_user_may_say_otherwise() {
    let (slow, broken, stubborn) = (Log::default(), Log::default(), Log::default());
    let failure = || OTelSdkError::InternalFailure("400 Bad Request".into());
    let timeout = || OTelSdkError::Timeout(Duration::from_secs(1));
    let retry = RetryPolicy { give_up_after: Duration::from_millis(20), ..quick().retry };
    let impatient = DestinationConfig { retry, ..quick() };
    let p = Pipeline::builder()
        .export_spans_with("slow", OfficialSpanExporter::new(Logs(slow.clone(), Err(timeout))), impatient)
        .export_spans_with("broken", OfficialSpanExporter::new(Logs(broken.clone(), Err(failure))), quick())
        .export_spans_with(
            "stubborn",
            OfficialSpanExporter::new(Logs(stubborn.clone(), Err(failure))).retry_if(|_| true),
            impatient,
        )
        .start()
        .unwrap();
    p.recorder().span("s").start().end();
    p.flush(LONG).unwrap();
    let ledger = p.shutdown(LONG).unwrap_err().report.ledger;
    assert_eq!(ledger.destinations[0].dropped["retries_exhausted"], 1);
    assert_eq!(ledger.destinations[1].dropped["permanent_error"], 1);
    assert_eq!(ledger.destinations[2].dropped["retries_exhausted"], 1);
    let error = ledger.destinations[1].last_error.as_deref();
    assert_eq!(error, Some("Operation failed: 400 Bad Request"));
    let attempts = |log: &Log| log.all().iter().filter(|what| *what == "s").count();
    assert!(attempts(&slow) > 1 && attempts(&stubborn) > 1);
    assert_eq!(attempts(&broken), 1);
}

#[test]
fn a_panicking_official_exporter_costs_its_batch_and_works_again() {
    #[derive(Debug)]
    struct Once(AtomicBool);
    impl SpanExporter for Once {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            assert!(self.0.swap(true, Ordering::SeqCst), "the first call");
            Ok(())
        }
    }
    let once = OfficialSpanExporter::new(Once(AtomicBool::new(false)));
    let p = Pipeline::builder().export_spans_with("once", once, quick()).start().unwrap();
    for _ in 0..2 {
        p.recorder().span("s").start().end();
        p.flush(LONG).unwrap();
    }
    let ledger = p.shutdown(LONG).unwrap_err().report.ledger;
    assert_eq!((ledger.destinations[0].dropped["panic"], ledger.destinations[0].delivered), (1, 1));
}

/// Blocks its thread until it gets a permit; notes if it was called twice at the same time.
#[derive(Clone, Debug)]
struct Blocks {
    permits: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl SpanExporter for Blocks {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        self.calls.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0, "called concurrently");
        while self.permits.try_acquire().map(|p| p.forget()).is_err() {
            std::thread::yield_now();
        }
        self.inside.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn an_exporter_that_blocks_is_timed_out_never_called_twice_at_once_and_used_again() {
    let blocks =
        Blocks { permits: Arc::new(Semaphore::new(0)), inside: Arc::default(), calls: Arc::default() };
    let exporter = OfficialSpanExporter::new(blocks.clone());
    let p = Pipeline::builder().export_spans_with("blocks", exporter, quick()).start().unwrap();
    p.recorder().span("s").start().end();
    while p.ledger().destinations[0].retries < 3 {
        std::thread::yield_now();
    }
    let error = p.ledger().destinations[0].last_error.clone().unwrap();
    assert!(error.contains("busy"), "{error}");
    assert_eq!(blocks.calls.load(Ordering::SeqCst), 1);
    blocks.permits.add_permits(10);
    p.flush(LONG).unwrap();
    assert_eq!(p.shutdown(LONG).unwrap().ledger.destinations[0].delivered, 1);
}

#[test]
fn an_exporter_finds_a_runtime_when_it_is_built_and_when_it_exports() {
    /// Answers from a task that was spawned when it was built, as a gRPC channel does.
    #[derive(Debug)]
    struct Channel(tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<()>>);
    impl SpanExporter for Channel {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            let (tx, rx) = tokio::sync::oneshot::channel();
            self.0.send(tx).await.unwrap();
            rx.await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await;
            socket.map(drop).map_err(|e| OTelSdkError::InternalFailure(e.to_string()))
        }
    }
    let failures = Arc::new(AtomicUsize::new(2));
    let build = move || {
        if failures.load(Ordering::SeqCst) > 0 {
            failures.fetch_sub(1, Ordering::SeqCst);
            return Err("no route to host");
        }
        let (tx, mut rx) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
        tokio::spawn(async move {
            while let Some(answer) = rx.recv().await {
                let _ = answer.send(());
            }
        });
        Ok(Channel(tx))
    };
    let p = Pipeline::builder()
        .export_spans_with(
            "channel",
            OfficialSpanExporter::build_with(build),
            DestinationConfig { timeout: LONG, ..quick() },
        )
        .start()
        .unwrap();
    // Nothing is built for a flush.
    p.flush(LONG).unwrap();
    assert_eq!(p.ledger().destinations[0].retries, 0);
    p.recorder().span("s").start().end();
    let destination = &p.shutdown(LONG).unwrap().ledger.destinations[0];
    assert_eq!((destination.delivered, destination.retries), (1, 2));
}
