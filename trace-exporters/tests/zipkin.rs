//! The Zipkin exporter against receivers that answer as told.
#![cfg(feature = "zipkin")]
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]

mod support;

use std::time::Duration;

use support::{Answer, Receiver, answer, spans};
use trace_core::batch::SpanBatch;
use trace_core::model::{KeyValue, Timestamp};
use trace_core::signal::SpanExporter;
use trace_core::testing::conformance::span_exporter;
use trace_exporters::http_client::Compression;
use trace_exporters::zipkin::{ZipkinConfig, ZipkinExporter, decode_json};

fn accepted() -> Answer {
    answer("202 Accepted", &[], b"")
}

#[tokio::test]
async fn the_exporter_conforms_with_and_without_compression() {
    for compression in [Compression::None, Compression::Gzip] {
        let receiver = Receiver::start(std::iter::repeat_with(accepted).take(20)).await;
        let config = ZipkinConfig::new(receiver.url()).compression(compression);
        span_exporter(&ZipkinExporter::new(&config).unwrap()).await;
        assert_eq!(receiver.received().len(), 3, "what is not empty is sent");
        for request in receiver.received() {
            assert_eq!(request.line, "POST /api/v2/spans HTTP/1.1");
            assert_eq!(request.header("content-type"), Some("application/json"));
            assert_eq!(decode_json(&request.plain_body()).unwrap().rejected, 0);
        }
    }
}

#[tokio::test]
async fn an_answer_says_whether_another_attempt_is_worth_it() {
    for (status, retryable) in
        [("500 Oops", true), ("503 Busy", true), ("429 Slow", true), ("400 Bad", false)]
    {
        let receiver = Receiver::start([answer(status, &[("retry-after", "7")], b"no, s3cret")]).await;
        let config = ZipkinConfig::new(format!("{}/x?key=s3cret", receiver.url()));
        let error = ZipkinExporter::new(&config).unwrap().export(&spans(1)).await.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert_eq!(error.retry_after(), retryable.then_some(Duration::from_secs(7)));
        assert!(error.to_string().contains("no, ") && !error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_large_batch_is_split_and_a_span_over_the_limit_counted() {
    let receiver = Receiver::start(std::iter::repeat_with(accepted).take(20)).await;
    let all = spans(40);
    let mut owned: Vec<_> = all.iter().map(|s| s.to_span_data()).collect();
    // Zero microseconds are no time to Zipkin.
    let at = Timestamp::from_unix_secs(1);
    owned.iter_mut().for_each(|span| (span.start, span.end) = (at, at));
    owned[7].attributes = vec![KeyValue::new("text", "x".repeat(2000))];
    let mut config = ZipkinConfig::new(receiver.url());
    config.max_request_bytes = 1024;
    let batch = SpanBatch::from_spans(all.resource().clone(), owned);
    let error = ZipkinExporter::new(&config).unwrap().export(&batch).await.unwrap_err();
    assert_eq!((error.rejected(), error.is_retryable()), (Some(1), false));
    let received = receiver.received();
    assert!(received.len() > 3 && received.iter().all(|r| r.body.len() <= 1024));
    let count: usize = received.iter().map(|r| decode_json(&r.body).unwrap().batches[0].len()).sum();
    assert_eq!(count, 39);
}
