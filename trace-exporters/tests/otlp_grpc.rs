//! The OTLP exporters over gRPC, against servers that answer as they are told and against one of another library.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp-grpc")]

mod support;

use std::io::Read as _;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use support::grpc::{Call, GrpcServer, Reply};
use support::{gauge, spans};
use trace_core::signal::{ExportError, MetricExporter, SpanExporter};
use trace_core::testing::conformance;
use trace_exporters::otlp::{Compression, OtlpConfig, OtlpMetricExporter, OtlpSpanExporter, Protocol};

fn config(server: &GrpcServer) -> OtlpConfig {
    OtlpConfig::new(&server.url).protocol(Protocol::Grpc).header("Authorization", "Bearer hunter2-token")
}

async fn export(script: impl IntoIterator<Item = Reply>) -> (Result<(), ExportError>, GrpcServer) {
    let server = GrpcServer::start(script).await;
    let exporter = OtlpSpanExporter::new(&config(&server)).unwrap();
    let result = exporter.export(&spans(4)).await;
    assert!(!format!("{exporter:?} {result:?}").contains("hunter2"), "{exporter:?} {result:?}");
    (result, server)
}

fn message(call: &Call) -> &[u8] {
    let (prefix, message) = call.body.split_at(5);
    assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, message.len());
    message
}

#[tokio::test]
async fn a_batch_arrives_with_the_headers_of_the_protocol() {
    let (result, server) = export([]).await;
    result.unwrap();
    let call = &server.calls()[0];
    assert_eq!(call.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    for (name, value) in [
        ("content-type", Some("application/grpc")),
        ("te", Some("trailers")),
        ("grpc-timeout", Some("10000m")),
        ("grpc-encoding", None),
        ("authorization", Some("Bearer hunter2-token")),
    ] {
        assert_eq!(call.header(name), value, "{name}");
    }
    assert!(call.header("user-agent").unwrap().contains("OTel-OTLP-Exporter-Rust/"));
    let request = ExportTraceServiceRequest::decode(message(call)).unwrap();
    assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 4);
}

#[tokio::test]
async fn a_message_is_compressed_by_itself() {
    let server = GrpcServer::start([]).await;
    let exporter = OtlpSpanExporter::new(&config(&server).compression(Compression::Gzip)).unwrap();
    exporter.export(&spans(500)).await.unwrap();
    let call = &server.calls()[0];
    assert_eq!((call.header("grpc-encoding"), call.body[0]), (Some("gzip"), 1));
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(message(call)).read_to_end(&mut plain).unwrap();
    let request = ExportTraceServiceRequest::decode(plain.as_slice()).unwrap();
    assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 500);
}

#[tokio::test]
async fn metrics_go_to_their_own_method() {
    let server = GrpcServer::start([]).await;
    OtlpMetricExporter::new(&config(&server)).unwrap().export(&gauge(3)).await.unwrap();
    let call = &server.calls()[0];
    assert_eq!(call.path, "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    let request = ExportMetricsServiceRequest::decode(message(call)).unwrap();
    assert_eq!(request.resource_metrics[0].scope_metrics[0].metrics[0].name, "level");
}

#[tokio::test]
async fn the_exporters_conform_over_grpc() {
    let server = GrpcServer::start([]).await;
    conformance::span_exporter(&OtlpSpanExporter::new(&config(&server)).unwrap()).await;
    conformance::metric_exporter(&OtlpMetricExporter::new(&config(&server)).unwrap()).await;
    assert!(server.calls().len() >= 5);
}

#[tokio::test]
async fn statuses_are_retryable_or_final_in_trailers_and_in_the_head() {
    for code in 1..=17 {
        for in_head in [false, true] {
            let (result, server) = export([Reply::status(code, "no%20more", in_head)]).await;
            let error = result.unwrap_err();
            assert_eq!(error.is_retryable(), matches!(code, 1 | 4 | 10 | 11 | 14 | 15), "{code} {error}");
            assert!(error.to_string().contains(&format!("grpc-status {code}")), "{error}");
            assert!(error.to_string().contains("no more"), "{error}");
            assert_eq!(server.calls().len(), 1, "one attempt a call");
        }
    }
}

#[tokio::test]
async fn a_limit_with_a_delay_is_retryable_after_it() {
    // google.rpc.Status{8, details: Any{RetryInfo{1.5 s}}}.
    let mut any = vec![0x0a, 40];
    any.extend(b"type.googleapis.com/google.rpc.RetryInfo");
    any.extend([0x12, 10, 0x0a, 8, 0x08, 1, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]);
    let details = [&[0x08, 8, 0x1a, any.len() as u8], any.as_slice()].concat();
    let (result, _) = export([Reply::status(8, "full", false).details(&details)]).await;
    let error = result.unwrap_err();
    assert_eq!((error.is_retryable(), error.retry_after()), (true, Some(Duration::from_millis(1500))));
}

#[tokio::test]
async fn what_stands_between_answers_in_the_words_of_http() {
    for (status, retryable) in
        [(503, true), (429, true), (502, true), (404, false), (401, false), (500, false)]
    {
        let (result, _) = export([Reply::Http(status)]).await;
        let error = result.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
    }
}

#[tokio::test]
async fn rejected_spans_are_counted_and_a_warning_is_kept() {
    let answer = |rejected_spans, error_message: &str| {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: error_message.into() };
        Reply::message(&ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec())
    };
    let (result, _) = export([answer(3, "late, hunter2-token")]).await;
    let error = result.unwrap_err();
    assert_eq!((error.rejected(), error.is_retryable()), (Some(3), false));
    assert!(error.to_string().contains("3 of 4 spans rejected: late"), "{error}");

    let server = GrpcServer::start([answer(0, "deprecated")]).await;
    let exporter = OtlpSpanExporter::new(&config(&server)).unwrap();
    exporter.export(&spans(1)).await.unwrap();
    assert_eq!(exporter.remarks().read(), (1, Some("deprecated".to_owned())));
}

#[tokio::test]
async fn a_call_that_is_cut_or_has_no_status_is_a_failure() {
    for (reply, retryable, part) in
        [(Reply::Reset, true, ""), (Reply::NoStatus, false, "without grpc-status")]
    {
        let (result, _) = export([reply.clone()]).await;
        let error = result.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_success_whose_message_cannot_be_read_is_a_success_with_a_warning() {
    let no_message: [&[u8]; 4] = [&[0, 0, 0, 0, 9, 1], &[], &[1, 0, 0, 0, 0], &[0, 0, 0, 0, 1, 0xff]];
    for body in no_message.map(<[u8]>::to_vec).into_iter().chain([vec![0; 5 << 20]]) {
        let server = GrpcServer::start([Reply::Body(body.clone())]).await;
        let exporter = OtlpSpanExporter::new(&config(&server)).unwrap();
        exporter.export(&spans(1)).await.unwrap();
        let warning = exporter.remarks().read().1.unwrap();
        assert!(warning.contains("cannot be read"), "{warning} {:?}", &body[..body.len().min(9)]);
    }
}

#[tokio::test]
async fn a_call_without_an_answer_ends_and_the_next_one_connects_anew() {
    let server = GrpcServer::start([Reply::Hang]).await;
    let config = config(&server).timeout(Duration::from_millis(200));
    let exporter = OtlpSpanExporter::new(&config).unwrap();
    let error = exporter.export(&spans(1)).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("no answer within 200ms"), "{error}");
    for _ in 0..3 {
        exporter.export(&spans(1)).await.unwrap();
    }
    assert_eq!((server.calls().len(), server.connections()), (4, 2));
}

#[tokio::test]
async fn a_server_of_http_1_and_no_server_are_failures_that_may_pass() {
    let http = support::Receiver::start([]).await;
    let exporter = OtlpSpanExporter::new(&OtlpConfig::new(http.url()).protocol(Protocol::Grpc)).unwrap();
    let batch = spans(1);
    let limited = tokio::time::timeout(Duration::from_secs(20), exporter.export(&batch));
    assert!(limited.await.unwrap().is_err());
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let exporter = OtlpSpanExporter::new(&OtlpConfig::new(nobody).protocol(Protocol::Grpc)).unwrap();
    let error = exporter.export(&spans(1)).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("cannot connect"), "{error}");
}

#[cfg(feature = "jaeger")]
#[tokio::test]
async fn jaeger_is_spoken_to_over_grpc_if_its_endpoint_says_so() {
    use trace_exporters::jaeger::{JaegerConfig, JaegerExporter};

    let server = GrpcServer::start([]).await;
    let endpoint = server.url.replace("http://", "grpc://");
    let config = JaegerConfig::new(endpoint).header("Authorization", "Bearer hunter2-token");
    let exporter = JaegerExporter::new(&config).unwrap();
    assert_eq!(exporter.protocol_name(), "OTLP over gRPC");
    exporter.export(&spans(3)).await.unwrap();
    let call = &server.calls()[0];
    assert_eq!(call.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    assert_eq!(call.header("authorization"), Some("Bearer hunter2-token"));
    let request = ExportTraceServiceRequest::decode(message(call)).unwrap();
    assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 3);
    let error = JaegerExporter::new(&JaegerConfig::new("grpc://h:9/path")).unwrap_err().to_string();
    assert!(error.contains("path"), "{error}");
}
