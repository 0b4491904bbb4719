//! What goes over the wire to ClickHouse for metrics, and what becomes of the answers.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(all(feature = "clickhouse", feature = "prometheus"))]

mod support;

use support::{Answer, Receiver, answer, gauge, shop};
use trace_core::signal::MetricExporter as _;
use trace_core::testing::conformance;
use trace_exporters::clickhouse::{ClickHouseConfig, ClickHouseMetricExporter};

/// Those that make the tables, and the question for the types of the columns.
const BEFORE: usize = 6;

fn config(receiver: &Receiver) -> ClickHouseConfig {
    ClickHouseConfig::new(receiver.url()).database("otel").user("me", "hunter2!")
}

fn fine() -> Answer {
    answer("200 OK", &[], b"")
}

fn exception(code: &str) -> Answer {
    let body = format!("Code: {code}. DB::Exception: said hunter2! (NAME) (version 26.9)\n");
    answer("500 Internal Server Error", &[("x-clickhouse-exception-code", code)], body.as_bytes())
}

fn before() -> impl Iterator<Item = Answer> {
    std::iter::repeat_with(fine).take(BEFORE)
}

fn token(line: &str) -> &str {
    line.split("insert_deduplication_token=").nth(1).unwrap().split('&').next().unwrap()
}

#[tokio::test]
async fn the_exporter_conforms() {
    let receiver = Receiver::start(std::iter::repeat_with(fine).take(30)).await;
    conformance::metric_exporter(&ClickHouseMetricExporter::new(&config(&receiver)).unwrap()).await;
    // A gauge, sums and histograms, twice.
    assert_eq!(receiver.received().len(), BEFORE + 2 * 3);
}

#[tokio::test]
async fn a_kind_is_one_insert_that_the_server_writes_at_once_and_empty_collections_are_none() {
    let receiver = Receiver::start([]).await;
    let exporter = ClickHouseMetricExporter::new(&config(&receiver)).unwrap();
    exporter.export(&gauge(0)).await.unwrap();
    assert!(receiver.received().is_empty());
    exporter.export(&shop::with_exponential()).await.unwrap();
    let inserts = &receiver.received()[BEFORE..];
    let tables: Vec<&str> = inserts
        .iter()
        .map(|r| r.line.split("otel.otel_metrics_").nth(1).unwrap().split("%20").next().unwrap())
        .collect();
    assert_eq!(tables, ["gauge", "sum", "histogram", "exponential_histogram"]);
    for insert in inserts {
        assert!(insert.line.contains("&insert_deduplicate=1&insert_deduplication_token="), "{}", insert.line);
        assert!(insert.line.contains("&async_insert=0"), "{}", insert.line);
        assert!(!insert.line.contains("hunter2") && !insert.body.is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_offered_again_with_the_tokens_of_before() {
    // Of three kinds of answers the server has taken the rows of each, and we do not know.
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all".to_vec();
    let head = b"HTTP/1.1 200 OK\r\nconte".to_vec();
    for broken in [Answer::BytesThenClose(half), Answer::BytesThenClose(head), Answer::Close] {
        // The gauges are taken, the answer to the sums is lost.
        let receiver = Receiver::start(before().chain([fine(), broken])).await;
        let exporter = ClickHouseMetricExporter::new(&config(&receiver)).unwrap();
        let batch = shop::with_exponential();
        let error = exporter.export(&batch).await.unwrap_err();
        assert!(error.is_retryable() && error.rejected().is_none(), "{error}");
        exporter.export(&batch).await.unwrap();
        let received = receiver.received();
        let inserts = &received[BEFORE..];
        assert_eq!(inserts.len(), 2 + 4);
        for (first, again) in [(0, 2), (1, 3)] {
            assert_eq!(token(&inserts[first].line), token(&inserts[again].line));
            assert_eq!(inserts[first].body, inserts[again].body);
        }
        let tokens: std::collections::HashSet<&str> = inserts.iter().map(|r| token(&r.line)).collect();
        assert_eq!(tokens.len(), 4, "a kind, a token");
    }
}

#[tokio::test]
async fn a_kind_that_is_refused_for_good_does_not_keep_the_others() {
    let receiver = Receiver::start(before().chain([fine(), exception("62")])).await;
    let exporter = ClickHouseMetricExporter::new(&config(&receiver)).unwrap();
    let error = exporter.export(&shop::with_exponential()).await.unwrap_err();
    // Two requests, those under way, bytes, and since the last time.
    assert_eq!((error.is_retryable(), error.rejected()), (false, Some(5)), "{error}");
    assert!(error.to_string().contains("Code: 62") && !error.to_string().contains("hunter2"), "{error}");
    assert_eq!(receiver.received().len(), BEFORE + 4);

    let receiver = Receiver::start(before().chain([exception("62")])).await;
    let exporter = ClickHouseMetricExporter::new(&config(&receiver)).unwrap();
    let error = exporter.export(&gauge(3)).await.unwrap_err();
    assert_eq!((error.is_retryable(), error.rejected()), (false, None), "nothing was taken: {error}");
}

#[tokio::test]
async fn a_table_that_is_gone_is_made_again_before_the_next_attempt() {
    let receiver = Receiver::start(before().chain([exception("60")])).await;
    let exporter = ClickHouseMetricExporter::new(&config(&receiver)).unwrap();
    assert!(exporter.export(&gauge(1)).await.unwrap_err().is_retryable());
    exporter.export(&gauge(1)).await.unwrap();
    assert_eq!(receiver.received().len(), 2 * (BEFORE + 1));
}

/// The answer to the question for types.
fn types(rows: &[[&str; 3]]) -> Answer {
    let text = |t: &str| [&[t.len() as u8], t.as_bytes()].concat();
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|t| text(t)).collect();
    answer("200 OK", &[], &bytes)
}

#[tokio::test]
async fn tables_of_newer_collectors_with_whole_seconds_get_whole_seconds() {
    let columns = ["StartTimeUnix", "TimeUnix", "Exemplars.TimeUnix"];
    let kinds = ["DateTime", "DateTime('UTC')", "Array(DateTime)"];
    let rows: Vec<[&str; 3]> = (0..3).map(|i| ["otel_metrics_gauge", columns[i], kinds[i]]).collect();
    let script = || before().take(BEFORE - 1);
    let mut lengths = Vec::new();
    for answer in [fine(), types(&rows)] {
        let receiver = Receiver::start(script().chain([answer])).await;
        let exporter = ClickHouseMetricExporter::new(&config(&receiver)).unwrap();
        exporter.export(&gauge(1)).await.unwrap();
        exporter.export(&gauge(1)).await.unwrap();
        let received = receiver.received();
        assert_eq!(received.len(), BEFORE + 2, "asked once");
        lengths.push(received[BEFORE].body.len());
    }
    assert_eq!(lengths[0] - lengths[1], 8, "two times of four bytes less");

    let odd = types(&[["otel_metrics_gauge", "TimeUnix", "DateTime64(3)"]]);
    let receiver = Receiver::start(script().chain([odd])).await;
    let error =
        ClickHouseMetricExporter::new(&config(&receiver)).unwrap().export(&gauge(1)).await.unwrap_err();
    assert!(!error.is_retryable(), "{error}");
    assert!(error.to_string().contains("TimeUnix of otel_metrics_gauge is DateTime64(3)"), "{error}");
}
