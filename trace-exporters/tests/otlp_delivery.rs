//! The whole way from recording to a receiver: every runtime, a receiver that is gone, tokens that expire, requests side by
//! side.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp-grpc")]

mod support;

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use support::grpc::{GrpcServer, Reply};
use support::{Receiver, answer, ok, spans};
use trace_core::pipeline::{DestinationConfig, Pipeline, RetryPolicy};
use trace_core::signal::SpanExporter;
use trace_core::span;
use trace_exporters::otlp::{
    Ask, Compression, HeaderProvider, Headers, OtlpConfig, OtlpSpanExporter, Protocol,
};

const LONG: Duration = Duration::from_secs(20);
const SPANS: usize = 700;

/// Records, and shuts down at once: most of it is still under way then.
fn record_and_shut_down(exporter: OtlpSpanExporter) {
    let pipeline = Pipeline::builder().export_spans("otlp", exporter).start().unwrap();
    for _ in 0..SPANS {
        let _span = span!(recorder: pipeline.recorder(), "work");
    }
    let report = pipeline.shutdown(LONG).unwrap();
    assert_eq!(report.ledger.delivered, SPANS as u64);
}

fn span_count(message: &[u8]) -> usize {
    let request = ExportTraceServiceRequest::decode(message).unwrap();
    request.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len()).sum()
}

#[test]
fn a_shutdown_delivers_everything_over_grpc_in_every_runtime_and_in_none() {
    let server_runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = server_runtime.block_on(GrpcServer::start([]));
    let exporter = || OtlpSpanExporter::new(&OtlpConfig::new(&server.url).protocol(Protocol::Grpc)).unwrap();
    record_and_shut_down(exporter());
    for workers in [0, 1, 4] {
        let runtime = match workers {
            0 => tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            n => tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build().unwrap(),
        };
        // Inside of a task, whose thread then waits.
        runtime.block_on(async { record_and_shut_down(exporter()) });
    }
    let arrived: usize = server.calls().iter().map(|call| span_count(&call.body[5..])).sum();
    assert_eq!(arrived, 4 * SPANS);
}

#[test]
fn a_receiver_that_is_gone_is_told_by_the_shutdown_and_never_a_success() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc] {
        let exporter = OtlpSpanExporter::new(&OtlpConfig::new(&gone).protocol(protocol)).unwrap();
        let retry = RetryPolicy { give_up_after: Duration::from_millis(50), ..RetryPolicy::default() };
        let config = DestinationConfig { retry, ..DestinationConfig::default() };
        let pipeline = Pipeline::builder().export_spans_with("otlp", exporter, config).start().unwrap();
        drop(span!(recorder: pipeline.recorder(), "work"));
        let error = pipeline.shutdown(LONG).unwrap_err();
        let destination = &error.report.ledger.destinations[0];
        assert_eq!(destination.delivered, 0);
        assert_eq!(destination.dropped.values().sum::<u64>(), 1, "{destination:?}");
        assert!(error.to_string().contains("cannot connect"), "{error}");
    }
}

/// Gives token after token.
#[derive(Clone, Default)]
struct Tokens(Arc<Mutex<Vec<Ask>>>);

#[async_trait::async_trait]
impl HeaderProvider for Tokens {
    async fn headers(&self, ask: Ask) -> Result<Headers, Box<dyn Error + Send + Sync>> {
        let mut asked = self.0.lock().unwrap();
        asked.push(ask);
        match asked.len() {
            5 => Err("the token service is away".into()),
            n => Ok(Headers::from_iter([("authorization", format!("Bearer hunter2-{n}"))])),
        }
    }
}

#[tokio::test]
async fn a_token_that_was_refused_is_asked_for_once_more() {
    let refused = || answer("401 Unauthorized", &[], b"bad token hunter2-3");
    let receiver = Receiver::start([refused(), ok(), refused(), refused(), ok()]).await;
    let tokens = Tokens::default();
    let config = OtlpConfig::new(receiver.url()).header("Authorization", "static");
    let exporter = OtlpSpanExporter::with_headers(&config, tokens.clone()).unwrap();
    exporter.export(&spans(1)).await.unwrap();
    let error = exporter.export(&spans(1)).await.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("401"), "{error}");
    let away = exporter.export(&spans(1)).await.unwrap_err();
    assert!(away.is_retryable() && away.to_string().contains("token service is away"), "{away}");
    exporter.export(&spans(1)).await.unwrap();

    let sent: Vec<_> =
        receiver.received().iter().map(|r| r.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, [1, 2, 3, 4, 6].map(|n| format!("Bearer hunter2-{n}")));
    use Ask::{Attempt, Refused};
    assert_eq!(*tokens.0.lock().unwrap(), [Attempt, Refused, Attempt, Refused, Attempt, Attempt]);
    let said = format!("{exporter:?} {error:?}");
    assert!(!said.contains("hunter2-4") && !said.contains("static"), "{said}");
}

#[tokio::test]
async fn a_token_that_was_refused_over_grpc_is_asked_for_once_more() {
    let refused = || Reply::status(16, "bad%20token", true);
    let server = GrpcServer::start([refused(), Reply::message(&[]), refused(), refused()]).await;
    let config = OtlpConfig::new(&server.url).protocol(Protocol::Grpc);
    let exporter = OtlpSpanExporter::with_headers(&config, Tokens::default()).unwrap();
    exporter.export(&spans(1)).await.unwrap();
    let error = exporter.export(&spans(1)).await.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("UNAUTHENTICATED"), "{error}");
    let sent: Vec<_> = server.calls().iter().map(|c| c.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, [1, 2, 3, 4].map(|n| format!("Bearer hunter2-{n}")));
}

#[tokio::test]
async fn parts_of_a_batch_are_under_way_together_and_no_more_than_allowed() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(tokio::sync::Barrier::new(3));
    let (count, highest) = (now.clone(), most.clone());
    let handler = async move || {
        let running = count.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(running, Ordering::SeqCst);
        // Only three at once get any further.
        gate.wait().await;
        count.fetch_sub(1, Ordering::SeqCst);
        ""
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await });
    let mut config = OtlpConfig::new(url);
    (config.max_request_records, config.in_flight) = (8, 3);
    let exporter = OtlpSpanExporter::new(&config).unwrap();
    // Halved until a part has at most eight: sixteen of six.
    let done =
        tokio::time::timeout(Duration::from_secs(2), async { exporter.export(&spans(96)).await }).await;
    // Fifteen go in threes; the last one waits for company that does not come.
    assert!(done.is_err() && now.load(Ordering::SeqCst) == 1);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn json_arrives_with_its_media_type_and_its_answers_are_read() {
    let partial = answer(
        "200 OK",
        &[("content-type", "application/json")],
        br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"late"}}"#,
    );
    let empty = answer("200 OK", &[("content-type", "application/json")], br#"{"partialSuccess":null}"#);
    let receiver = Receiver::start([empty, partial]).await;
    let config = OtlpConfig::new(receiver.url()).protocol(Protocol::HttpJson);
    let exporter = OtlpSpanExporter::new(&config).unwrap();
    exporter.export(&spans(2)).await.unwrap();
    assert_eq!(exporter.export(&spans(4)).await.unwrap_err().rejected(), Some(2));
    let request = &receiver.received()[0];
    assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/json"));
    let read: ExportTraceServiceRequest = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(read.resource_spans[0].scope_spans[0].spans.len(), 2);
}

#[cfg(feature = "zstd")]
#[tokio::test]
async fn zstd_arrives_and_a_refusal_says_what_to_do() {
    let refused = answer("415 Unsupported Media Type", &[], b"");
    let receiver = Receiver::start([ok(), refused, answer("400 Bad Request", &[], b"what?")]).await;
    let config = OtlpConfig::new(receiver.url()).compression(Compression::Zstd);
    let exporter = OtlpSpanExporter::new(&config).unwrap();
    exporter.export(&spans(500)).await.unwrap();
    let request = &receiver.received()[0];
    assert_eq!(request.header("content-encoding"), Some("zstd"));
    assert_eq!(span_count(&zstd::stream::decode_all(&request.body[..]).unwrap()), 500);
    for _ in 0..2 {
        let error = exporter.export(&spans(1)).await.unwrap_err();
        assert!(
            !error.is_retryable()
                && error.to_string().contains("zstd")
                && error.to_string().contains("try gzip")
        );
    }
    let server = GrpcServer::start([Reply::status(12, "", true)]).await;
    let config = OtlpConfig::new(&server.url).protocol(Protocol::Grpc).compression(Compression::Zstd);
    let error = OtlpSpanExporter::new(&config).unwrap().export(&spans(1)).await.unwrap_err();
    assert!(error.to_string().contains("try gzip"), "{error}");
    assert_eq!((server.calls()[0].header("grpc-encoding"), server.calls()[0].body[0]), (Some("zstd"), 1));
}
