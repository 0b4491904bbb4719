//! A process that writes to a spill log is killed at random moments, and started again: every batch that it said was taken
//! arrives, in order.
//!
//! 200 times; as often as `SPILL_KILLS` says.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "helpers of tests")]

mod support;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use trace_core::batch::SpanBatch;
use trace_core::model::{Resource, SpanContext, SpanData, SpanId, Timestamp, TraceFlags, TraceId};
use trace_core::pipeline::RetryPolicy;
use trace_core::signal::SpanExporter;
use trace_exporters::delivery::TimeLimit;
use trace_exporters::delivery::spill::{Spill, SpillConfig, inspect};
use trace_exporters::otlp::{OtlpConfig, OtlpSpanExporter, decode_spans};

const DIR: &str = "SPILL_TEST_DIR";
const URL: &str = "SPILL_TEST_URL";
const FROM: &str = "SPILL_TEST_FROM";
/// Ids of one run of the child.
const RUN: u64 = 1_000_000;
const BATCH: u64 = 5;

fn spans(from: u64) -> SpanBatch {
    let span = |id| {
        let context =
            SpanContext::new(TraceId::from_random(7), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        SpanData::new(context, "work", Timestamp::from_unix_nanos(1), Timestamp::from_unix_nanos(2))
    };
    SpanBatch::from_spans(Arc::new(Resource::service("shop")), (from..from + BATCH).map(span))
}

/// The process that is killed: says `ack ID` when a batch is taken; without an id to begin with, delivers what is left.
#[test]
#[ignore = "the child of the other test"]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let (url, from) = (std::env::var(URL).unwrap(), std::env::var(FROM).unwrap());
    let mut config = SpillConfig::new(dir);
    (config.segment_bytes, config.flush_wait_ms) = (16 << 10, 60_000);
    let inner = OtlpSpanExporter::new(&OtlpConfig::new(url)).unwrap();
    let inner = TimeLimit::new(inner, Duration::from_secs(5));
    let quick = Duration::from_millis(2);
    let retry = RetryPolicy { initial: quick, max: quick, give_up_after: Duration::MAX };
    let spill = Spill::spans(&config, retry, inner).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if from.is_empty() {
            spill.flush().await.unwrap();
            let counts = spill.stats().counts();
            assert!(counts.adds_up() && counts.dropped.is_empty(), "{counts}");
            spill.shutdown().await.unwrap();
            println!("done");
            return;
        }
        let mut id: u64 = from.parse().unwrap();
        loop {
            spill.export(&spans(id)).await.unwrap();
            println!("ack {id}");
            std::io::stdout().flush().unwrap();
            id += BATCH;
            if id.is_multiple_of(50) {
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
        }
    });
}

fn start(dir: &str, url: &str, from: &str) -> (Child, Receiver<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .envs([(DIR, dir), (URL, url), (FROM, from)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (said, hear) = channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let _ = said.send(line);
        }
    });
    (child, hear)
}

/// Answers 200 and keeps the ids in order of arrival, or 503, or breaks off; by a number that looks random.
async fn collector(arrived: Arc<Mutex<Vec<u64>>>) -> String {
    let calls = Arc::new(Mutex::new(0u64));
    let take = move |body: Bytes| {
        let (arrived, calls) = (arrived.clone(), calls.clone());
        async move {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            if random(*calls).is_multiple_of(4) {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let batches = decode_spans(&body).unwrap().batches;
            let ids = batches
                .into_iter()
                .flat_map(|b| b.seal().iter().map(|s| s.span_id().to_u64()).collect::<Vec<_>>());
            arrived.lock().unwrap().extend(ids);
            StatusCode::OK
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/v1/traces", post(take));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

/// SplitMix64.
fn random(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn what_was_taken_arrives_in_order_however_often_the_process_is_killed() {
    let kills: u64 = std::env::var("SPILL_KILLS").map_or(200, |n| n.parse().unwrap());
    let seed = u64::from(std::process::id());
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let (ready, hear) = channel();
    let collecting = arrived.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            ready.send(collector(collecting).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    let url = hear.recv().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let log_text = log.to_str().unwrap();
    let mut acked = Vec::new();
    for run in 1..=kills {
        let (mut child, said) = start(log_text, &url, &(run * RUN).to_string());
        let end = Instant::now() + Duration::from_micros(random(run + seed * 1000) % 80_000);
        loop {
            match said.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => acked.extend(line.strip_prefix("ack ").map(|id| id.parse::<u64>().unwrap())),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => panic!("the child ended by itself"),
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it was killed.
        acked.extend(said.iter().filter_map(|line| line.strip_prefix("ack ")?.parse::<u64>().ok()));
    }
    assert!(acked.len() as u64 > kills, "{} batches in {kills} runs", acked.len());
    let report = inspect(&log).unwrap();
    let (mut child, said) = start(log_text, &url, "");
    let last: Vec<String> = said.iter().collect();
    assert!(child.wait().unwrap().success() && last.iter().any(|line| line.ends_with("done")), "{last:?}");

    let arrived = arrived.lock().unwrap().clone();
    let mut seen = HashSet::new();
    let first: Vec<u64> = arrived.iter().copied().filter(|id| seen.insert(*id)).collect();
    assert!(first.is_sorted(), "in order, apart from repetitions");
    let missing: Vec<&u64> =
        acked.iter().filter(|id| (**id..**id + BATCH).any(|id| !seen.contains(&id))).collect();
    assert!(missing.is_empty(), "{} of {} batches are missing: {missing:?}", missing.len(), acked.len());
    assert_eq!(inspect(&log).unwrap().logs[0].held, 0);
    println!(
        "{kills} kills: {} batches taken, {} spans arrived, {} of them again; {} waited after the last kill",
        acked.len(),
        first.len(),
        arrived.len() - first.len(),
        report.logs[0].held
    );
}
