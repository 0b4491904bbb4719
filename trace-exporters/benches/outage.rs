//! Memory while the destination is down, and what arrives when it is back.
//!
//! A program records 50,000 spans a second (a root with two attributes and four children with three), through a pipeline
//! with a spill log in front of an OTLP exporter whose receiver does not exist; then the receiver starts, in a process of
//! its own that counts what it gets. `OUTAGE_SECONDS` is how long it is down: 30 if it is not set, 600 for the goal. Progress,
//! with the resident memory every tenth of that time, goes to standard error, and the whole account at the end.
//!
//! `cargo xtask bench outage --json` prints a line of JSON a case. The log is in the folder for temporary files (`TMPDIR`),
//! and takes about 115 bytes a span: 3.5 GB for ten minutes.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use trace_core::pipeline::{DestinationConfig, Pipeline};
use trace_core::record::{OverflowPolicy, Recorder};
use trace_core::span;
use trace_exporters::delivery::DeliveryConfig;
use trace_exporters::otlp::{OtlpConfig, OtlpSpanExporter, decode_spans};

const RATE: u64 = 50_000;
/// Spans of one trace.
const TRACE: u64 = 5;
/// Queue of the destination: the bound on memory besides what the process has anyway.
const QUEUE_MIB: u64 = 32;
/// What the process may have besides the queue: recording buffers, a segment, connections.
const REST_MIB: u64 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    if let Some(port) = after("--receive") {
        return receive(port.parse().expect("a port"));
    }
    let seconds =
        std::env::var("OUTAGE_SECONDS").map_or(30, |s| s.parse().expect("OUTAGE_SECONDS is a number"));
    outage(Duration::from_secs(seconds));
}

fn resident_mib() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|p| p.parse::<u64>().ok()).unwrap_or(0);
    (pages * 4096) >> 20
}

fn record(r: &Recorder, n: u64) {
    let _root = span!(recorder: r, "GET /orders", route = "/orders", n = n);
    for child in 1..TRACE {
        let _child = span!(recorder: r, "query", table = "orders", n = n, child = child);
    }
}

fn outage(time: Duration) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let json = format!(r#"{{"spill":{{"dir":{:?},"max_bytes":17179869184}}}}"#, dir.path());
    let delivery: DeliveryConfig = serde_json::from_str(&json).expect("a configuration");
    let exporter =
        OtlpSpanExporter::new(&OtlpConfig::new(format!("http://127.0.0.1:{port}"))).expect("valid");
    let exporter = delivery.spans(Box::new(exporter), Vec::new()).expect("a log");
    let config = DestinationConfig {
        max_batch: 2048,
        queue_bytes: (QUEUE_MIB << 20) as usize,
        ..DestinationConfig::default()
    };
    let pipeline = Pipeline::builder()
        .recorder(Recorder::builder())
        .export_spans_with("otlp", exporter, delivery.destination(config))
        .start()
        .expect("a pipeline");

    // On a busy machine the pipeline's thread may come late.
    let recorder = pipeline.recorder().with_overflow(OverflowPolicy::block(Duration::from_secs(5)));
    let (began, before) = (Instant::now(), resident_mib());
    let (mut recorded, mut peak) = (0, before);
    let every = (time / 10).max(Duration::from_secs(1));
    let progress = |what: &str, since: Instant, held: u64| {
        eprintln!(
            "{:4} s {what}  {:4} MiB resident  {held:9} spans held",
            since.elapsed().as_secs(),
            resident_mib()
        );
    };
    let mut next = every;
    while began.elapsed() < time {
        let due = (began.elapsed().as_secs_f64() * RATE as f64) as u64;
        while recorded < due {
            record(&recorder, recorded);
            recorded += TRACE;
        }
        if began.elapsed() >= next {
            next += every;
            progress("down", began, pipeline.ledger().destinations[0].held);
        }
        peak = peak.max(resident_mib());
        std::thread::sleep(Duration::from_millis(2));
    }

    let mut receiver = Command::new(std::env::current_exe().expect("this program"))
        .args(["--receive", &port.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a receiver");
    let out = BufReader::new(receiver.stdout.take().expect("its output"));
    let arrived = Arc::new(AtomicU64::new(0));
    let counting = arrived.clone();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            counting.fetch_add(line.parse().unwrap_or(0), Ordering::Relaxed);
        }
    });
    let (back, mut next) = (Instant::now(), every);
    loop {
        std::thread::sleep(Duration::from_millis(20));
        peak = peak.max(resident_mib());
        let ledger = pipeline.ledger();
        assert!(ledger.adds_up(), "{ledger:?}");
        let d = &ledger.destinations[0];
        if back.elapsed() >= next {
            next += every;
            progress("back", back, d.held);
        }
        if d.delivered + d.lost() + ledger.dropped.values().sum::<u64>() >= recorded {
            break;
        }
        assert!(back.elapsed() < time * 3 + Duration::from_secs(60), "it does not end: {d:?}");
    }
    let (took, after) = (back.elapsed().as_secs_f64(), resident_mib());
    let ledger = match pipeline.shutdown(Duration::from_secs(10)) {
        Ok(report) => report.ledger,
        Err(error) => {
            eprintln!("{error}");
            error.report.ledger
        }
    };
    assert!(ledger.adds_up(), "{ledger:?}");
    std::thread::sleep(Duration::from_millis(200));
    let _ = receiver.kill();
    let _ = receiver.wait();
    let arrived = arrived.load(Ordering::Relaxed);
    let all = &ledger.destinations[0];
    eprintln!("resident: {before} MiB before, {peak} at most, {after} after");
    eprintln!("{recorded} recorded; dropped before the destination: {:?}", ledger.dropped);
    eprintln!("{} delivered, {} held, lost: {:?}", all.delivered, all.held, all.dropped);
    eprintln!("{arrived} arrived, within {took:.1} s of its return");

    let limit = QUEUE_MIB + REST_MIB;
    let seconds = time.as_secs();
    let growth = peak.saturating_sub(before);
    println!(
        r#"{{"case":"memory, destination down for {seconds} s at 50,000 spans/s","ours":{growth},"peer":{limit},"peer_name":"the bound of the configuration","unit":"MiB","ratio":{:.2},"goal":"<= 1","met":{}}}"#,
        growth as f64 / limit as f64,
        growth <= limit
    );
    println!(
        r#"{{"case":"spans that arrive when it is back","ours":{arrived},"peer":{recorded},"peer_name":"recorded","unit":"spans","ratio":{:.6},"goal":"1","met":{}}}"#,
        arrived as f64 / recorded as f64,
        arrived >= recorded && all.delivered == recorded
    );
}

/// Answers 200, and prints how many spans each request has.
fn receive(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port");
    for stream in listener.incoming().map_while(Result::ok) {
        std::thread::spawn(move || serve(stream));
    }
}

fn serve(stream: TcpStream) -> Option<()> {
    let mut answers = stream.try_clone().ok()?;
    let mut requests = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        while requests.read_line(&mut line).ok()? > 2 {
            let lower = line.to_ascii_lowercase();
            if let Some(n) = lower.strip_prefix("content-length:") {
                length = n.trim().parse().ok()?;
            }
            line.clear();
        }
        if line.is_empty() {
            return None;
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).ok()?;
        let spans: usize = decode_spans(&body).ok()?.batches.iter().map(|b| b.len()).sum();
        answers.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
        println!("{spans}");
    }
}
