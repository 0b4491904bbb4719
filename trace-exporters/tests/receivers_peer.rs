//! What old clients of Jaeger, a Zipkin exporter, the SDK for JavaScript and Prometheus send arrives with every field
//! as it was sent.
//!
//! `MPLP_PEER_LEGACY` is the command of the script `legacy_client.py` with its Python before it, `MPLP_PEER_ZIPKIN_CLIENT`
//! that of `zipkin_client.py`, and `MPLP_PEER_NODE_CLIENT` that of `client.js`, words apart by newlines;
//! `MPLP_PEER_PROMETHEUS` and `MPLP_PEER_PROMETHEUS3` are the programs. `cargo xtask integration receivers` sets them.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(all(
    feature = "otlp-receiver",
    feature = "jaeger-receiver",
    feature = "zipkin-receiver",
    feature = "remote-write-receiver",
    feature = "prometheus"
))]

#[path = "receivers_peer/prometheus.rs"]
mod prometheus;
mod support;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value as Json, json};
use support::peer::peer;
use support::receiving::Kept;
use trace_core::model::*;
use trace_exporters::jaeger_receiver::{DatagramProtocol, JaegerReceiver, JaegerUdpReceiver};
use trace_exporters::otlp_receiver::{OtlpListener, OtlpReceiver, OtlpReceiverConfig};
use trace_exporters::receiver::ReceiverLimits;
use trace_exporters::zipkin_receiver::ZipkinReceiver;

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
    let pairs = attributes.into_iter().map(|kv| (kv.key.to_string(), value(&kv.value)));
    pairs.collect::<serde_json::Map<_, _>>().into()
}

/// As the clients describe their own, without the resource.
fn described(s: &SpanData) -> Json {
    let (status, message) = match &s.status {
        Status::Unset => ("UNSET", ""),
        Status::Ok => ("OK", ""),
        Status::Error(m) => ("ERROR", &**m),
    };
    let nanos = |t: Timestamp| t.unix_nanos().to_string();
    let events = s.events.iter();
    let events =
        events.map(|e| json!({"name": e.name, "time": nanos(e.time), "attributes": map(&e.attributes)}));
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
        "start": nanos(s.start),
        "end": nanos(s.end),
        "attributes": map(&s.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "status": status,
        "message": message,
        "scope": [s.scope.name, s.scope.version],
    })
}

/// The spans that a client says it sent, in the order of their ids, and their resources.
async fn run(command: &str, arguments: &[&str]) -> (Vec<Json>, Vec<Json>) {
    let mut words = command.lines();
    let mut command = Command::new(words.next().unwrap());
    command.args(words).args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let said: Json = serde_json::from_slice(&output.stdout).unwrap();
    let mut spans = said["spans"].as_array().unwrap().clone();
    let resources =
        spans.iter_mut().map(|s| s.as_object_mut().unwrap().remove("resource").unwrap_or_default());
    let resources = resources.collect();
    (ordered(spans), resources)
}

fn ordered(mut spans: Vec<Json>) -> Vec<Json> {
    spans.sort_by_key(|s| s["spanId"].to_string());
    spans
}

/// What arrived, in the same order.
fn arrived(kept: &Kept) -> Vec<Json> {
    ordered(kept.spans().iter().map(described).collect())
}

#[tokio::test]
async fn what_old_clients_of_jaeger_send_in_datagrams_arrives() {
    let test = "what_old_clients_of_jaeger_send_in_datagrams_arrives";
    let Some(client) = peer(test, "MPLP_PEER_LEGACY", "Python with jaeger-client") else { return };
    for name in ["jaeger-client", "otel-udp"] {
        let kept = Kept::default();
        let receiver =
            JaegerUdpReceiver::new(DatagramProtocol::Compact, kept.clone(), &ReceiverLimits::default());
        let listener = receiver.listen("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().port().to_string();
        let (sent, resources) = run(&client, &[name, "127.0.0.1", &port]).await;
        let counts = listener.shutdown().await;
        assert_eq!(arrived(&kept), sent, "{name}: {counts:?}");
        assert_eq!(counts.spans as usize, sent.len());
        assert!(counts.dropped().iter().all(|(_, n)| *n == 0), "{counts:?}");
        check_resource(&kept, &resources);
    }
}

/// Every attribute that a client gave its process.
fn check_resource(kept: &Kept, sent: &[Json]) {
    let found = kept.resources.lock().unwrap().clone();
    assert!(!found.is_empty() && !sent.is_empty());
    for (found, sent) in found.iter().flat_map(|f| sent.iter().map(move |s| (f, s))) {
        let found = map(found.attributes.iter());
        for (key, value) in sent.as_object().unwrap() {
            assert_eq!(&found[key], value, "{key} of {found}");
        }
    }
}

#[tokio::test]
async fn what_opentelemetrys_old_exporter_sends_over_http_arrives() {
    let test = "what_opentelemetrys_old_exporter_sends_over_http_arrives";
    let Some(client) = peer(test, "MPLP_PEER_LEGACY", "Python with the Jaeger exporter") else { return };
    let kept = Kept::default();
    let receiver = JaegerReceiver::new(kept.clone(), ReceiverLimits::default());
    let listener = receiver.listen("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().port().to_string();
    let (sent, resources) = run(&client, &["otel-http", "127.0.0.1", &port]).await;
    listener.shutdown().await;
    assert_eq!(arrived(&kept), sent, "{:?}", receiver.counts());
    check_resource(&kept, &resources);
}

#[tokio::test]
async fn what_a_zipkin_exporter_sends_arrives() {
    let test = "what_a_zipkin_exporter_sends_arrives";
    let Some(client) = peer(test, "MPLP_PEER_ZIPKIN_CLIENT", "Python with a Zipkin exporter") else { return };
    let kept = Kept::default();
    let receiver = ZipkinReceiver::new(kept.clone(), ReceiverLimits::default());
    let listener = receiver.listen("127.0.0.1:0").await.unwrap();
    let (sent, resources) = run(&client, &[&format!("http://{}/api/v2/spans", listener.local_addr())]).await;
    listener.shutdown().await;
    assert_eq!(arrived(&kept), sent, "{:?}", receiver.counts());
    check_resource(&kept, &resources);
}

#[tokio::test]
async fn what_the_sdk_for_javascript_exports_arrives_by_every_protocol() {
    let test = "what_the_sdk_for_javascript_exports_arrives_by_every_protocol";
    let Some(client) = peer(test, "MPLP_PEER_NODE_CLIENT", "Node.js with OTLP exporters") else { return };
    for protocol in ["http/protobuf", "http/json", "grpc"] {
        for compression in ["none", "gzip"] {
            let kept = Kept::default();
            let receiver = OtlpReceiver::new(kept.clone(), ReceiverLimits::default());
            let config = OtlpReceiverConfig::new("127.0.0.1:0", "127.0.0.1:0");
            let listener = OtlpListener::start(&config, receiver).await.unwrap();
            let address = if protocol == "grpc" { listener.grpc_addr() } else { listener.http_addr() };
            let url = format!("http://{}", address.unwrap());
            let limit = Duration::from_secs(120);
            let (mut sent, _) =
                tokio::time::timeout(limit, run(&client, &[protocol, &url, compression])).await.unwrap();
            for span in &mut sent {
                assert_eq!(span.as_object_mut().unwrap().remove("service"), Some(json!("node-client")));
            }
            assert_eq!(arrived(&kept), sent, "{protocol} {compression}");
            check_resource(&kept, &[json!({"service.name": "node-client", "peer.number": 7})]);
            listener.shutdown().await;
        }
    }
}
