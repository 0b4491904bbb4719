//! What the OpenTelemetry SDK for Python logs arrives with every field as it was logged.
//!
//! `MPLP_PEER_PYTHON` is a Python with the SDK, `MPLP_PEER_OTLP_LOG_CLIENT` the script that logs and exports. `cargo xtask
//! integration receivers` sets them.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp-receiver")]

mod support;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value as Json, json};
use support::peer::peer;
use trace_core::model::LogRecord;
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::testing::CaptureExporter;
use trace_exporters::otlp_receiver::{OtlpListener, OtlpReceiverConfig};

/// As the client describes its own.
fn described(r: &LogRecord) -> Json {
    let attributes: serde_json::Map<_, _> =
        r.attributes.iter().map(|(k, v)| (k.to_string(), serde_json::to_value(v).unwrap())).collect();
    json!({
        "time": r.time.unix_nanos(),
        "observed": r.observed.unix_nanos(),
        "severity": r.severity.number(),
        "text": r.severity_text,
        "body": r.body,
        "attributes": attributes,
        "event": r.event_name,
        "traceId": r.trace_id.unwrap().to_string(),
        "spanId": r.span_id.unwrap().to_string(),
        "flags": r.flags.0,
        "scope": [r.scope.name, r.scope.version],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_python_sdk_logged_arrives_by_every_protocol() {
    let test = "what_the_python_sdk_logged_arrives_by_every_protocol";
    let Some(python) = peer(test, "MPLP_PEER_PYTHON", "a Python with the OpenTelemetry SDK") else { return };
    let Some(script) = peer(test, "MPLP_PEER_OTLP_LOG_CLIENT", "the script otlp_log_client.py") else {
        return;
    };
    for protocol in ["grpc", "http/protobuf"] {
        for compression in ["none", "gzip"] {
            let out = CaptureExporter::new();
            let pipeline = Pipeline::builder().export_logs("out", out.clone()).start().unwrap();
            let config = OtlpReceiverConfig::new("127.0.0.1:0", "127.0.0.1:0");
            let receiver = config.receiver(pipeline.ingest(OverflowPolicy::Drop)).unwrap();
            let receiver = receiver.logs(pipeline.log_ingest());
            let listener = OtlpListener::start(&config, receiver).await.unwrap();
            let port = if protocol == "grpc" { listener.grpc_addr() } else { listener.http_addr() };
            let mut command = Command::new(&python);
            command.args([&script, protocol, &format!("http://{}", port.unwrap()), compression]);
            let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let said: Json = serde_json::from_slice(&output.stdout).unwrap();
            listener.shutdown().await;
            pipeline.shutdown(Duration::from_secs(10)).unwrap();
            let got: Vec<Json> = out.logs().iter().map(described).collect();
            assert_eq!(json!(got), said["records"], "{protocol} {compression}");
        }
    }
}
