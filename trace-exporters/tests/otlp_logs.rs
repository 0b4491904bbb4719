//! Log records out and in: over HTTP and gRPC against a receiver that answers as it is told, and through ours.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(all(feature = "otlp-receiver", feature = "otlp-grpc", feature = "otlp-file"))]

mod support;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message as _;
use support::grpc::{GrpcServer, Reply};
use support::{Receiver, answer};
use trace_core::model::*;
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::signal::LogExporter;
use trace_core::testing::{CaptureExporter, conformance};
use trace_exporters::console::ConsoleExporter;
use trace_exporters::otlp::file::{OtlpFileConfig, OtlpFileLogExporter};
use trace_exporters::otlp::{Compression, OtlpConfig, OtlpLogExporter, Protocol, Signal};
use trace_exporters::otlp_receiver::{OtlpListener, OtlpReceiverConfig, decode_logs_json};

const LONG: Duration = Duration::from_secs(10);

fn logs(n: i64) -> LogBatch {
    let records = (1..=n).map(|n| LogRecord::new(LogSeverity::INFO, n)).collect();
    LogBatch::new(Arc::new(Resource::service("shop")), records)
}

fn bodies(message: &[u8]) -> Vec<i64> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    let request = ExportLogsServiceRequest::decode(message).unwrap();
    let records = request.resource_logs.iter().flat_map(|r| &r.scope_logs).flat_map(|s| &s.log_records);
    let body = |r: &opentelemetry_proto::tonic::logs::v1::LogRecord| match r.body.as_ref()?.value {
        Some(Any::IntValue(n)) => Some(n),
        _ => None,
    };
    records.filter_map(body).collect()
}

#[tokio::test]
async fn records_go_to_their_own_path_and_what_is_refused_of_them_is_counted() {
    let partial = ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "too old".into() };
    let partial = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let refused = answer("200 OK", &[("content-type", "application/x-protobuf")], &partial);
    let busy = answer("503 Service Unavailable", &[("retry-after", "7")], b"");
    let receiver = Receiver::start([refused, busy]).await;
    let exporter = OtlpLogExporter::new(&OtlpConfig::new(receiver.url())).unwrap();
    let error = exporter.export(&logs(5)).await.unwrap_err();
    assert_eq!((error.rejected(), error.is_retryable()), (Some(2), false));
    assert_eq!(error.to_string(), "2 of 5 log records rejected: too old");
    let error = exporter.export(&logs(1)).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.retry_after()), (true, Some(Duration::from_secs(7))));
    let request = &receiver.received()[0];
    assert_eq!(request.line, "POST /v1/logs HTTP/1.1");
    assert_eq!(bodies(&request.body), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_batch_over_the_limit_goes_out_in_parts() {
    let receiver = Receiver::start([]).await;
    let mut config = OtlpConfig::new(receiver.url()).compression(Compression::Gzip);
    config.max_request_records = 3;
    OtlpLogExporter::new(&config).unwrap().export(&logs(10)).await.unwrap();
    let mut parts: Vec<Vec<i64>> = receiver.received().iter().map(|r| bodies(&r.plain_body())).collect();
    assert!(parts.iter().all(|p| p.len() <= 3), "{parts:?}");
    parts.sort();
    assert_eq!(parts.concat(), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn over_grpc_they_go_to_the_service_of_logs() {
    let partial = ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "no".into() };
    let reply = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let server = GrpcServer::start([Reply::message(&reply)]).await;
    let config = OtlpConfig::new(&server.url).protocol(Protocol::Grpc);
    let error = OtlpLogExporter::new(&config).unwrap().export(&logs(2)).await.unwrap_err();
    assert_eq!(error.rejected(), Some(1));
    let call = &server.calls()[0];
    assert_eq!(call.path, "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
    assert_eq!(bodies(&call.body[5..]), [1, 2]);
}

#[test]
fn the_variables_of_logs_win_over_the_general_ones() {
    let vars = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs/x"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "7"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json"),
    ];
    let lookup = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    let read = OtlpConfig::from_env(Signal::Logs, lookup);
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
    assert_eq!(read.config.url.as_ref().map(|u| u.expose()), Some("http://logs/x"));
    assert_eq!((read.config.timeout, read.config.protocol), (7.into(), Protocol::HttpJson));
}

#[tokio::test]
async fn the_exporters_of_logs_conform() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs.jsonl");
    conformance::log_exporter(&OtlpFileLogExporter::new(&OtlpFileConfig::new(&path)).unwrap()).await;
    let text = std::fs::read(&path).unwrap();
    let line = text.split(|b| *b == b'\n').next().unwrap();
    let read = decode_logs_json(line, usize::MAX).unwrap().batches.remove(0);
    let sent = conformance::every_log_field();
    // By text: NaN is unlike itself.
    assert_eq!(format!("{:?}", read.records), format!("{:?}", sent.iter().collect::<Vec<_>>()));
    let server = GrpcServer::start([]).await;
    let config = OtlpConfig::new(&server.url).protocol(Protocol::Grpc);
    conformance::log_exporter(&OtlpLogExporter::new(&config).unwrap()).await;
}

/// A pipeline with our receiver in front of it.
struct Receiving {
    pipeline: Pipeline,
    out: CaptureExporter,
    listener: OtlpListener,
}

impl Receiving {
    async fn start(takes_logs: bool) -> Self {
        let out = CaptureExporter::new();
        let pipeline = Pipeline::builder().export_logs("out", out.clone()).start().unwrap();
        let config = OtlpReceiverConfig::new("127.0.0.1:0", "127.0.0.1:0");
        let mut receiver = config.receiver(pipeline.ingest(OverflowPolicy::Drop)).unwrap();
        if takes_logs {
            receiver = receiver.logs(pipeline.log_ingest());
        }
        let listener = OtlpListener::start(&config, receiver).await.unwrap();
        Self { pipeline, out, listener }
    }

    fn config(&self, protocol: Protocol) -> OtlpConfig {
        let address =
            if protocol == Protocol::Grpc { self.listener.grpc_addr() } else { self.listener.http_addr() };
        OtlpConfig::new(format!("http://{}", address.unwrap())).protocol(protocol)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_send_our_receiver_takes_in_every_protocol() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson, Protocol::Grpc] {
        let receiving = Receiving::start(true).await;
        let batch = conformance::every_log_field();
        let config = receiving.config(protocol);
        OtlpLogExporter::new(&config).unwrap().export(&batch).await.unwrap();
        assert_eq!(receiving.listener.receiver().counts().logs, 3, "{protocol:?}");
        receiving.listener.shutdown().await;
        let report = receiving.pipeline.shutdown(LONG).unwrap();
        assert_eq!((report.ledger.logs.received, report.ledger.logs.delivered), (3, 3));
        let sent: Vec<String> = batch.iter().map(|r| format!("{r:?}")).collect();
        let got: Vec<String> = receiving.out.logs().iter().map(|r| format!("{r:?}")).collect();
        assert_eq!(got, sent, "{protocol:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_takes_no_logs_says_so_and_one_that_is_shut_down_too() {
    let receiving = Receiving::start(false).await;
    for (protocol, said) in [(Protocol::HttpProtobuf, "404"), (Protocol::Grpc, "UNIMPLEMENTED")] {
        let exporter = OtlpLogExporter::new(&receiving.config(protocol)).unwrap();
        let error = exporter.export(&logs(1)).await.unwrap_err();
        assert!(!error.is_retryable() && error.to_string().contains(said), "{error}");
    }
    let receiving = Receiving::start(true).await;
    receiving.pipeline.shutdown(LONG).unwrap();
    let exporter = OtlpLogExporter::new(&receiving.config(Protocol::HttpProtobuf)).unwrap();
    assert!(exporter.export(&logs(1)).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn the_console_shows_a_line_a_record_and_no_control_characters() {
    let console = ConsoleExporter::new(Vec::new());
    let mut record = LogRecord::new(LogSeverity::WARN, "card\u{1b}[31m expires");
    record.time = Timestamp::from_unix_secs(1_760_000_000);
    record.scope = Arc::new(Scope::named("shop::pay")).into();
    record.attributes = vec![("days".into(), 3.into())];
    (record.trace_id, record.span_id) = (TraceId::new(1), SpanId::new(2));
    let batch = LogBatch::new(Arc::default(), vec![record, LogRecord::default()]);
    LogExporter::export(&console, &batch).await.unwrap();
    let text = String::from_utf8(console.into_inner()).unwrap();
    assert_eq!(
        text.lines().next().unwrap(),
        "2025-10-09T08:53:20Z WARN  shop::pay card\\u{1b}[31m expires days=3 \
         trace=00000000000000000000000000000001 span=0000000000000002"
    );
    assert_eq!(text.lines().count(), 2);
}
