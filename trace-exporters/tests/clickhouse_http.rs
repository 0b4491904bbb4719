//! What goes over the wire to ClickHouse, and what becomes of its answers.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "clickhouse")]

mod support;

use support::{Answer, Receiver, answer, spans};
use trace_core::model::TenantId;
use trace_core::signal::SpanExporter as _;
use trace_core::store::{ReadError, SpanQuery, SpanReader as _};
use trace_exporters::clickhouse::{ClickHouseConfig, ClickHouseStore, Compression};

const STATEMENTS: usize = 5;

fn config(receiver: &Receiver) -> ClickHouseConfig {
    ClickHouseConfig::new(receiver.url()).database("otel").user("me", "hunter2!")
}

fn fine() -> Answer {
    answer("200 OK", &[], b"")
}

fn exception(status: &str, code: &str) -> Answer {
    let body = format!("Code: {code}. DB::Exception: said hunter2! about {code}. (NAME) (version 26.9)\n");
    answer(status, &[("x-clickhouse-exception-code", code), ("retry-after", "7")], body.as_bytes())
}

#[tokio::test]
async fn the_schema_is_made_once_and_a_batch_is_one_insert_with_a_token() {
    let receiver = Receiver::start([]).await;
    let store = ClickHouseStore::new(&config(&receiver).compression(Compression::Gzip)).unwrap();
    for _ in 0..2 {
        store.export(&spans(3)).await.unwrap();
    }
    store.export(&spans(4)).await.unwrap();
    let received = receiver.received();
    assert_eq!(received.len(), STATEMENTS + 3);
    assert_eq!(String::from_utf8(received[0].plain_body()).unwrap(), "CREATE DATABASE IF NOT EXISTS otel");
    let inserts = &received[STATEMENTS..];
    let token = |i: usize| {
        let line = &inserts[i].line;
        line.split("insert_deduplication_token=").nth(1).unwrap().split('&').next().unwrap().to_owned()
    };
    assert_eq!((token(0), token(0).len()), (token(1), 32), "the same rows, the same token");
    assert_ne!(token(0), token(2));
    assert_eq!(inserts[0].plain_body(), inserts[1].plain_body());
    for insert in inserts {
        assert!(insert.line.starts_with("POST /?query=INSERT%20INTO%20otel.otel_traces%20%28Timestamp%2C"));
        assert!(
            insert.line.contains("FORMAT%20RowBinary&")
                && insert.line.contains("async_insert=1&wait_for_async_insert=1")
        );
        assert_eq!(insert.header("x-clickhouse-user"), Some("me"));
        assert_eq!(insert.header("x-clickhouse-key"), Some("hunter2!"));
        assert!(!insert.line.contains("hunter2"), "no credentials in a URL");
    }
}

#[tokio::test]
async fn an_exception_is_retryable_by_its_number_and_shows_no_password() {
    for (status, code, retryable) in [
        ("500 Internal Server Error", "252", true),
        ("500 Internal Server Error", "241", true),
        ("400 Bad Request", "62", false),
        ("403 Forbidden", "516", false),
        ("404 Not Found", "60", false),
    ] {
        let receiver = Receiver::start([exception(status, code)]).await;
        let mut config = config(&receiver);
        config.create_schema = false;
        let error = ClickHouseStore::new(&config).unwrap().export(&spans(1)).await.unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert_eq!(error.retry_after().is_some(), retryable, "{error}");
        assert!(error.to_string().contains(&format!("Code: {code}")), "{error}");
        assert!(!format!("{error} {error:?} {config:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_table_that_is_gone_is_made_again_before_the_next_attempt() {
    let fine = || std::iter::repeat_with(fine).take(STATEMENTS);
    let receiver = Receiver::start(fine().chain([exception("404 Not Found", "60")])).await;
    let store = ClickHouseStore::new(&config(&receiver)).unwrap();
    assert!(store.export(&spans(1)).await.unwrap_err().is_retryable());
    store.export(&spans(1)).await.unwrap();
    assert_eq!(receiver.received().len(), 2 * (STATEMENTS + 1));
}

#[tokio::test]
async fn an_answer_that_is_no_rows_or_a_late_exception_is_an_error_of_the_store() {
    let late =
        answer("200 OK", &[("x-clickhouse-exception-code", "241")], b"Code: 241. DB::Exception: Memory");
    for bad in [answer("200 OK", &[], b"\xff\xff"), late, Answer::Close] {
        let receiver = Receiver::start([bad]).await;
        let mut config = config(&receiver);
        config.create_schema = false;
        let store = ClickHouseStore::new(&config).unwrap();
        let error = store.search(&TenantId::default(), &SpanQuery::default()).await.unwrap_err();
        assert!(matches!(error, ReadError::Unavailable { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_value_that_no_url_can_hold_is_refused_without_a_request() {
    let receiver = Receiver::start([]).await;
    let mut config = config(&receiver);
    config.create_schema = false;
    let store = ClickHouseStore::new(&config).unwrap();
    let error = store.operations(&TenantId::default(), &"é".repeat(20_000)).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_offered_again_with_the_same_token() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all".to_vec();
    let head = b"HTTP/1.1 200 OK\r\nconte".to_vec();
    for broken in [Answer::BytesThenClose(half), Answer::BytesThenClose(head), Answer::Close] {
        let receiver = Receiver::start([broken]).await;
        let mut config = config(&receiver);
        config.create_schema = false;
        let store = ClickHouseStore::new(&config).unwrap();
        let error = store.export(&spans(3)).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        store.export(&spans(3)).await.unwrap();
        let received = receiver.received();
        assert_eq!(received.len(), 2);
        assert!(received[0].line.contains("insert_deduplication_token="));
        assert_eq!((&received[0].line, &received[0].body), (&received[1].line, &received[1].body));
    }
}
