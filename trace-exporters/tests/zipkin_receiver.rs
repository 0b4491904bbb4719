//! What the receiver of Zipkin's clients takes, refuses and answers.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "zipkin-receiver")]

mod support;

use std::io::Write as _;

use http::StatusCode;
use serde_json::json;
use support::receiving::{Kept, post};
use trace_core::model::{KeyValue, SpanKind};
use trace_core::signal::SpanExporter as _;
use trace_core::testing::conformance::every_field;
use trace_exporters::receiver::{NotHeld, ReceiverLimits};
use trace_exporters::zipkin::{ZipkinConfig, ZipkinExporter, decode_json, encode_json};
use trace_exporters::zipkin_receiver::ZipkinReceiver;

const PATH: &str = "/api/v2/spans";
const JSON: (&str, &str) = ("content-type", "application/json");

fn list() -> String {
    json!([
        {"traceId": "00000000000000ab", "id": "cd", "name": "get", "kind": "SERVER", "timestamp": 1_700_000_000_000_000_u64,
         "duration": 1500, "localEndpoint": {"serviceName": "shop"}, "tags": {"http.method": "GET"}},
        {"traceId": "ab", "id": "ef", "name": "no time"},
    ])
    .to_string()
}

#[tokio::test]
async fn a_list_is_acknowledged_when_it_is_held() {
    let kept = Kept::default();
    let receiver = ZipkinReceiver::new(kept.clone(), ReceiverLimits::default());
    let told = post(&receiver, PATH, &[JSON], list()).await;
    assert_eq!((told.status, &*told.text), (StatusCode::ACCEPTED, ""));
    let [span] = &kept.spans()[..] else { panic!("{:?}", kept.spans()) };
    assert_eq!((&*span.name, span.kind), ("get", SpanKind::Server));
    assert_eq!(span.attributes, [KeyValue::new("http.method", "GET")]);
    assert_eq!(span.end.unix_nanos() - span.start.unix_nanos(), 1_500_000);
    let counts = receiver.counts();
    assert_eq!((counts.accepted_requests, counts.spans, counts.rejected_spans), (1, 1, 1));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(list().as_bytes()).unwrap();
    let headers = [("content-type", "application/json; charset=utf-8"), ("content-encoding", "gzip")];
    assert_eq!(post(&receiver, PATH, &headers, packed.finish().unwrap()).await.status, 202);
    assert_eq!(post(&receiver, PATH, &[JSON], "[]").await.status, 202);
    assert_eq!(kept.spans().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_told_why_and_busy_ones_when_to_come_back() {
    let receiver = ZipkinReceiver::new(Kept::default(), ReceiverLimits::default());
    let bad = post(&receiver, PATH, &[JSON], "{}").await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    assert!(bad.text.starts_with("the body is no JSON list of Zipkin v2 spans: "), "{}", bad.text);
    let deep = "[".repeat(100_000);
    assert_eq!(post(&receiver, PATH, &[JSON], deep).await.status, StatusCode::BAD_REQUEST);
    for (path, header, status) in [
        (PATH, ("content-type", "application/x-protobuf"), 415),
        (PATH, ("content-type", "application/x-thrift"), 415),
        ("/api/v1/spans", JSON, 404),
        ("/", ("content-type", "text/html"), 404),
    ] {
        assert_eq!(post(&receiver, path, &[header], list()).await.status.as_u16(), status);
    }
    let limits: ReceiverLimits =
        serde_json::from_value(json!({"maxRecords": 1, "maxRequestsPerSecond": 2})).unwrap();
    let limited = ZipkinReceiver::new(Kept::default(), limits);
    assert_eq!(post(&limited, PATH, &[JSON], list()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(post(&limited, PATH, &[JSON], "[]").await.status, StatusCode::ACCEPTED);
    let told = post(&limited, PATH, &[JSON], "[]").await;
    assert_eq!((told.status, told.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "1"));
    let full = ZipkinReceiver::new(Kept::refusing(NotHeld::Full), ReceiverLimits::default());
    let told = post(&full, PATH, &[JSON], list()).await;
    assert_eq!((told.status, told.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
}

#[tokio::test]
async fn what_our_exporter_sends_arrives() {
    let kept = Kept::default();
    let receiver = ZipkinReceiver::new(kept.clone(), ReceiverLimits::default());
    let listener = receiver.listen("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v2/spans", listener.local_addr());
    let batch = every_field();
    ZipkinExporter::new(&ZipkinConfig::new(url)).unwrap().export(&batch).await.unwrap();
    listener.shutdown().await;
    let mut bytes = Vec::new();
    encode_json(&batch, &mut bytes);
    let decoded = decode_json(&bytes).unwrap();
    let expected = decoded.batches.iter().flat_map(|b| b.iter()).map(|s| format!("{:?}", s.to_span_data()));
    let got = kept.spans().iter().map(|s| format!("{s:?}")).collect::<Vec<_>>();
    assert_eq!(got, expected.collect::<Vec<_>>());
}
