//! The program and its destinations: what they answer, and what survives the end of the program.
#![cfg(all(feature = "server", unix))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mplp_trace::config::Format;
use mplp_trace::exporters::otlp::decode_spans;
use mplp_trace::{TraceConfig, TraceModule};
use serde_json::Value;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mplp-trace"));
    command.env_clear();
    command
}

fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program().args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Waits until something is so.
fn until(mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "it did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Path, `authorization` and body of a request.
type Request = (String, Option<String>, Vec<u8>);

/// Answers every request with one status, and keeps what it was sent.
struct Receiver {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    fn start(port: u16, status: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                std::thread::spawn(move || while answer(&stream, status, &kept).is_some() {});
            }
        });
        Self { port, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(stream: &TcpStream, status: &str, kept: &Mutex<Vec<Request>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    // What is answered is kept: nobody is told that something arrived before it has.
    kept.lock().unwrap().push((path, authorization, body));
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n");
    (&mut &*stream).write_all(head.as_bytes()).ok()
}

/// A port at which nobody listens.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn written(dir: &Path, text: &str) -> String {
    let path = dir.join("trace.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A destination that has a log in front of it.
fn with_a_log(port: u16, log: &Path) -> String {
    format!(
        "opentelemetry:\n  tracing:\n    samplingRate: 1\n    batch: {{maxDelayMs: 10}}\n    exporters:\n      otlp:\n        \
         endpoint: http://127.0.0.1:{port}\n        compression: none\n        delivery: {{retry: {{maxMs: 500}}, spill: {{dir: {log:?}}}}}\n\
         server: {{port: 0}}\n"
    )
}

/// The server, and its port.
fn serve(config: &str) -> (Child, u16) {
    let mut command = program();
    command.args(["serve", "--config", config]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    // Nobody reads the rest; the pipe stays open so that writing it works.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    (server, line.trim().rsplit(':').next().unwrap().parse().unwrap())
}

const ROUTE: &str = "/api/v1/monitoring/anomalies";

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Ids of the spans of the route.
fn arrived(receiver: &Receiver) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for (_, _, body) in receiver.requests() {
        for batch in decode_spans(&body).unwrap().batches {
            let batch = batch.seal();
            let of_route = batch.iter().filter(|span| span.name().contains(ROUTE));
            ids.extend(of_route.map(|span| format!("{:?}", span.context().span_id)));
        }
    }
    ids
}

#[test]
fn spans_for_a_dead_destination_survive_a_kill_of_the_program_and_arrive_after_its_restart() {
    const REQUESTS: u64 = 25;
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let port = dead_port();
    let config = written(dir.path(), &with_a_log(port, &log));
    let (mut server, api) = serve(&config);
    for _ in 0..REQUESTS {
        assert!(get(api, ROUTE).starts_with("HTTP/1.1 200"));
    }
    let inspect = || -> Value {
        let (_, out, _) = run(&["spill", log.to_str().unwrap(), "--json"]);
        serde_json::from_str(&out).unwrap_or_default()
    };
    until(|| inspect()[0]["held"].as_u64() >= Some(REQUESTS));
    // SIGKILL: it can do nothing about it.
    server.kill().unwrap();
    server.wait().unwrap();

    let held = inspect()[0]["held"].as_u64().unwrap();
    let (code, out, err) = run(&["spill", log.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains(&format!("{held} records wait")) && out.contains(" s old"), "{out}");

    let receiver = Receiver::start(port, "200 OK");
    let (mut server, _) = serve(&config);
    until(|| arrived(&receiver).len() as u64 >= REQUESTS);
    until(|| inspect()[0]["held"] == 0);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(arrived(&receiver).len() as u64, REQUESTS, "each of them, and no other");
}

#[test]
fn log_records_that_wait_are_shown_and_logs_have_a_line_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let text = format!(
        "opentelemetry:
  logs:
    batch: {{maxDelayMs: 10}}
    exporters: {{otlp: {{endpoint: 'http://127.0.0.1:{}', delivery: {{spill: {{dir: {log:?}}}}}}}}}
server: {{port: 0}}
",
        dead_port()
    );
    let mut command = program();
    command.args(["serve", "--config", &written(dir.path(), &text)]);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        assert!(out.read_line(&mut said).unwrap() > 0, "{said}");
    }
    // It logs that nobody is told of alerts.
    let inspect = |how: &[&str]| run(&[&["spill", log.to_str().unwrap()], how].concat()).1;
    until(|| inspect(&[]).contains("1 log records"));
    let json: Value = serde_json::from_str(&inspect(&["--json"])).unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(json[0]["segments"][0]["logRecords"], 1, "{json}");
    let line = |head: &str| said.lines().find(|l| l.starts_with(head)).unwrap_or_default();
    assert!(line("  logs ").contains("OTLP at http://127.0.0.1:"), "{said}");
    assert!(line("  tracing ").ends_with("to memory"), "{said}");
}

#[test]
fn a_folder_without_a_log_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = run(&["spill", dir.path().to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("has no spill log"), "{err}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
    assert_eq!(run(&["spill", "/no/such/folder"]).0, Some(1));
}

#[test]
fn a_check_asks_every_destination_and_shows_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let (good, refusing) = (Receiver::start(0, "200 OK"), Receiver::start(0, "401 Unauthorized"));
    let (fine, wrong, dead) = (good.port, refusing.port, dead_port());
    let folder = dir.path().display();
    let text = format!(
        "opentelemetry:
  tracing:
    exporters:
      otlp: {{endpoint: 'http://127.0.0.1:{fine}', headers: {{authorization: Bearer hunter2}}}}
      otlp/json: {{endpoint: 'http://127.0.0.1:{fine}/json?key=hunter2', protocol: http/json}}
      otlpFile: {{path: {folder}/spans.jsonl}}
      zipkin: {{endpoint: 'http://127.0.0.1:{wrong}', headers: {{authorization: Bearer hunter2}}}}
      jaeger: {{endpoint: 'http://127.0.0.1:{dead}/api/traces'}}
      mplp: {{folder: {folder}/documents}}
      sqlite: {{directory: {folder}/store}}
  metrics:
    exporters:
      otlp: {{endpoint: 'http://127.0.0.1:{fine}'}}
"
    );
    let config = written(dir.path(), &text);
    let (code, out, err) = run(&["export-check", "--config", &config]);
    assert_eq!(code, Some(1), "{out}{err}");
    for (word, name) in [
        ("ok", "otlp "),
        ("ok", "otlp/json"),
        ("ok", "otlpFile"),
        ("FAILED", "zipkin"),
        ("FAILED", "jaeger"),
        ("ok", "mplp"),
        ("ok", "sqlite"),
    ] {
        let line =
            out.lines().find(|l| l.split_once("  ").is_some_and(|(_, l)| l.trim_start().starts_with(name)));
        assert!(line.is_some_and(|l| l.starts_with(word)), "{word} {name}\n{out}");
    }
    assert!(out.contains("nothing listens there") && out.contains("other credentials"), "{out}");
    assert!(out.contains("6 of 8 took what was sent"), "{out}");
    assert!(!format!("{out}{err}").contains("hunter2"), "{out}{err}");
    let mut paths: Vec<_> = good.requests().into_iter().map(|(path, ..)| path).collect();
    paths.sort();
    assert_eq!(paths, ["/json?key=hunter2", "/v1/metrics", "/v1/traces"]);
    assert!(good.requests().iter().any(|(_, token, _)| token.as_deref() == Some("Bearer hunter2")));

    let (code, out, _) = run(&["export-check", "--json", "--config", &config]);
    let answers: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!((code, answers.len()), (Some(1), 8));
    let jaeger = answers.iter().find(|a| a["name"] == "jaeger").unwrap();
    assert!(jaeger["error"].as_str().unwrap().contains("cannot connect"), "{jaeger}");
}

#[test]
fn a_check_of_what_is_fine_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let good = Receiver::start(0, "200 OK");
    let text = format!(
        "opentelemetry: {{tracing: {{exporters: {{otlp: {{endpoint: 'http://127.0.0.1:{}'}}}}}}}}",
        good.port
    );
    let (code, out, err) = run(&["export-check", "--config", &written(dir.path(), &text)]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("ok      otlp  spans") && out.contains("everything arrived: 1 of 1"), "{out}");
    let (code, out, _) = run(&["export-check", "--config", &written(dir.path(), "")]);
    assert_eq!(code, Some(0));
    assert!(out.contains("no destination is on"), "{out}");
}

#[test]
fn metrics_go_to_clickhouse_in_the_tables_that_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let server = Receiver::start(0, "200 OK");
    let text = format!(
        "opentelemetry: {{metrics: {{exporters: {{clickhouse: \
         {{endpoint: 'http://127.0.0.1:{}', database: shop, metricsTable: figures}}}}}}}}",
        server.port
    );
    let (code, out, err) = run(&["export-check", "--config", &written(dir.path(), &text)]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("metrics") && out.contains("shop.figures_*"), "{out}");
    let asked = server.requests();
    let asked: Vec<_> =
        asked.iter().map(|(path, _, body)| format!("{path} {}", String::from_utf8_lossy(body))).collect();
    assert!(asked.iter().any(|a| a.contains("INSERT") && a.contains("shop.figures_")), "{asked:?}");
}

#[test]
fn the_api_reads_traces_from_the_store_that_the_configuration_names() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "opentelemetry: {{tracing: {{samplingRate: 1, batch: {{maxDelayMs: 10}}, exporters: {{sqlite: {{directory: {:?}}}}}}}}}\n\
         store: {{readFrom: sqlite}}\nserver: {{port: 0}}\n",
        dir.path().join("store")
    );
    let config = written(dir.path(), &text);
    let (mut server, port) = serve(&config);
    get(port, ROUTE);
    until(|| get(port, "/api/v1/traces").contains("monitoring/anomalies"));
    server.kill().unwrap();
    server.wait().unwrap();
    // The memory is empty after a restart; the files are not.
    let (mut server, port) = serve(&config);
    let answer = get(port, "/api/v1/traces");
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(answer.contains("monitoring/anomalies"), "{answer}");
}

#[test]
fn what_a_receiver_remarks_beside_a_success_is_in_the_health() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let kept = Mutex::default();
            // A partial success without rejections: `partial_success {error_message: "old"}`.
            let status = "200 OK\r\ncontent-type: application/x-protobuf\r\nconnection: close\r\ncontent-length: 7\r\n\r\n\x0a\x05\x12\x03old";
            // What it writes behind that goes with the connection.
            let _ = answer(&stream, status, &kept);
        }
    });
    let text = format!(
        "opentelemetry: {{tracing: {{samplingRate: 1, batch: {{maxDelayMs: 10}}, exporters: {{otlp: {{endpoint: 'http://127.0.0.1:{port}'}}}}}}}}"
    );
    let module =
        TraceModule::from_config(TraceConfig::from_str(&text, Format::Yaml, &|_| None).unwrap().0).unwrap();
    module.recorder().span("work").start().end();
    let remark = || {
        let health = module.service().health();
        health.components["tracing"]
            .checks
            .iter()
            .find(|c| c.name == "otlp.remarks")
            .map(|c| c.message.clone())
    };
    until(|| remark().is_some());
    assert_eq!(remark().unwrap(), "took everything and remarked 1 times: old");
    module.shutdown(Duration::from_secs(10)).unwrap();
}

#[test]
fn the_commands_are_in_the_help() {
    let (code, out, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(["serve", "export-check", "spill", "check-config"].iter().all(|c| out.contains(c)), "{out}");
}

#[test]
fn an_alternative_gets_what_the_first_one_does_not_take_and_nothing_else() {
    let far = Receiver::start(0, "200 OK");
    let text = format!(
        "opentelemetry:
  tracing:
    samplingRate: 1
    exporters:
      otlp: {{endpoint: 'http://127.0.0.1:{}', delivery: {{failover: {{to: [otlp/far]}}}}}}
      otlp/far: {{endpoint: 'http://127.0.0.1:{}', compression: none}}
      zipkin: {{endpoint: 'http://127.0.0.1:{}', delivery: {{retry: {{initialMs: 1, maxMs: 1, giveUpAfterMs: 1}}}}}}
",
        dead_port(),
        far.port,
        dead_port()
    );
    let (config, warnings) = TraceConfig::from_str(&text, Format::Yaml, &|_| None).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let module = TraceModule::from_config(config).unwrap();
    module.recorder().span("work").start().end();
    let report = module.shutdown(Duration::from_secs(10)).unwrap_err().report;
    let destinations = report.spans.ledger.destinations;
    let names: Vec<_> = destinations.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["memory", "otlp", "zipkin"], "what stands in for another has no account of its own");
    assert_eq!((destinations[1].delivered, destinations[2].delivered), (1, 0));
    let sent: usize =
        far.requests().iter().map(|(_, _, body)| decode_spans(body).unwrap().batches[0].len()).sum();
    assert_eq!(sent, 1);
}

#[test]
fn a_log_that_another_program_has_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let config = written(dir.path(), &with_a_log(dead_port(), &log));
    let (mut server, _) = serve(&config);
    let (code, _, err) = run(&["serve", "--config", &config]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(code, Some(1));
    assert!(err.starts_with("opentelemetry.tracing.exporters.otlp.delivery.spill: "), "{err}");
}
