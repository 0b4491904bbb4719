//! What watching requests costs an axum server: `MonitoringLayer` with all three parts, against the bare server and
//! against `tower-http` with `tracing-opentelemetry`.
//!
//! Each server is a process of its own, this program again with the argument `--serve NAME`; `wrk` asks one after
//! the other for `/hello/{name}`, many short turns interleaved, so that what disturbs the machine disturbs all alike.
//! Figures are medians over the rounds. The last case is the same applications called in process, without a network:
//! the best of many short bursts, on one thread. CPU is what the kernel accounts to all threads of the server, exporting
//! included: with `wrk` on the same cores it is steadier than requests a second.
//!
//! Both sides have their default buffers, and export to nothing. What they drop is not counted here.
//!
//! `cargo xtask bench http --json` prints a line of JSON a case. `HTTP_BENCH_ROUNDS` replaces the number of rounds.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::get;
use http_body_util::BodyExt as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace as sdk;
use tower::ServiceExt as _;
use trace_core::analyze::{RedConfig, RedWindows};
use trace_core::batch::SpanBatch;
use trace_core::http::MonitoringLayer;
use trace_core::metric::MeterRegistry;
use trace_core::model::Resource;
use trace_core::pipeline::Pipeline;
use trace_core::record::{Recorder, current_context};
use trace_core::signal::{ExportError, SpanExporter};
use tracing_subscriber::layer::SubscriberExt;

const ROUNDS: usize = 12;
const TURN: &str = "1s";
const BURSTS: usize = 300;
const BURST: usize = 500;
const SERVERS: [&str; 4] = ["bare", "ours", "peer", "empty"];
const EMPTY: &str = "axum with a layer that does nothing";
const PEER: &str = "tower-http + tracing-opentelemetry";

/// Forgets.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl SpanExporter for Nothing {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        std::hint::black_box(batch.len());
        Ok(())
    }
}

impl sdk::SpanExporter for Nothing {
    async fn export(&self, batch: Vec<sdk::SpanData>) -> opentelemetry_sdk::error::OTelSdkResult {
        std::hint::black_box(batch.len());
        Ok(())
    }
}

fn hello() -> Router {
    Router::new().route("/hello/{name}", get(|| async { "Hello, World!" }))
}

/// A server's application.
struct App {
    router: Router,
    /// Under which it runs.
    dispatch: tracing::Dispatch,
    /// What must live as long.
    _kept: Vec<Box<dyn std::any::Any>>,
}

fn application(name: &str) -> App {
    let mut kept: Vec<Box<dyn std::any::Any>> = Vec::new();
    let mut dispatch = tracing::Dispatch::none();
    let router = match name {
        "bare" => hello(),
        // The whole, and for profiles its parts.
        "ours" | "trace" | "metrics" | "anomaly" => {
            let recorder = Recorder::builder().resource(Resource::service("bench"));
            let pipeline = Pipeline::builder()
                .recorder(recorder)
                .export_spans("nothing", Nothing)
                .start()
                .expect("threads can be started");
            let registry = MeterRegistry::new(pipeline.recorder().resource().clone());
            registry.set_exemplar_source(|| {
                current_context().filter(|c| c.is_sampled()).map(|c| (c.trace_id, c.span_id))
            });
            let all = MonitoringLayer::builder(pipeline.recorder().clone())
                .route_with(|parts| parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str))
                .collect_metrics(&registry)
                .analyze_performance(Arc::new(RedWindows::new(RedConfig::default())))
                .build()
                .expect("the registry is empty");
            kept.push(Box::new((pipeline, registry)));
            match name {
                "trace" => hello().layer(all.trace_requests()),
                "metrics" => hello().layer(all.collect_metrics().expect("it was asked for")),
                "anomaly" => hello().layer(all.detect_anomalies().expect("it was asked for")),
                _ => hello().layer(all),
            }
        }
        // What axum itself takes for a layer that does nothing.
        "empty" => hello().layer(tower::layer::util::Identity::new()),
        "peer" => {
            let provider = sdk::SdkTracerProvider::builder()
                .with_span_processor(sdk::BatchSpanProcessor::builder(Nothing).build())
                .build();
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
            dispatch = tracing_subscriber::registry().with(layer).into();
            kept.push(Box::new(provider));
            let spans = tower_http::trace::DefaultMakeSpan::new().level(tracing::Level::INFO);
            hello().layer(tower_http::trace::TraceLayer::new_for_http().make_span_with(spans))
        }
        other => panic!("no server `{other}`"),
    };
    App { router, dispatch, _kept: kept }
}

/// Serves until standard input ends.
fn serve(name: &str) {
    let App { router, dispatch, _kept } = application(name);
    if name == "peer" {
        tracing::dispatcher::set_global_default(dispatch).expect("there is none yet");
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.set_nonblocking(true).expect("sockets can be non-blocking");
    println!("{}", listener.local_addr().expect("it is bound"));
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("the runtime has a driver");
        axum::serve(listener, router).await.expect("axum::serve does not end");
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// A server in a process of its own, ended when dropped.
struct Server {
    child: Child,
    url: String,
    turns: Vec<Turn>,
}

#[derive(Clone, Copy)]
struct Turn {
    requests_a_second: f64,
    cpu_us_a_request: f64,
}

impl Server {
    fn start(name: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .args(["--serve", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut address).expect("the server says where it listens");
        Self { child, url: format!("http://{}/hello/world", address.trim()), turns: Vec::new() }
    }

    fn turn(&self) -> Turn {
        let before = cpu_ns(self.child.id());
        let output = Command::new("wrk")
            .args(["-t1", "-c32", "-d", TURN, &self.url])
            .output()
            .expect("wrk was there a moment ago");
        let cpu = cpu_ns(self.child.id()) - before;
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains("Non-2xx"), "{text}");
        let number = |line: Option<&str>, word: usize| -> f64 {
            let word = line.and_then(|l| l.split_whitespace().nth(word));
            word.and_then(|w| w.parse().ok()).unwrap_or_else(|| panic!("wrk says something else: {text}"))
        };
        let requests = number(text.lines().find(|l| l.contains("requests in")), 0);
        let requests_a_second = number(text.lines().find(|l| l.starts_with("Requests/sec:")), 1);
        Turn { requests_a_second, cpu_us_a_request: cpu as f64 / 1e3 / requests }
    }

    fn median(&self, figure: impl Fn(&Turn) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.turns.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls an application in process.
fn drive(app: &App, requests: usize) {
    let _under = tracing::dispatcher::set_default(&app.dispatch);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it needs nothing");
    runtime.block_on(async {
        for _ in 0..requests {
            let request = http::Request::get("/hello/world").header("host", "127.0.0.1:8080");
            let request = request.body(axum::body::Body::empty()).expect("it is valid");
            let response = app.router.clone().oneshot(request).await.expect("axum cannot fail");
            std::hint::black_box(response.into_body().collect().await.expect("it is in memory"));
        }
    });
}

/// Nanoseconds a request, of the best burst of each application.
fn in_process() -> [f64; SERVERS.len()] {
    let apps = SERVERS.map(application);
    let mut best = [f64::INFINITY; SERVERS.len()];
    for _ in 0..BURSTS {
        for (app, best) in apps.iter().zip(&mut best) {
            let began = Instant::now();
            drive(app, BURST);
            *best = best.min(began.elapsed().as_nanos() as f64 / BURST as f64);
        }
    }
    best
}

/// CPU time of all threads, by the scheduler's own account (Linux).
fn cpu_ns(process: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the server runs, on Linux");
    let of = |path: std::path::PathBuf| -> Option<u64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
    };
    tasks.flatten().filter_map(|task| of(task.path())).sum()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|a| a == "--serve") {
        return serve(&arguments[at + 1]);
    }
    if let Some(at) = arguments.iter().position(|a| a == "--profile") {
        // For callgrind: one application, again and again.
        return drive(&application(&arguments[at + 1]), 20_000);
    }
    if arguments.iter().any(|a| a == "--in-process") {
        let found = in_process();
        return SERVERS.iter().zip(found).for_each(|(name, ns)| println!("{name:8} {ns:7.0} ns/request"));
    }
    if Command::new("wrk").arg("-v").stdout(Stdio::null()).status().is_err() {
        let why = "the load generator `wrk` is not installed: apt-get install wrk (Debian package `wrk`)";
        println!("{}", serde_json::json!({ "skipped": why }));
        return;
    }
    let rounds = std::env::var("HTTP_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let mut servers = SERVERS.map(Server::start);
    // The first turn fills caches and is forgotten.
    for server in &servers {
        let _ = server.turn();
    }
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for server in &mut servers {
            let turn = server.turn();
            server.turns.push(turn);
        }
    }
    let speed = servers.each_ref().map(|s| s.median(|t| t.requests_a_second));
    let cpu = servers.each_ref().map(|s| s.median(|t| t.cpu_us_a_request));
    let fast = "axum hello under wrk, requests a second";
    let cheap = "axum hello under wrk, CPU of the server a request";
    report(fast, "requests/s", "bare axum", (speed[1], speed[0]), speed[1] / speed[0], 0.97);
    report(fast, "requests/s", PEER, (speed[1], speed[2]), speed[1] / speed[2], 1.0);
    report(cheap, "us", "bare axum", (cpu[1], cpu[0]), cpu[0] / cpu[1], 0.97);
    report(cheap, "us", EMPTY, (cpu[1], cpu[3]), cpu[3] / cpu[1], 0.97);
    report(cheap, "us", PEER, (cpu[1], cpu[2]), cpu[2] / cpu[1], 1.0);
    report_in_process(in_process());
}

fn report_in_process(found: [f64; SERVERS.len()]) {
    let added = found.map(|ns| ns - found[0]);
    let case = "added to a request of bare axum, in process";
    report(case, "ns", PEER, (added[1], added[2]), added[2] / added[1], 1.0);
}

fn report(case: &str, unit: &str, peer_name: &str, (ours, peer): (f64, f64), ratio: f64, goal: f64) {
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": round(peer), "peer_name": peer_name, "unit": unit,
        "ratio": round(ratio), "goal": goal, "met": ratio >= goal,
    });
    println!("{line}");
}
