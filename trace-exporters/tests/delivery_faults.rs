//! A destination that breaks in every way, from memory and with a log on disk: the accounts add up, nothing that was taken
//! is lost, the destination beside it notices nothing, and no thread or file handle is left. What says that the sender is not
//! known is final from memory, and waits on disk.
//!
//! One test, since it counts what the whole process has.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]
#![cfg(target_os = "linux")]

#[path = "support/fault_proxy.rs"]
#[allow(unreachable_pub, reason = "a module of tests")]
mod fault_proxy;
mod support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
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
        let waits = r#""shutdown_wait_ms":50,"flush_wait_ms":60000,"misconfigured_wait_ms":20"#;
        format!(r#","spill":{{"dir":{dir:?},{waits}}}"#)
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

/// What becomes of the spans.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// They arrive when the fault has ended.
    Arrive,
    /// They are lost, and counted.
    Lost,
    /// The destination says that it took them, and the answer cannot be read.
    SaidToBeTaken,
}

fn end(fault: Fault, on_disk: bool) -> End {
    match fault {
        Fault::Oversized | Fault::Garbled => End::SaidToBeTaken,
        Fault::Status("400 Bad Request" | "413 Content Too Large" | "422 Unprocessable Content") => End::Lost,
        Fault::Status(s) if s.starts_with('4') && !on_disk => End::Lost,
        _ => End::Arrive,
    }
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
    let end = end(fault, dir.is_some());
    let seen = |d: DestinationLedger| match end {
        End::Lost => d.lost() == SPANS,
        End::SaidToBeTaken => d.delivered == SPANS,
        End::Arrive => d.last_error.is_some() && d.delivered + d.lost() == 0,
    };
    until(&format!("{case}: the fault shows"), || seen(account(&pipeline, 1))).await;
    until(&case, || account(&pipeline, 0).delivered == SPANS).await;

    proxy.heal().await;
    until(&format!("{case}: {:?}", account(&pipeline, 1)), || {
        let d = account(&pipeline, 1);
        d.delivered + d.lost() == SPANS
    })
    .await;
    let lost = if end == End::Lost { SPANS } else { 0 };
    let d = account(&pipeline, 1);
    assert_eq!((d.held, d.dropped.get("permanent_error").copied().unwrap_or(0)), (0, lost), "{case}");
    assert_eq!(d.lost(), lost, "{case}: {d:?}");
    match end {
        End::Arrive => assert_eq!(ids(&upstream), ids(&healthy), "{case}"),
        End::Lost | End::SaidToBeTaken => assert!(ids(&upstream).is_empty(), "{case}"),
    }
    let report = tokio::task::spawn_blocking(move || {
        let report = pipeline.shutdown(Duration::from_secs(5));
        (report.is_ok(), pipeline)
    });
    let (nothing_lost, pipeline) = report.await.unwrap();
    assert_eq!(nothing_lost, end != End::Lost, "{case}");
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

/// A log whose middle a disk has changed: what is whole arrives, what is not is counted.
async fn survive_a_damaged_segment(dir: &Path) {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (healthy, upstream) = (Receiver::start([]).await, Receiver::start([]).await);
    let delivery = delivery(Some(dir));
    let pipeline = start(&healthy, &format!("http://{nobody}"), &delivery);
    for round in 1..=5 {
        record(&pipeline);
        until("held", || account(&pipeline, 1).held == round * SPANS).await;
    }
    tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(5)).unwrap()).await.unwrap();
    let segment = std::fs::read_dir(dir.join("spans")).unwrap().map(|e| e.unwrap().path());
    let segment = segment.into_iter().find(|p| p.extension().is_some_and(|e| e == "seg")).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let pipeline = start(&healthy, &upstream.url(), &delivery);
    until("what is whole arrives", || account(&pipeline, 1).held == 0).await;
    let d = account(&pipeline, 1);
    let lost = d.dropped.get("spill_corrupt").copied().unwrap_or(0);
    assert!((1..=SPANS).contains(&lost), "one batch: {d:?}");
    assert_eq!((d.received, d.delivered + lost), (5 * SPANS, 5 * SPANS), "{d:?}");
    assert_eq!(ids(&upstream).len() as u64, d.delivered);
    let report = tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(5)).is_err());
    assert!(report.await.unwrap(), "a loss is said at the end");
}

#[test]
fn whatever_a_destination_does_the_accounts_add_up_and_nothing_taken_is_lost() {
    let faults = [
        Fault::Refuse,
        Fault::ResetMidBody,
        Fault::Hang,
        Fault::SlowDrip,
        Fault::Status("400 Bad Request"),
        Fault::Status("401 Unauthorized"),
        Fault::Status("403 Forbidden"),
        Fault::Status("404 Not Found"),
        Fault::Status("407 Proxy Authentication Required"),
        Fault::Status("413 Content Too Large"),
        Fault::Status("422 Unprocessable Content"),
        Fault::Status("502 Bad Gateway"),
        Fault::Status("503 Service Unavailable"),
        Fault::RetryAfterSeconds,
        Fault::RetryAfterDate,
        Fault::Truncated,
        Fault::Nonsense,
        Fault::Oversized,
        Fault::Garbled,
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
    // Answers the greeting of TLS in the clear.
    let clear = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let no_tls = format!("https://127.0.0.1:{}", clear.local_addr().unwrap().port());
    let (clear_ends, clear_end) = (clear.try_clone().unwrap(), Arc::new(AtomicBool::new(false)));
    let ended = clear_end.clone();
    let answering = std::thread::spawn(move || {
        for stream in clear.incoming().map_while(Result::ok).take_while(|_| !ended.load(Relaxed)) {
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    for url in [tls, no_tls, "http://nowhere.invalid:4318".to_owned()] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        run(&move || {
            let (url, path) = (url.clone(), path.clone());
            Box::pin(async move { survive_a_wrong_address(&url, &path).await })
        });
    }
    drop(plain);
    clear_end.store(true, Relaxed);
    drop(std::net::TcpStream::connect(clear_ends.local_addr().unwrap()));
    answering.join().unwrap();
    drop(clear_ends);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    run(&move || {
        let path = path.clone();
        Box::pin(async move { survive_a_damaged_segment(&path).await })
    });
    // Threads that look up a name end when that has failed, which it has, when it fails for one who asks later.
    let _ = std::net::ToSocketAddrs::to_socket_addrs("nowhere.invalid:4318");
    let began = Instant::now();
    // The system forgets a thread a moment after its end.
    while footprint().0 > before.0 || footprint().1 > before.1 {
        assert!(
            began.elapsed() < PATIENCE,
            "left behind: {:?} threads and files, {before:?} before",
            footprint()
        );
        std::thread::yield_now();
    }
}
