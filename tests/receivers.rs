//! What others send, from the socket to the destinations, as the configuration asks for it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use mplp_trace::TraceModule;
use mplp_trace::config::{Format, TraceConfig};
use mplp_trace::core::metric::TemporalityPreference;
use mplp_trace::core::model::{CheckStatus, MetricData, Timestamp, Value};
use mplp_trace::core::testing::CaptureExporter;
use mplp_trace::module::{Listening, LogDestination, MetricDestination, Registry, TraceModuleBuilder};

const LIMIT: Duration = Duration::from_secs(10);
const BINARY: &[u8] = include_bytes!("../trace-exporters/tests/golden/jaeger_binary.thrift");
const COMPACT: &[u8] = include_bytes!("../trace-exporters/tests/golden/jaeger_compact.thrift");
const OTLP: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",
    "spanId":"b7ad6b7169203331","name":"over otlp","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;
const LOGS: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}},{}]}]}]}"#;
const ZIPKIN: &str =
    r#"[{"traceId":"ab","id":"cd","name":"over zipkin","timestamp":1700000000000000,"duration":5},{}]"#;
const EVERYTHING: &str = "
server: {port: 0}
receivers:
  otlp: {grpc: {listen: '127.0.0.1:0'}, http: {listen: '127.0.0.1:0'}}
  jaeger:
    thriftHttp: {listen: '127.0.0.1:0'}
    compactUdp: {listen: '127.0.0.1:0'}
  zipkin: {listen: '127.0.0.1:0'}
  prometheusRemoteWrite: {listen: '127.0.0.1:0'}
";

/// One sample of remote write 1.0 in snappy's block format: `up{job="a"} 1`.
fn remote_write() -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat();
    let label =
        |name: &str, value: &str| field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    let sample = field(2, &[&[9][..], &1.0_f64.to_le_bytes(), &[16, 1]].concat());
    let series = [label("__name__", "up"), label("job", "a"), sample].concat();
    let body = field(1, &series);
    assert!(body.len() <= 60, "one short literal");
    [&[body.len() as u8, (body.len() as u8 - 1) << 2], &body[..]].concat()
}

/// The status line and the rest.
fn post(address: SocketAddr, path: &str, content: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {content}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn at(listening: &Listening, key: &str) -> SocketAddr {
    listening.addresses().iter().find(|(k, _)| *k == key).unwrap().1
}

fn config(text: &str) -> TraceConfig {
    TraceConfig::from_str(text, Format::Yaml, &|_| None).unwrap().0
}

/// With a destination for metrics and logs.
fn builder(text: &str, metrics_and_logs: &CaptureExporter) -> TraceModuleBuilder {
    let mut registry = Registry::default();
    let metrics = metrics_and_logs.clone();
    registry.metric_exporter("capture", move |_| {
        Ok(Some(MetricDestination {
            exporter: Box::new(metrics.clone()),
            config: Default::default(),
            temporality: TemporalityPreference::Cumulative,
        }))
    });
    let logs = metrics_and_logs.clone();
    registry.log_exporter("capture", move |_| {
        Ok(Some(LogDestination { exporter: Box::new(logs.clone()), config: Default::default() }))
    });
    TraceModule::builder().config(config(text)).registry(registry)
}

/// The value of one of the program's own counters.
fn counter(module: &TraceModule, name: &str, receiver: &str, outcome: &str) -> Option<f64> {
    let batch = module.metrics().collect(Timestamp::now());
    let metric = batch.scopes.iter().flat_map(|s| &s.metrics).find(|m| m.name == name)?;
    let MetricData::Sum { points, .. } = &metric.data else { return None };
    let is = |p: &&mplp_trace::core::model::NumberPoint| {
        p.attributes.get("receiver") == Some(&Value::from(receiver.to_owned()))
            && p.attributes.get("outcome") == Some(&Value::from(outcome.to_owned()))
    };
    points.iter().find(is).map(|p| p.value.as_f64())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_receiver_acknowledges_is_delivered_and_told_of() {
    let metrics = CaptureExporter::new();
    let module = builder(EVERYTHING, &metrics).build().unwrap();
    let health = || module.service().health().components["receivers"].clone();
    assert!(health().checks.iter().all(|c| c.status == CheckStatus::Warn && c.message == "does not listen"));
    let listening = module.listen().await.unwrap();
    assert!(health().checks.iter().all(|c| c.status == CheckStatus::Pass), "{:?}", health());
    let (otlp, zipkin) = (at(&listening, "otlp.grpc"), at(&listening, "zipkin"));
    let (thrift, write) = (at(&listening, "jaeger.thriftHttp"), at(&listening, "prometheusRemoteWrite"));
    let agent = at(&listening, "jaeger.compactUdp");
    tokio::task::spawn_blocking(move || {
        let told = post(otlp, "/v1/traces", "application/json", OTLP.as_bytes());
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        let told = post(otlp, "/v1/logs", "application/json", LOGS.as_bytes());
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        let told = post(zipkin, "/api/v2/spans", "application/json", ZIPKIN.as_bytes());
        assert!(told.starts_with("HTTP/1.1 202"), "{told}");
        let told = post(zipkin, "/api/v2/spans", "application/json", b"{}");
        assert!(told.starts_with("HTTP/1.1 400"), "{told}");
        let told = post(thrift, "/api/traces", "application/x-thrift", BINARY);
        assert!(told.starts_with("HTTP/1.1 202"), "{told}");
        let told = post(write, "/api/v1/write", "application/x-protobuf", &remote_write());
        assert!(told.starts_with("HTTP/1.1 204"), "{told}");
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(COMPACT, agent).unwrap();
    })
    .await
    .unwrap();
    listening.shutdown().await;
    assert!(TcpStream::connect(otlp).is_err(), "nobody listens any more");

    assert_eq!(counter(&module, "mplp.receiver.spans", "otlp", "held"), Some(1.0));
    assert_eq!(counter(&module, "mplp.receiver.spans", "zipkin", "rejected"), Some(1.0));
    assert_eq!(counter(&module, "mplp.receiver.requests", "zipkin", "bad"), Some(1.0));
    assert_eq!(counter(&module, "mplp.receiver.datagrams", "jaeger.compactUdp", "read"), Some(1.0));
    assert_eq!(counter(&module, "mplp.receiver.points", "prometheusRemoteWrite", "held"), Some(1.0));
    assert_eq!(counter(&module, "mplp.receiver.logs", "otlp", "held"), Some(2.0));
    let otlp = health().checks.into_iter().find(|c| c.name == "otlp").unwrap();
    assert!(otlp.message.ends_with("; log records: 2 held"), "{}", otlp.message);
    let zipkin = health().checks.into_iter().find(|c| c.name == "zipkin").unwrap();
    assert_eq!(zipkin.message, "does not listen; requests: 1 accepted, 1 bad; spans: 1 held, 1 rejected");

    let report =
        tokio::task::spawn_blocking(move || (module.shutdown(LIMIT).unwrap(), module)).await.unwrap();
    let (report, module) = report;
    assert!(report.spans.ledger.adds_up());
    // One over OTLP, one over Zipkin, one over HTTP, two in the datagram.
    assert_eq!((report.spans.ledger.received, module.store().stats().spans), (5, 5));
    let received = metrics.metrics().into_iter().find(|b| b.resource.service_name() == "a").unwrap();
    assert_eq!(received.scopes[0].metrics[0].name, "up");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_by_its_key_and_then_nothing_listens() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = format!(
        "receivers: {{otlp: {{http: {{listen: '{free}'}}}}, zipkin: {{listen: '{}'}}}}",
        taken.local_addr().unwrap()
    );
    let module = TraceModule::from_config(config(&text)).unwrap();
    let error = module.listen().await.unwrap_err().to_string();
    assert!(error.starts_with("receivers.zipkin: Zipkin address 127.0.0.1:"), "{error}");
    assert!(error.contains("is in use"), "{error}");
    let health = module.service().health();
    assert!(health.components["receivers"].checks.iter().all(|c| c.status == CheckStatus::Warn));
}

#[test]
fn metrics_are_not_taken_where_nobody_would_hold_them() {
    let error = TraceModule::from_config(config("receivers: {prometheusRemoteWrite: {}}")).unwrap_err();
    assert!(error.to_string().starts_with("receivers.prometheusRemoteWrite: nobody would hold"), "{error}");
    let module = TraceModule::from_config(config("")).unwrap();
    assert!(!module.service().health().components.contains_key("receivers"));
}

#[cfg(unix)]
#[test]
fn the_program_says_where_it_receives_and_delivers_what_it_acknowledged() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.yaml");
    std::fs::write(&path, EVERYTHING.replace("prometheusRemoteWrite", "# ")).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_mplp-trace"))
        .args(["serve", "--config", path.to_str().unwrap()])
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.starts_with("Ctrl-C")) {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "{lines:?}");
        lines.push(line);
    }
    let of = |key: &str| -> SocketAddr {
        let head = format!("  receives           {key} on ");
        lines.iter().find_map(|l| l.strip_prefix(&head)).unwrap().trim().parse().unwrap()
    };
    assert!(
        post(of("otlp.http"), "/v1/traces", "application/json", OTLP.as_bytes()).starts_with("HTTP/1.1 200")
    );
    assert!(
        post(of("zipkin"), "/api/v2/spans", "application/json", ZIPKIN.as_bytes())
            .starts_with("HTTP/1.1 202")
    );
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(rest.contains("2 spans recorded"), "{rest}");
}
