//! The OTLP exporters against a receiver that answers as it is told.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp")]

mod support;

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use support::{Answer, Receiver, answer, gauge, ok, spans};
use trace_core::signal::{ExportError, MetricExporter, SpanExporter};
use trace_exporters::otlp::{Compression, OtlpConfig, OtlpMetricExporter, OtlpSpanExporter};

const SECRET: &str = "Bearer hunter2-token";

fn config(receiver: &Receiver) -> OtlpConfig {
    OtlpConfig::new(receiver.url()).header("Authorization", SECRET).header("x-empty", "")
}

/// The result of one batch of four spans, and the receiver afterwards.
async fn export(script: impl IntoIterator<Item = Answer>) -> (Result<(), ExportError>, Receiver) {
    let receiver = Receiver::start(script).await;
    let exporter = OtlpSpanExporter::new(&config(&receiver)).unwrap();
    let result = exporter.export(&spans(4)).await;
    assert!(!format!("{exporter:?} {result:?}").contains("hunter2"), "{exporter:?} {result:?}");
    (result, receiver)
}

fn span_ids(body: &[u8]) -> Vec<u64> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.iter().flat_map(|r| &r.scope_spans);
    scopes
        .flat_map(|s| &s.spans)
        .map(|s| u64::from_be_bytes(s.span_id.as_slice().try_into().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_batch_arrives_with_the_headers_of_the_protocol() {
    let (result, receiver) = export([]).await;
    result.unwrap();
    let request = &receiver.received()[0];
    assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("content-encoding"), None);
    assert_eq!(request.header("authorization"), Some(SECRET));
    assert_eq!(request.header("x-empty"), None, "a header without a value is not sent");
    assert_eq!(request.header("host"), Some(format!("127.0.0.1:{}", receiver.port).as_str()));
    let agent = request.header("user-agent").unwrap();
    assert!(agent.starts_with("mplp-trace/") && agent.contains(" OTel-OTLP-Exporter-Rust/"), "{agent}");
    assert_eq!(span_ids(&request.body), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_gzip_body_is_what_was_encoded() {
    let receiver = Receiver::start([]).await;
    let config = config(&receiver).compression(Compression::Gzip);
    OtlpSpanExporter::new(&config).unwrap().export(&spans(500)).await.unwrap();
    let request = &receiver.received()[0];
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert!(request.body.len() < request.plain_body().len() / 2);
    assert_eq!(span_ids(&request.plain_body()), (1..=500).collect::<Vec<_>>());
}

#[tokio::test]
async fn metrics_go_to_their_own_path() {
    let receiver = Receiver::start([]).await;
    OtlpMetricExporter::new(&config(&receiver)).unwrap().export(&gauge(3)).await.unwrap();
    let request = &receiver.received()[0];
    assert_eq!(request.line, "POST /v1/metrics HTTP/1.1");
    let message = ExportMetricsServiceRequest::decode(request.body.as_slice()).unwrap();
    assert_eq!(message.resource_metrics[0].scope_metrics[0].metrics[0].name, "level");
}

#[tokio::test]
async fn an_empty_batch_sends_nothing() {
    let receiver = Receiver::start([]).await;
    OtlpSpanExporter::new(&config(&receiver)).unwrap().export(&spans(0)).await.unwrap();
    OtlpMetricExporter::new(&config(&receiver)).unwrap().export(&gauge(0)).await.unwrap();
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn one_connection_serves_many_batches() {
    let receiver = Receiver::start([]).await;
    let exporter = OtlpSpanExporter::new(&config(&receiver)).unwrap();
    for _ in 0..5 {
        exporter.export(&spans(2)).await.unwrap();
    }
    assert_eq!((receiver.received().len(), receiver.connections()), (5, 1));
}

#[tokio::test]
async fn statuses_are_retryable_or_final() {
    for (status, retryable) in [
        ("400 Bad Request", false),
        ("401 Unauthorized", false),
        ("404 Not Found", false),
        ("413 Payload Too Large", false),
        ("429 Too Many Requests", true),
        ("500 Internal Server Error", false),
        ("501 Not Implemented", false),
        ("502 Bad Gateway", true),
        ("503 Service Unavailable", true),
        ("504 Gateway Timeout", true),
    ] {
        let (result, receiver) = export([answer(status, &[], b"")]).await;
        let error = result.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{status}");
        assert_eq!(error.rejected(), None);
        assert!(error.to_string().contains(status), "{error}");
        assert_eq!(receiver.received().len(), 1, "one attempt a call");
    }
}

#[tokio::test]
async fn retry_after_is_handed_on() {
    let (result, _) = export([answer("503 Service Unavailable", &[("retry-after", "7")], b"")]).await;
    assert_eq!(result.unwrap_err().retry_after(), Some(Duration::from_secs(7)));
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let (result, _) = export([answer("429 Too Many Requests", &[("retry-after", date)], b"")]).await;
    assert_eq!(result.unwrap_err().retry_after(), Some(Duration::ZERO));
}

#[tokio::test]
async fn a_receivers_words_are_in_the_error_but_never_our_secrets() {
    let status = [&[0x08, 16, 0x12, 37][..], b"bad token Bearer hunter2-token, sorry"].concat();
    let typed = [("content-type", "application/x-protobuf")];
    let (result, _) = export([answer("401 Unauthorized", &typed, &status)]).await;
    let message = result.unwrap_err().to_string();
    assert!(message.contains("bad token [redacted], sorry"), "{message}");
    let (result, _) = export([answer("401 Unauthorized", &[], b"unknown: hunter2-token")]).await;
    let message = result.unwrap_err().to_string();
    assert!(message.ends_with("unknown: [redacted]"), "{message}");
}

fn partial(rejected: i64, message: &str) -> Answer {
    let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: message.into() };
    let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    answer("200 OK", &[("content-type", "application/x-protobuf")], &body)
}

#[tokio::test]
async fn a_partial_success_counts_what_was_rejected() {
    let (result, _) = export([partial(3, "too old")]).await;
    let error = result.unwrap_err();
    assert_eq!((error.rejected(), error.is_retryable()), (Some(3), false));
    assert!(error.to_string().contains("too old"), "{error}");
    let (result, _) = export([partial(1000, "all")]).await;
    assert_eq!(result.unwrap_err().rejected(), Some(4), "never more than were sent");
}

#[tokio::test]
async fn a_remark_without_rejections_is_a_warning() {
    let receiver = Receiver::start([partial(0, "field x is deprecated")]).await;
    let exporter = OtlpSpanExporter::new(&config(&receiver)).unwrap();
    exporter.export(&spans(1)).await.unwrap();
    assert_eq!(exporter.remarks().read(), (1, Some("field x is deprecated".to_owned())));
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_retryable() {
    let (result, _) = export([Answer::Close]).await;
    assert!(result.unwrap_err().is_retryable());
    let broken = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nx".to_vec();
    let (result, _) = export([Answer::BytesThenClose(broken)]).await;
    assert!(result.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_batch() {
    let Answer::Bytes(bytes) = ok() else { unreachable!() };
    let receiver = Receiver::start([Answer::BytesThenClose(bytes)]).await;
    let exporter = OtlpSpanExporter::new(&config(&receiver)).unwrap();
    exporter.export(&spans(1)).await.unwrap();
    // Lets the client see the end of the connection before the next batch.
    tokio::task::yield_now().await;
    let second = exporter.export(&spans(1)).await;
    assert!(second.as_ref().map_or_else(ExportError::is_retryable, |()| true), "{second:?}");
}

#[tokio::test]
async fn no_receiver_is_retryable_and_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = OtlpSpanExporter::new(&OtlpConfig::new(&url)).unwrap().export(&spans(1)).await.unwrap_err();
    assert!(error.is_retryable());
    let message = error.to_string();
    assert!(message.contains(&url) && message.contains("cannot connect"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_is_given_up_and_retryable() {
    let receiver = Receiver::start([Answer::Hang]).await;
    let config = config(&receiver).timeout(Duration::from_secs(3));
    let start = tokio::time::Instant::now();
    let error = OtlpSpanExporter::new(&config).unwrap().export(&spans(1)).await.unwrap_err();
    assert!(error.is_retryable());
    assert!(error.to_string().contains("no answer within 3s"), "{error}");
    assert!(start.elapsed() >= Duration::from_secs(3) && start.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn bytes_that_are_no_http_say_nothing_about_the_batch() {
    let (result, _) = export([Answer::BytesThenClose(b"220 mail.example ESMTP\r\n\r\n".to_vec())]).await;
    let error = result.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("not HTTP"), "{error}");
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_a_success_with_a_warning() {
    let json = [("content-type", "application/json")];
    for unreadable in [
        answer("200 OK", &[], &vec![0; (4 << 20) + 1]),
        answer("200 OK", &[], b"\x7f\x7f"),
        answer("202 Accepted", &json, b"{"),
    ] {
        let receiver = Receiver::start([unreadable]).await;
        let exporter = OtlpSpanExporter::new(&config(&receiver)).unwrap();
        exporter.export(&spans(1)).await.unwrap();
        let warning = exporter.remarks().read().1.unwrap();
        assert!(warning.contains("cannot be read"), "{warning}");
    }
    let (result, _) = export([answer("503 Service Unavailable", &[], &vec![0; (4 << 20) + 1])]).await;
    assert!(result.unwrap_err().is_retryable(), "the status of a failure is enough");
}

#[tokio::test]
async fn who_sends_and_where_to_are_told_from_what_is_sent() {
    for (status, misconfigured) in [
        ("401 Unauthorized", true),
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("405 Method Not Allowed", true),
        ("407 Proxy Authentication Required", true),
        ("308 Permanent Redirect", true),
        ("400 Bad Request", false),
        ("413 Content Too Large", false),
        ("422 Unprocessable Content", false),
        ("500 Internal Server Error", false),
    ] {
        let (result, _) = export([answer(status, &[], b"")]).await;
        let error = result.unwrap_err();
        assert_eq!((error.is_retryable(), error.is_misconfigured()), (false, misconfigured), "{error}");
    }
    let page = answer("200 OK", &[("content-type", "text/html")], b"<html>Log in</html>");
    assert!(
        export([page]).await.0.unwrap_err().is_misconfigured(),
        "a page that asks to log in takes nothing"
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Receiver::start([]).await;
    let (result, _) = export([answer("307 Temporary Redirect", &[("location", &target.url())], b"")]).await;
    let error = result.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("redirect"), "{error}");
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_batch_over_the_limit_goes_out_in_parts() {
    let receiver = Receiver::start([]).await;
    let mut config = config(&receiver);
    config.max_request_bytes = 1024;
    OtlpSpanExporter::new(&config).unwrap().export(&spans(100)).await.unwrap();
    let received = receiver.received();
    assert!(received.len() > 4, "{}", received.len());
    assert!(received.iter().all(|r| r.body.len() <= 1024));
    let ids: Vec<u64> = received.iter().flat_map(|r| span_ids(&r.body)).collect();
    assert_eq!(ids, (1..=100).collect::<Vec<_>>());

    OtlpMetricExporter::new(&config).unwrap().export(&gauge(100)).await.unwrap();
    let points: usize = receiver.received()[received.len()..]
        .iter()
        .map(|r| {
            let request = ExportMetricsServiceRequest::decode(r.body.as_slice()).unwrap();
            let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
            match metric.data.as_ref().unwrap() {
                opentelemetry_proto::tonic::metrics::v1::metric::Data::Gauge(g) => g.data_points.len(),
                other => panic!("{other:?}"),
            }
        })
        .sum();
    assert_eq!(points, 100);
}

#[tokio::test]
async fn one_span_over_the_limit_is_rejected_and_the_others_are_sent() {
    let receiver = Receiver::start([]).await;
    let mut config = config(&receiver);
    config.max_request_bytes = 1024;
    let small = spans(3);
    let mut list: Vec<_> = small.iter().map(|s| s.to_span_data()).collect();
    list[1].name = "x".repeat(2000).into();
    let batch = trace_core::batch::SpanBatch::from_spans(small.resource().clone(), list);
    let error = OtlpSpanExporter::new(&config).unwrap().export(&batch).await.unwrap_err();
    assert_eq!((error.rejected(), error.is_retryable()), (Some(1), false));
    assert!(error.to_string().contains("over 1024 bytes"), "{error}");
    let mut ids: Vec<u64> = receiver.received().iter().flat_map(|r| span_ids(&r.body)).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 3]);
}

#[tokio::test]
async fn a_part_refused_for_good_does_not_stop_the_others() {
    let receiver = Receiver::start([answer("400 Bad Request", &[], b""), partial(1, "late")]).await;
    let mut config = config(&receiver);
    config.max_request_bytes = 1024;
    let exporter = OtlpSpanExporter::new(&config).unwrap();
    let error = exporter.export(&spans(100)).await.unwrap_err();
    let received = receiver.received();
    let first = span_ids(&received[0].body).len() as u64;
    assert_eq!(error.rejected(), Some(first + 1));
    assert_eq!(received.iter().flat_map(|r| span_ids(&r.body)).count(), 100);
    assert!(error.to_string().contains("400"), "{error}");
}

#[test]
fn exporters_are_objects_and_work_on_a_current_thread_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let receiver = runtime.block_on(Receiver::start([]));
    // Built outside of the runtime, as a configuration is.
    let spans_out: Box<dyn SpanExporter> = Box::new(OtlpSpanExporter::new(&config(&receiver)).unwrap());
    let metrics_out: Box<dyn MetricExporter> = Box::new(OtlpMetricExporter::new(&config(&receiver)).unwrap());
    runtime.block_on(async {
        spans_out.export(&spans(1)).await.unwrap();
        metrics_out.export(&gauge(1)).await.unwrap();
        spans_out.shutdown().await.unwrap();
    });
    assert_eq!(receiver.received().len(), 2);
}
