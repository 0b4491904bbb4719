//! A real Jaeger shows what was sent to it, by each of its ways: run by `cargo xtask integration jaeger`.
#![cfg(feature = "jaeger")]
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use support::jaeger_query::{tags, trace};
use support::order::order;
use support::peer::peer;
use trace_core::batch::SpanBatch;
use trace_core::model::{Status, TraceId, Value};
use trace_core::signal::SpanExporter;
use trace_exporters::jaeger::{JaegerConfig, JaegerExporter};

/// Sends a trace by one of the ways, and compares every field of what Jaeger shows.
async fn crosses(test: &str, variable: &str, number: u128, protocol: &str) {
    let Some(endpoint) = peer(test, variable, "an address of a Jaeger") else { return };
    let Some(query) = peer(test, "MPLP_PEER_JAEGER_QUERY", "the URL of its query API") else { return };
    let exporter = JaegerExporter::new(&JaegerConfig::new(endpoint)).unwrap();
    assert_eq!(exporter.protocol_name(), protocol);
    let (id, batch) = order(number);
    exporter.export(&batch).await.unwrap();
    let found = trace(&query, id, batch.len()).await;
    compare(id, &batch, &found);
}

fn compare(id: TraceId, batch: &SpanBatch, found: &BTreeMap<String, Json>) {
    for span in batch.iter() {
        let span = span.to_span_data();
        let shown = &found[&span.context.span_id.to_string()];
        assert_eq!(shown["traceID"], id.to_string());
        assert_eq!(shown["operationName"], &*span.name);
        assert_eq!(shown["startTime"], span.start.unix_nanos() / 1000);
        assert_eq!(shown["duration"], span.end.since(span.start).as_micros() as u64);

        let mut references = Vec::new();
        if let Some(parent) = span.parent_span_id {
            let parent = parent.to_string();
            references.push(json!({"refType": "CHILD_OF", "traceID": id.to_string(), "spanID": parent}));
        }
        for link in &span.links {
            let (trace, span) = (link.context.trace_id.to_string(), link.context.span_id.to_string());
            references.push(json!({"refType": "FOLLOWS_FROM", "traceID": trace, "spanID": span}));
        }
        assert_eq!(shown["references"], Json::from(references));

        let mut expected: BTreeMap<String, (String, Json)> = BTreeMap::new();
        let mut text = |key: &str, text: &str| {
            expected.insert(key.to_owned(), ("string".to_owned(), text.into()));
        };
        text("span.kind", span.kind.as_str());
        text("otel.scope.name", "shop-http");
        text("otel.scope.version", "1.2");
        if !span.context.trace_state.is_empty() {
            text("w3c.tracestate", span.context.trace_state.as_str());
        }
        match &span.status {
            Status::Unset => {}
            Status::Ok => text("otel.status_code", "OK"),
            Status::Error(message) => {
                text("otel.status_code", "ERROR");
                text("otel.status_description", message);
                expected.insert("error".to_owned(), ("bool".to_owned(), true.into()));
            }
        }
        expected.extend(span.attributes.iter().map(|kv| (kv.key.to_string(), typed(&kv.value))));
        let mut found = tags(&shown["tags"]);
        // Jaeger adds by which way a span came.
        found.remove("internal.span.format");
        // It shows a plain span's kind or leaves it out, by the way that the span came.
        if span.kind.as_str() == "internal" {
            expected.remove("span.kind");
            found.remove("span.kind");
        }
        assert_eq!(found, expected);

        let logs: Vec<Json> = shown["logs"].as_array().cloned().unwrap_or_default();
        assert_eq!(logs.len(), span.events.len());
        for (event, log) in span.events.iter().zip(&logs) {
            assert_eq!(log["timestamp"], event.time.unix_nanos() / 1000);
            let mut expected: BTreeMap<_, _> =
                event.attributes.iter().map(|kv| (kv.key.to_string(), typed(&kv.value))).collect();
            expected.insert("event".to_owned(), ("string".to_owned(), (*event.name).into()));
            assert_eq!(tags(&log["fields"]), expected);
        }
        assert_eq!(shown["process"]["serviceName"], "shop");
        let process = tags(&shown["process"]["tags"]);
        assert_eq!(process["host.cpus"], ("int64".to_owned(), 8.into()));
        assert_eq!(process["host.name"], ("string".to_owned(), "h1".into()));
    }
}

/// A value as Jaeger shows it: lists as JSON text.
fn typed(value: &Value) -> (String, Json) {
    let (name, value) = match value {
        Value::Bool(v) => ("bool", (*v).into()),
        // A browser reads numbers of 53 bits; Jaeger writes larger ones as texts.
        Value::I64(v) if v.unsigned_abs() > 1 << 53 => ("int64", v.to_string().into()),
        Value::I64(v) => ("int64", (*v).into()),
        Value::F64(v) => ("float64", (*v).into()),
        other => ("string", other.to_string().into()),
    };
    (name.to_owned(), value)
}

#[tokio::test]
async fn jaeger_shows_what_came_as_otlp() {
    crosses("jaeger_shows_what_came_as_otlp", "MPLP_PEER_JAEGER_OTLP", 1, "OTLP over HTTP").await;
}

#[tokio::test]
async fn jaeger_shows_what_came_as_thrift_over_http() {
    let test = "jaeger_shows_what_came_as_thrift_over_http";
    crosses(test, "MPLP_PEER_JAEGER_THRIFT", 2, "Thrift over HTTP").await;
}

#[tokio::test]
async fn jaeger_shows_what_came_in_datagrams() {
    let test = "jaeger_shows_what_came_in_datagrams";
    crosses(test, "MPLP_PEER_JAEGER_AGENT", 3, "Thrift in UDP datagrams").await;
}
