//! A destination that breaks in every way, from memory and with a log on disk: the accounts add up, nothing that was taken
//! is lost, the destination beside it notices nothing, and no thread or file handle is left.
//!
//! One test, since it counts what the whole process has.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]
#![cfg(target_os = "linux")]

#[path = "support/fault_proxy.rs"]
#[allow(unreachable_pub, reason = "a module of tests")]
mod fault_proxy;
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use fault_proxy::{Fault, FaultProxy};
use support::Receiver;
use trace_core::pipeline::{DestinationConfig, DestinationLedger, Pipeline};
use trace_core::record::Recorder;
use trace_core::span;
use trace_exporters::delivery::DeliveryConfig;
use trace_exporters::otlp::{OtlpConfig, OtlpSpanExporter, decode_spans};

const SPANS: u64 = 60;
const PATIENCE: Duration = Duration::from_secs(20);

/// The spans that a receiver has, each once.
fn ids(receiver: &Receiver) -> BTreeSet<u64> {
    let bodies = receiver.received();
    let batches = bodies.iter().flat_map(|r| decode_spans(&r.body).unwrap().batches);
    batches.flat_map(|b| b.seal().iter().map(|s| s.span_id().to_u64()).collect::<Vec<_>>()).collect()
}

fn delivery(dir: Option<&Path>) -> DeliveryConfig {
    let spill = dir.map_or(String::new(), |dir| {
        format!(r#","spill":{{"dir":{dir:?},"shutdown_wait_ms":50,"flush_wait_ms":60000}}"#)
    });
    let json = format!(r#"{{"retry":{{"initial_ms":5,"max_ms":20}},"timeout_ms":250{spill}}}"#);
    serde_json::from_str(&json).unwrap()
}

fn start(healthy: &Receiver, url: &str, delivery: &DeliveryConfig) -> Pipeline {
    let exporter = |url: &str| OtlpSpanExporter::new(&OtlpConfig::new(url)).unwrap();
    let soon = DestinationConfig { max_delay: Duration::from_millis(1), ..DestinationConfig::default() };
    Pipeline::builder()
        .recorder(Recorder::builder())
        .interval(Duration::from_millis(2))
        .export_spans_with("healthy", exporter(&healthy.url()), soon)
        .export_spans_with(
            "faulty",
            delivery.spans(Box::new(exporter(url)), Vec::new()).unwrap(),
            delivery.destination(soon),
        )
        .start()
        .unwrap()
}

fn account(pipeline: &Pipeline, at: usize) -> DestinationLedger {
    let ledger = pipeline.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    ledger.destinations[at].clone()
}

/// Looks again and again until it holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Threads and open files of this process.
fn footprint() -> (usize, usize) {
    let count = |dir| std::fs::read_dir(dir).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

fn record(pipeline: &Pipeline) {
    (0..SPANS).for_each(|i| drop(span!(recorder: pipeline.recorder(), "work", i = i)));
}

/// One destination under one fault, which ends.
async fn survive(fault: Fault, dir: Option<&Path>) {
    let (healthy, upstream) = (Receiver::start([]).await, Receiver::start([]).await);
    let mut proxy = FaultProxy::start(upstream.port, fault).await;
    let delivery = delivery(dir);
    let pipeline = start(&healthy, &proxy.url(), &delivery);
    let case = format!("{fault:?}, {}", if dir.is_some() { "disk" } else { "memory" });

    record(&pipeline);
    until(&format!("{case}: the other is not disturbed"), || ids(&healthy).len() as u64 == SPANS).await;
    // Errors that stay: lost, and counted.
    let refused = matches!(fault, Fault::Nonsense | Fault::Oversized)
        || matches!(fault, Fault::Status(s) if s.starts_with("400"));
    let seen = |d: DestinationLedger| if refused { d.lost() == SPANS } else { d.last_error.is_some() };
    until(&format!("{case}: the fault shows"), || seen(account(&pipeline, 1))).await;
    until(&case, || account(&pipeline, 0).delivered == SPANS).await;

    proxy.heal().await;
    until(&format!("{case}: {:?}", account(&pipeline, 1)), || {
        let d = account(&pipeline, 1);
        d.delivered + d.lost() == SPANS
    })
    .await;
    let lost = if refused { SPANS } else { 0 };
    let d = account(&pipeline, 1);
    assert_eq!((d.held, d.dropped.get("permanent_error").copied().unwrap_or(0)), (0, lost), "{case}");
    assert_eq!(d.lost(), lost, "{case}: {d:?}");
    if !refused {
        assert_eq!(ids(&upstream), ids(&healthy), "{case}");
    }
    let report = tokio::task::spawn_blocking(move || {
        let report = pipeline.shutdown(Duration::from_secs(5));
        (report.is_ok(), pipeline)
    });
    let (nothing_lost, pipeline) = report.await.unwrap();
    assert_eq!(nothing_lost, !refused, "{case}");
    assert!(pipeline.ledger().adds_up());
}

/// A destination that cannot be reached at all: what was taken is on disk, and arrives when its address is right.
async fn survive_a_wrong_address(url: &str, dir: &Path) {
    let (healthy, upstream) = (Receiver::start([]).await, Receiver::start([]).await);
    let delivery = delivery(Some(dir));
    let pipeline = start(&healthy, url, &delivery);
    record(&pipeline);
    until(&format!("{url}: held"), || account(&pipeline, 1).held == SPANS).await;
    until("the other is not disturbed", || ids(&healthy).len() as u64 == SPANS).await;
    let report = tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(5)).unwrap())
        .await
        .unwrap();
    assert_eq!(report.ledger.destinations[1].held, SPANS, "what is kept is no loss: {report}");
    assert!(report.to_string().contains("60 kept for later"), "{report}");

    let other = Receiver::start([]).await;
    let pipeline = start(&other, &upstream.url(), &delivery);
    until("what was kept arrives", || account(&pipeline, 1).delivered == SPANS).await;
    assert_eq!(account(&pipeline, 1).received, SPANS);
    assert_eq!(ids(&upstream), ids(&healthy));
    tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(5)).unwrap()).await.unwrap();
}

#[test]
fn whatever_a_destination_does_the_accounts_add_up_and_nothing_taken_is_lost() {
    let faults = [
        Fault::Refuse,
        Fault::ResetMidBody,
        Fault::Hang,
        Fault::SlowDrip,
        Fault::Status("400 Bad Request"),
        Fault::Status("502 Bad Gateway"),
        Fault::Status("503 Service Unavailable"),
        Fault::RetryAfterSeconds,
        Fault::RetryAfterDate,
        Fault::Truncated,
        Fault::Nonsense,
        Fault::Oversized,
    ];
    let run = |case: &dyn Fn() -> std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(case());
        runtime.shutdown_timeout(Duration::from_secs(5));
    };
    // The first run may leave what is made once for the process.
    run(&|| Box::pin(survive(Fault::Refuse, None)));
    let before = footprint();
    for fault in faults {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        run(&|| Box::pin(survive(fault, None)));
        run(&move || {
            let path = path.clone();
            Box::pin(async move { survive(fault, Some(&path)).await })
        });
    }
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let tls = format!("https://127.0.0.1:{}", plain.local_addr().unwrap().port());
    for url in [tls, "http://nowhere.invalid:4318".to_owned()] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        run(&move || {
            let (url, path) = (url.clone(), path.clone());
            Box::pin(async move { survive_a_wrong_address(&url, &path).await })
        });
    }
    drop(plain);
    let began = Instant::now();
    // Threads that looked up a name end in their own time.
    while footprint().0 > before.0 || footprint().1 > before.1 {
        assert!(
            began.elapsed() < PATIENCE,
            "left behind: {:?} threads and files, {before:?} before",
            footprint()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
