//! The Jaeger exporter against receivers that answer as told.
#![cfg(feature = "jaeger")]
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]

mod support;

use std::time::Duration;

use support::{Answer, Receiver, answer, spans};
use tokio::net::UdpSocket;
use trace_core::batch::SpanBatch;
use trace_core::model::KeyValue;
use trace_core::signal::SpanExporter;
use trace_core::testing::conformance::span_exporter;
use trace_exporters::jaeger::{JaegerConfig, JaegerExporter, decode_binary, decode_compact};

fn exporter(endpoint: String) -> JaegerExporter {
    JaegerExporter::new(&JaegerConfig::new(endpoint)).unwrap()
}

fn accepted() -> Answer {
    answer("202 Accepted", &[], b"")
}

#[tokio::test]
async fn the_exporter_conforms_by_each_of_its_ways() {
    let receiver = Receiver::start(std::iter::repeat_with(accepted).take(20)).await;
    span_exporter(&exporter(receiver.url())).await;
    assert!(receiver.received().iter().all(|r| r.line.starts_with("POST /v1/traces ")));
    let receiver = Receiver::start(std::iter::repeat_with(accepted).take(20)).await;
    span_exporter(&exporter(format!("{}/api/traces", receiver.url()))).await;
    assert_eq!(receiver.received().len(), 3);
    let agent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    span_exporter(&exporter(format!("udp://{}", agent.local_addr().unwrap()))).await;
}

#[tokio::test]
async fn a_batch_is_one_request_that_says_what_it_is() {
    let receiver = Receiver::start([accepted()]).await;
    let config =
        JaegerConfig::new(format!("{}/api/traces", receiver.url())).header("authorization", "Bearer t");
    JaegerExporter::new(&config).unwrap().export(&spans(3)).await.unwrap();
    let request = receiver.received().remove(0);
    assert_eq!(request.line, "POST /api/traces?format=jaeger.thrift HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("application/vnd.apache.thrift.binary"));
    assert_eq!(request.header("authorization"), Some("Bearer t"));
    assert_eq!(decode_binary(&request.body).unwrap().batches[0].len(), 3);
}

#[tokio::test]
async fn an_answer_says_whether_another_attempt_is_worth_it() {
    for (status, retryable) in
        [("500 Oops", true), ("503 Busy", true), ("429 Slow", true), ("400 Bad", false)]
    {
        let receiver =
            Receiver::start([answer(status, &[("retry-after", "7")], b"queue full, Bearer t")]).await;
        let config = JaegerConfig::new(format!("{}/api/traces", receiver.url()))
            .header("authorization", "Bearer t0ken");
        let error = JaegerExporter::new(&config).unwrap().export(&spans(1)).await.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert_eq!(error.retry_after(), retryable.then_some(Duration::from_secs(7)));
        assert!(error.to_string().contains("queue full") && !error.to_string().contains("t0ken"), "{error}");
    }
    let receiver = Receiver::start([Answer::Close]).await;
    let error = exporter(format!("{}/api/traces", receiver.url())).export(&spans(1)).await.unwrap_err();
    assert!(error.is_retryable());
}

/// Three spans, the middle one of this many bytes.
fn with_large(bytes: usize) -> SpanBatch {
    let all = spans(3);
    let mut owned: Vec<_> = all.iter().map(|s| s.to_span_data()).collect();
    owned[1].attributes = vec![KeyValue::new("text", "x".repeat(bytes))];
    SpanBatch::from_spans(all.resource().clone(), owned)
}

#[tokio::test]
async fn a_span_over_the_limit_is_counted_and_the_others_are_sent() {
    let receiver = Receiver::start([accepted(), accepted()]).await;
    let mut config = JaegerConfig::new(format!("{}/api/traces", receiver.url()));
    config.max_request_bytes = 1024;
    let error = JaegerExporter::new(&config).unwrap().export(&with_large(2000)).await.unwrap_err();
    assert_eq!((error.rejected(), error.is_retryable()), (Some(1), false));
    assert!(error.to_string().contains("over 1024 bytes"), "{error}");
    let sent = &receiver.received()[0];
    assert_eq!(decode_binary(&sent.body).unwrap().batches[0].len(), 2);
}

#[tokio::test]
async fn datagrams_are_split_and_none_is_over_the_limit() {
    let agent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let exporter = exporter(format!("udp://{}", agent.local_addr().unwrap()));
    let error = exporter.export(&with_large(70_000)).await.unwrap_err();
    assert_eq!(error.rejected(), Some(1));
    exporter.export(&with_large(64_800)).await.unwrap();
    let mut counts = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    for _ in 0..3 {
        let length = agent.recv(&mut buffer).await.unwrap();
        assert!(length <= 65_000, "{length}");
        counts.push(decode_compact(&buffer[..length]).unwrap().batches[0].len());
    }
    assert_eq!(counts.iter().sum::<usize>(), 2 + 3, "{counts:?}");
}

#[tokio::test]
async fn that_nobody_listens_for_datagrams_is_told_and_the_next_listener_is_found() {
    let agent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = agent.local_addr().unwrap();
    drop(agent);
    let exporter = exporter(format!("udp://{address}"));
    let mut told = false;
    for _ in 0..20 {
        if let Err(error) = exporter.export(&spans(1)).await {
            assert!(error.is_retryable(), "{error}");
            assert!(error.to_string().contains("nothing listens there"), "{error}");
            told = true;
            break;
        }
    }
    assert!(told);
    let Ok(agent) = UdpSocket::bind(address).await else { return };
    exporter.export(&spans(2)).await.unwrap();
    let mut buffer = vec![0; 1 << 16];
    let length = agent.recv(&mut buffer).await.unwrap();
    assert_eq!(decode_compact(&buffer[..length]).unwrap().batches[0].len(), 2);
}

#[cfg(not(feature = "otlp-grpc"))]
#[test]
fn without_its_feature_grpc_is_refused_with_a_remedy() {
    let error = JaegerExporter::new(&JaegerConfig::new("http://h:4317")).unwrap_err().to_string();
    assert!(error.contains("means OTLP over gRPC") && error.contains("port 4318"), "{error}");
}
