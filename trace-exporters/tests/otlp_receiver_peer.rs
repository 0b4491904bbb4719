//! What the OpenTelemetry SDK for Python exports, and what a collector that others wrote forwards, arrives with every
//! field as it was recorded.
//!
//! `MPLP_PEER_PYTHON` is a Python with the SDK, `MPLP_PEER_OTLP_CLIENT` the script that records and exports, and
//! `MPLP_PEER_ROTEL` the program `rotel-agent`. `cargo xtask integration receivers` sets them.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(all(feature = "otlp-receiver", feature = "otlp"))]

mod support;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value as Json, json};
use support::{peer::peer, shop};
use trace_core::model::*;
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::signal::{MetricExporter as _, SpanExporter as _};
use trace_core::testing::CaptureExporter;
use trace_core::testing::conformance::every_field;
use trace_exporters::otlp::{OtlpConfig, OtlpMetricExporter, OtlpSpanExporter};
use trace_exporters::otlp_receiver::{OtlpListener, OtlpReceiverConfig};

struct Receiving {
    pipeline: Pipeline,
    out: CaptureExporter,
    listener: OtlpListener,
}

impl Receiving {
    async fn start() -> Self {
        let out = CaptureExporter::new();
        let pipeline =
            Pipeline::builder().export_spans("spans", out.clone()).export_metrics("metrics", out.clone());
        let pipeline = pipeline.start().unwrap();
        let config = OtlpReceiverConfig::new("127.0.0.1:0", "127.0.0.1:0");
        let receiver = config.receiver(pipeline.ingest(OverflowPolicy::Drop)).unwrap();
        let receiver = receiver.metrics(pipeline.metric_ingest());
        let listener = OtlpListener::start(&config, receiver).await.unwrap();
        Self { pipeline, out, listener }
    }

    /// What arrived, after everything that was acknowledged.
    async fn end(self) -> (Vec<SpanData>, Vec<MetricBatch>) {
        self.listener.shutdown().await;
        let pipeline = self.pipeline;
        let ended = tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(10))).await;
        ended.unwrap().unwrap();
        (self.out.spans(), self.out.metrics())
    }
}

fn value(v: &Value) -> Json {
    match v {
        Value::Bool(v) => json!(v),
        Value::I64(v) => json!(v),
        Value::F64(v) => json!(v),
        Value::String(v) => json!(v),
        Value::Array(v) => serde_json::to_value(v).unwrap(),
        other => panic!("{other:?} is new"),
    }
}

fn map<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> Json {
    attributes
        .into_iter()
        .map(|kv| (kv.key.to_string(), value(&kv.value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// As the client describes its own.
fn described(s: &SpanData) -> Json {
    let (status, message) = match &s.status {
        Status::Unset => ("UNSET", ""),
        Status::Ok => ("OK", ""),
        Status::Error(m) => ("ERROR", &**m),
    };
    let events = s
        .events
        .iter()
        .map(|e| json!({"name": e.name, "time": e.time.unix_nanos(), "attributes": map(&e.attributes)}));
    let links = s.links.iter().map(|l| {
        let (trace, span) = (l.context.trace_id.to_string(), l.context.span_id.to_string());
        json!({"traceId": trace, "spanId": span, "attributes": map(&l.attributes)})
    });
    json!({
        "traceId": s.context.trace_id.to_string(),
        "spanId": s.context.span_id.to_string(),
        "parentSpanId": s.parent_span_id.map(|id| id.to_string()),
        "name": s.name,
        "kind": format!("{:?}", s.kind).to_uppercase(),
        "start": s.start.unix_nanos(),
        "end": s.end.unix_nanos(),
        "attributes": map(&s.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "status": status,
        "message": message,
        "scope": [s.scope.name, s.scope.version],
        "service": "python-client",
    })
}

#[tokio::test]
async fn what_the_python_sdk_recorded_arrives_by_every_protocol() {
    let test = "what_the_python_sdk_recorded_arrives_by_every_protocol";
    let Some(python) = peer(test, "MPLP_PEER_PYTHON", "a Python with the OpenTelemetry SDK") else { return };
    let Some(script) = peer(test, "MPLP_PEER_OTLP_CLIENT", "the script otlp_client.py") else { return };
    for protocol in ["grpc", "http/protobuf"] {
        for compression in ["none", "gzip"] {
            let receiving = Receiving::start().await;
            let listener = &receiving.listener;
            let port = if protocol == "grpc" { listener.grpc_addr() } else { listener.http_addr() };
            let mut command = Command::new(&python);
            command.args([&script, protocol, &format!("http://{}", port.unwrap()), compression]);
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let recorded: Json = serde_json::from_slice(&output.stdout).unwrap();
            let (spans, metrics) = receiving.end().await;
            let got: Vec<Json> = spans.iter().map(described).collect();
            assert_eq!(json!(got), recorded["spans"], "{protocol} {compression}");
            // At its end the SDK sends them once more.
            let batch = metrics.first().unwrap();
            assert_eq!(batch.resource.attributes.get("peer.number"), Some(&Value::I64(7)));
            let [counter, histogram] = &batch.scopes[0].metrics[..] else { panic!("{batch:?}") };
            let MetricData::Sum { points, temporality: Temporality::Cumulative, monotonic: true } =
                &counter.data
            else {
                panic!("{counter:?}")
            };
            assert_eq!((points[0].value, &*counter.name), (Number::I64(41), "requests"));
            let MetricData::Histogram { points, .. } = &histogram.data else { panic!("{histogram:?}") };
            assert_eq!((points[0].count, points[0].sum, points[0].min), (1, 0.25, Some(0.25)));
        }
    }
}

/// By text: NaN is unlike itself. Spans of a request are ordered by scope.
fn texts(spans: &[SpanData]) -> Vec<String> {
    let mut all: Vec<String> = spans.iter().map(|s| format!("{s:?}")).collect();
    all.sort();
    all
}

struct Rotel(Child);

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn what_a_foreign_collector_forwards_is_what_was_sent_to_it() {
    let test = "what_a_foreign_collector_forwards_is_what_was_sent_to_it";
    let Some(rotel) = peer(test, "MPLP_PEER_ROTEL", "the program rotel-agent") else { return };
    for protocol in ["grpc", "http"] {
        let receiving = Receiving::start().await;
        let listener = &receiving.listener;
        let port = if protocol == "grpc" { listener.grpc_addr() } else { listener.http_addr() };
        let folder = tempfile::tempdir().unwrap();
        let (grpc, http) = (free_port(), free_port());
        let mut command = Command::new(&rotel);
        command
            .args(["start", "--exporter", "otlp", "--batch-timeout", "50ms"])
            .args(["--otlp-exporter-protocol", protocol])
            .args(["--otlp-exporter-endpoint", &format!("http://{}", port.unwrap())])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{grpc}")])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{http}")])
            .arg("--pid-file")
            .arg(folder.path().join("pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let _rotel = Rotel(command.spawn().unwrap());
        for _ in 0..1500 {
            if tokio::net::TcpStream::connect(("127.0.0.1", http)).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let config = OtlpConfig::new(format!("http://127.0.0.1:{http}"));
        let batch = every_field();
        OtlpSpanExporter::new(&config).unwrap().export(&batch).await.unwrap();
        OtlpMetricExporter::new(&config).unwrap().export(&shop::metrics()).await.unwrap();
        let arrived = || {
            let counts = listener.receiver().counts();
            counts.spans > 0 && counts.points > 0
        };
        for _ in 0..500 {
            if arrived() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(arrived(), "rotel forwarded nothing over {protocol}: {:?}", listener.receiver().counts());
        let (spans, metrics) = receiving.end().await;
        assert_eq!(
            texts(&spans),
            texts(&batch.iter().map(|s| s.to_span_data()).collect::<Vec<_>>()),
            "{protocol}"
        );
        assert_eq!(metrics[0].resource, shop::metrics().resource);
    }
}
