//! The console's text.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "console")]

mod support;

use std::sync::Arc;

use support::shop;
use trace_core::batch::SpanBatch;
use trace_core::model::{
    Event, KeyValue, Link, Resource, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags,
    TraceId,
};
use trace_core::signal::{MetricExporter, SpanExporter};
use trace_exporters::console::ConsoleExporter;

/// Times in microseconds after a fixed moment.
fn span(trace: u128, id: u64, parent: u64, name: &str, start: u64, end: u64) -> SpanData {
    let context =
        SpanContext::new(TraceId::new(trace).unwrap(), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
    let time = |micros| Timestamp::from_unix_nanos(1_756_900_000_000_000_000 + micros * 1000);
    let mut span = SpanData::new(context, name.to_owned(), time(start), time(end));
    span.parent_span_id = SpanId::new(parent);
    span
}

async fn text(spans: Vec<SpanData>) -> String {
    let exporter = ConsoleExporter::new(Vec::new());
    let batch = SpanBatch::from_spans(Arc::new(Resource::service("shop")), spans);
    SpanExporter::export(&exporter, &batch).await.unwrap();
    String::from_utf8(exporter.into_inner()).unwrap()
}

#[tokio::test]
async fn a_trace_is_an_indented_tree_in_order_of_start() {
    let mut root = span(1, 1, 9, "POST /orders", 0, 12_300);
    root.kind = SpanKind::Server;
    root.status = Status::Error("card \x1b[2Jrefused".into());
    root.attributes = vec![KeyValue::new("http.route", "/orders"), KeyValue::new("n", 2)];
    root.dropped_events = 3;
    let mut late = span(1, 2, 1, "late", 5000, 6000);
    late.status = Status::Ok;
    late.links = vec![Link {
        context: SpanContext::new(TraceId::new(255).unwrap(), SpanId::new(254).unwrap(), TraceFlags::SAMPLED),
        attributes: vec![],
        dropped_attributes: 0,
    }];
    let mut early = span(1, 3, 1, "early", 1000, 2500);
    early.events = vec![Event {
        name: "retry".into(),
        time: early.start + std::time::Duration::from_micros(500),
        attributes: vec![KeyValue::new("attempt", 2)],
        dropped_attributes: 0,
    }];
    let inner = span(1, 4, 3, "inner", 1200, 1300);
    let other = span(2, 5, 0, "other", 0, 1);
    assert_eq!(
        text(vec![inner, late, other, early, root]).await,
        "trace 00000000000000000000000000000001 shop  4 spans, 1 error  12.3ms  2025-09-03T11:46:40Z
  POST /orders     12.3ms     +0.0ns  error: card \\u{1b}[2Jrefused  server  self 9.8ms  http.route=/orders n=2
      left out by limits: 0 attributes, 3 events, 0 links
    early           1.5ms     +1.0ms  self 1.4ms
        event retry  +500.0µs  attempt=2
      inner       100.0µs     +1.2ms
    late            1.0ms     +5.0ms  ok
        link 000000000000000000000000000000ff/00000000000000fe
trace 00000000000000000000000000000002 shop  1 span  1.0µs  2025-09-03T11:46:40Z
  other      1.0µs     +0.0ns
"
    );
}

#[tokio::test]
async fn on_a_page_of_a_width_lines_and_names_are_cut_and_wide_ones_have_bars() {
    let mut root = span(1, 1, 0, "a name that is far too long for a page of this width", 0, 4000);
    root.attributes = vec![KeyValue::new("key", "a value that does not fit any more")];
    let mut child = span(1, 2, 1, "child", 1000, 2000);
    child.status = Status::Error("".into());
    let batch = SpanBatch::from_spans(Arc::new(Resource::service("shop")), [root, child]);
    let at = async |width| {
        let exporter = ConsoleExporter::new(Vec::new()).width(width);
        SpanExporter::export(&exporter, &batch).await.unwrap();
        String::from_utf8(exporter.into_inner()).unwrap()
    };
    let narrow = at(60).await;
    assert_eq!(
        narrow.lines().skip(1).collect::<Vec<_>>(),
        [
            "  a name that is far to…      4.0ms     +0.0ns  self 3.0ms",
            "      key=a value that does not fit any more",
            "    child                     1.0ms     +1.0ms  error",
        ]
    );
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    assert_eq!(
        at(100).await.lines().skip(1).collect::<Vec<_>>(),
        [
            "  a name that is far too long for a pag…      4.0ms     +0.0ns  ━━━━━━━━━━━━━━━━━━━━━━━━  self 3.0ms",
            "      key=a value that does not fit any more",
            "    child                                     1.0ms     +1.0ms        ━━━━━━              error",
        ]
    );
}

#[tokio::test]
async fn spans_in_a_circle_and_deep_chains_are_shown_once_each() {
    let circle =
        text(vec![span(1, 1, 2, "a", 0, 1), span(1, 2, 1, "b", 0, 1), span(1, 3, 3, "self", 0, 1)]).await;
    assert_eq!(circle.lines().count(), 4, "{circle}");
    let mut chain: Vec<SpanData> = (1..=50_000).map(|i| span(1, i, i - 1, "deep", i, i + 1)).collect();
    let scope = chain[0].scope.clone();
    chain.iter_mut().for_each(|s| s.scope = scope.clone());
    let chain = text(chain).await;
    assert_eq!(chain.lines().count(), 50_001);
}

#[tokio::test]
async fn metrics_are_one_line_a_series() {
    let exporter = ConsoleExporter::new(Vec::new());
    let mut batch = shop::metrics();
    batch.scopes.truncate(1);
    MetricExporter::export(&exporter, &batch).await.unwrap();
    assert_eq!(
        String::from_utf8(exporter.into_inner()).unwrap(),
        "metrics shop
  http.server.requests [{request}]  counter  shop-http
    http.response.status_code=200 http.route=/orders 1027
    http.response.status_code=500 http.route=/orders 3
  http.server.request.duration [s]  histogram  shop-http
    http.route=/orders count 7  sum 1.5  mean 0.214286  min 0.001  max 0.75
  http.server.active_requests [{request}]  up-down counter  shop-http
    -3
  cache.hit [1]  gauge  shop-http
    0.25
"
    );
}

#[test]
fn a_writer_that_is_no_terminal_gets_no_colours() {
    let file = tempfile::tempfile().unwrap();
    let exporter = ConsoleExporter::new(file.try_clone().unwrap()).colour_on_terminal();
    let batch = SpanBatch::from_spans(Arc::new(Resource::service("shop")), [span(1, 1, 0, "a", 0, 1)]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(SpanExporter::export(&exporter, &batch)).unwrap();
    use std::io::{Read as _, Seek as _};
    let mut file = exporter.into_inner();
    file.rewind().unwrap();
    let mut written = String::new();
    file.read_to_string(&mut written).unwrap();
    assert!(written.starts_with("trace ") && !written.contains('\x1b'), "{written:?}");
}

/// A pipe whose reader has gone.
struct Gone;

impl std::io::Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_has_gone_is_an_error_and_no_panic() {
    let batch = SpanBatch::from_spans(Arc::default(), [span(1, 1, 0, "a", 0, 1)]);
    let error = SpanExporter::export(&ConsoleExporter::new(Gone), &batch).await.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("reader has gone"), "{error}");
}
