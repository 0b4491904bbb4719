//! OTLP to acknowledged: CPU of the receiving process per million spans, against rotel and the OpenTelemetry Collector.
//!
//! Each receiver is a process of its own that forgets what it took: ours is this program again with `--serve`, with a
//! whole pipeline behind. One client, the same for all, sends prepared requests of 512 spans of 4 attributes over
//! keep-alive connections, in many short turns interleaved, so that what disturbs the machine disturbs all alike. CPU is
//! what the kernel accounts to all threads of the process; figures are the least over the rounds.
//!
//! Peers are those that the integration suites install: `cargo xtask integration otlp` and `collector`. `INGEST_ROTEL` names
//! another `rotel-agent` (Python package `rotel`), `INGEST_COLLECTOR` another Collector that has `otlp` and `nop`. One that
//! is missing is left out, loudly. `INGEST_ROUNDS` replaces the number of rounds. `--decode` times the decoder alone.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use trace_core::batch::SpanBatch;
use trace_core::model::{
    KeyValue, Resource, Scope, SpanContext, SpanData, SpanId, SpanKind, Timestamp, TraceFlags, TraceId,
};
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::signal::{ExportError, SpanExporter};
use trace_exporters::otlp::{decode_spans, encode_spans};
use trace_exporters::otlp_receiver::{OtlpListener, OtlpReceiverConfig};

const SPANS: u64 = 512;
/// Different requests, sent in turn.
const REQUESTS: u64 = 16;
const CONNECTIONS: usize = 4;
const ROUNDS: usize = 8;
/// Requests of a turn, over all connections.
const TURN: usize = 800;
const GOAL: f64 = 3.0;
const START_LIMIT: Duration = Duration::from_secs(30);

/// Forgets.
struct Nothing;

#[async_trait]
impl SpanExporter for Nothing {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        std::hint::black_box(batch.len());
        Ok(())
    }
}

fn request(number: u64) -> Bytes {
    let scope = Arc::new(Scope::from_static("bench", "1"));
    let spans = (0..SPANS).map(|i| {
        let id = number * SPANS + i + 1;
        let trace = TraceId::new(u128::from(number * 8 + i / 64 + 1) << 64 | 7).expect("it is not zero");
        let context = SpanContext::new(trace, SpanId::new(id).expect("it is not zero"), TraceFlags::SAMPLED);
        let start = 1_756_900_000_000_000_000 + id * 1000;
        let mut span = SpanData::new(
            context,
            "GET /orders/{id}",
            Timestamp::from_unix_nanos(start),
            Timestamp::from_unix_nanos(start + 900),
        );
        span.kind = SpanKind::Server;
        span.scope = scope.clone();
        span.parent_span_id = if i % 64 > 0 { SpanId::new(id - i % 64) } else { None };
        span.attributes = vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/orders/{id}"),
            KeyValue::new("http.response.status_code", 200),
            KeyValue::new("order.id", format!("order-{id:06}")),
        ];
        span
    });
    let batch = SpanBatch::from_spans(Arc::new(Resource::service("shop")), spans);
    let mut out = Vec::new();
    encode_spans(&batch, &mut out);
    out.into()
}

/// Serves until standard input ends.
fn serve() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build().expect("threads can be started");
    let pipeline = Pipeline::builder().export_spans("nothing", Nothing).start();
    let pipeline = pipeline.expect("threads can be started");
    let config = OtlpReceiverConfig::new("127.0.0.1:0", "127.0.0.1:0");
    let policy = OverflowPolicy::block(Duration::from_millis(500));
    let receiver = config.receiver(pipeline.ingest(policy)).expect("the defaults are valid");
    let listener = runtime.block_on(OtlpListener::start(&config, receiver));
    let listener = listener.expect("loopback has free ports");
    let port = |address: Option<std::net::SocketAddr>| address.expect("it listens").port();
    println!("{} {}", port(listener.grpc_addr()), port(listener.http_addr()));
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let counts = listener.receiver().counts();
    runtime.block_on(listener.shutdown());
    drop(runtime);
    let report = pipeline.shutdown(Duration::from_secs(10)).expect("nothing is lost");
    assert_eq!(report.ledger.delivered, counts.spans, "what was acknowledged arrived");
}

/// A receiver in a process of its own, ended when dropped.
struct Server {
    name: &'static str,
    child: Child,
    grpc: u16,
    http: u16,
    /// Nanoseconds of CPU a span: HTTP, gRPC.
    best: [f64; 2],
    /// Spans a second.
    fastest: [f64; 2],
}

impl Server {
    fn ours() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.arg("--serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can be started again");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let ports: Vec<u16> = line.split_whitespace().filter_map(|p| p.parse().ok()).collect();
        Self::new("ours", child, ports[0], ports[1])
    }

    fn new(name: &'static str, child: Child, grpc: u16, http: u16) -> Self {
        Self { name, child, grpc, http, best: [f64::INFINITY; 2], fastest: [0.0; 2] }
    }

    /// Starts a peer on free ports, and waits until it listens.
    fn peer(name: &'static str, command: impl Fn(u16, u16) -> Command) -> Self {
        let (grpc, http) = (free_port(), free_port());
        let mut command = command(grpc, http);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the peer starts");
        let deadline = Instant::now() + START_LIMIT;
        while [grpc, http].iter().any(|port| TcpStream::connect(("127.0.0.1", *port)).is_err()) {
            assert!(Instant::now() < deadline, "{name} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self::new(name, child, grpc, http)
    }

    fn turn(&mut self, wire: Wire, requests: &Arc<Vec<Bytes>>) {
        let port = if wire == Wire::Grpc { self.grpc } else { self.http };
        let (before, began) = (cpu_ns(self.child.id()), Instant::now());
        client(wire, port, requests);
        let elapsed = began.elapsed().as_secs_f64();
        let cpu = cpu_ns(self.child.id()) - before;
        let spans = (TURN as u64 * SPANS) as f64;
        let at = wire as usize;
        self.best[at] = self.best[at].min(cpu as f64 / spans);
        self.fastest[at] = self.fastest[at].max(spans / elapsed);
    }

    /// Ends it. Ours checks its accounts then.
    fn end(mut self) {
        if let Some(stdin) = self.child.stdin.take() {
            drop(stdin);
            let status = self.child.wait().expect("it is a child of ours");
            assert!(status.success(), "what was acknowledged did not arrive");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

/// CPU time of all threads, by the scheduler's own account (Linux).
fn cpu_ns(process: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the server runs, on Linux");
    let of = |path: std::path::PathBuf| -> Option<u64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    tasks.flatten().filter_map(|task| of(task.path())).sum()
}

#[derive(Clone, Copy, PartialEq)]
enum Wire {
    Http = 0,
    Grpc = 1,
}

/// Sends a turn's requests over a few connections, each waiting for its answers.
fn client(wire: Wire, port: u16, requests: &Arc<Vec<Bytes>>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().expect("it needs nothing").block_on(async {
        let connect = |c| tokio::spawn(connection(wire, port, c, requests.clone()));
        for done in (0..CONNECTIONS).map(connect).collect::<Vec<_>>() {
            done.await.expect("every request is answered with success");
        }
    });
}

async fn connection(wire: Wire, port: u16, number: usize, requests: Arc<Vec<Bytes>>) {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
    stream.set_nodelay(true).expect("it is TCP");
    let stream = TokioIo::new(stream);
    let bodies = (0..TURN / CONNECTIONS).map(|i| requests[(number + i) % requests.len()].clone());
    match wire {
        Wire::Http => {
            let shaken = hyper::client::conn::http1::handshake(stream).await;
            let (mut send, connection) = shaken.expect("it is HTTP");
            tokio::spawn(connection);
            for body in bodies {
                let request = Request::post("/v1/traces")
                    .header("host", "127.0.0.1")
                    .header("content-type", "application/x-protobuf")
                    .body(Full::new(body))
                    .expect("it is valid");
                let answer = send.send_request(request).await.expect("there is an answer");
                assert_eq!(answer.status(), 200);
                answer.into_body().collect().await.expect("it is whole");
            }
        }
        Wire::Grpc => {
            let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await;
            let (mut send, connection) = shaken.expect("it is HTTP/2");
            tokio::spawn(connection);
            let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
            for body in bodies {
                let length = u32::try_from(body.len()).expect("it is small").to_be_bytes();
                let framed = [&[0], &length[..], &body].concat();
                let request = Request::post(format!("http://127.0.0.1:{port}/{path}"))
                    .header("content-type", "application/grpc")
                    .header("te", "trailers")
                    .body(Full::new(Bytes::from(framed)))
                    .expect("it is valid");
                let answer = send.send_request(request).await.expect("there is an answer");
                let body = answer.into_body().collect().await.expect("it is whole");
                assert_eq!(body.trailers().expect("a success has trailers")["grpc-status"], "0");
            }
        }
    }
}

/// Where the integration suites install peers: `peers` in cargo's target folder.
fn installed(within: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().map(|folder| folder.join("peers").join(within)).find(|path| path.exists())
}

fn installed_rotel() -> Option<PathBuf> {
    let pythons = std::fs::read_dir(installed("venv/lib")?).ok()?.flatten();
    let mut agents = pythons.map(|python| python.path().join("site-packages/rotel/rotel-agent"));
    agents.find(|agent| agent.is_file())
}

/// The program that a variable names, else the one that is installed.
fn program(variable: &str, installed: impl FnOnce() -> Option<PathBuf>, suite: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from).or_else(installed);
    if found.is_none() {
        eprintln!("SKIPPED a peer: `cargo xtask integration {suite}` installs it, or {variable} names it");
    }
    found
}

fn peers(folder: &Path) -> Vec<Server> {
    let mut peers = Vec::new();
    if let Some(program) = program("INGEST_ROTEL", installed_rotel, "otlp") {
        peers.push(Server::peer("rotel", |grpc, http| {
            let mut command = Command::new(&program);
            command
                .args(["start", "--exporter", "blackhole"])
                .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
                .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
                .arg("--pid-file")
                .arg(folder.join("rotel.pid"));
            command
        }));
    }
    if let Some(program) = program("INGEST_COLLECTOR", || installed("go/bin/collector"), "collector") {
        peers.push(Server::peer("OpenTelemetry Collector", |grpc, http| {
            let config = serde_json::json!({
                "receivers": { "otlp": { "protocols": {
                    "grpc": { "endpoint": format!("127.0.0.1:{grpc}") },
                    "http": { "endpoint": format!("127.0.0.1:{http}") },
                } } },
                "exporters": { "nop": {} },
                "service": {
                    "pipelines": { "traces": { "receivers": ["otlp"], "exporters": ["nop"] } },
                    "telemetry": { "metrics": { "level": "none" } },
                },
            });
            // JSON is YAML.
            let path = folder.join("collector.yaml");
            std::fs::write(&path, config.to_string()).expect("the folder is there");
            let mut command = Command::new(&program);
            command.arg("--config").arg(path);
            command
        }));
    }
    peers
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|a| a == "--serve") {
        return serve();
    }
    let requests: Arc<Vec<Bytes>> = Arc::new((0..REQUESTS).map(request).collect());
    if arguments.iter().any(|a| a == "--decode") {
        return decode(&requests);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut servers = vec![Server::ours()];
    servers.extend(peers(folder.path()));
    let rounds = std::env::var("INGEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for wire in [Wire::Http, Wire::Grpc] {
            servers.iter_mut().for_each(|s| s.turn(wire, &requests));
        }
    }
    for (wire, name) in [(Wire::Http, "HTTP/protobuf"), (Wire::Grpc, "gRPC")] {
        let at = wire as usize;
        for s in &servers {
            eprintln!("{name:14} {:24} {:7.0} ns/span {:10.0} spans/s", s.name, s.best[at], s.fastest[at]);
        }
        for peer in &servers[1..] {
            report(
                &format!("OTLP over {name} to acknowledged"),
                servers[0].best[at],
                peer.best[at],
                peer.name,
            );
        }
    }
    if servers.len() == 1 {
        println!(
            "{}",
            serde_json::json!({ "skipped": "neither rotel nor a Collector is installed or named" })
        );
    }
    servers.into_iter().for_each(Server::end);
}

/// The decoder alone.
fn decode(requests: &[Bytes]) {
    let rounds = std::env::var("INGEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let began = Instant::now();
        for request in requests {
            std::hint::black_box(decode_spans(request).expect("it is valid"));
        }
        best = best.min(began.elapsed().as_nanos() as f64 / (REQUESTS * SPANS) as f64);
    }
    println!("decode {best:.1} ns/span, {} bytes/span", requests[0].len() as u64 / SPANS);
}

fn report(case: &str, ours: f64, peer: f64, peer_name: &str) {
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    // Nanoseconds a span are milliseconds per million spans.
    let line = serde_json::json!({
        "case": case, "ours": round(ours / 1000.0), "peer": round(peer / 1000.0), "peer_name": peer_name,
        "unit": "CPU s per M spans", "ratio": round(peer / ours), "goal": GOAL, "met": peer / ours >= GOAL,
    });
    println!("{line}");
}
