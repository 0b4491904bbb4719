//! A real Jaeger shows what was sent to its Zipkin port: run by `cargo xtask integration zipkin`.
#![cfg(feature = "zipkin")]
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]

mod support;

use serde_json::{Value as Json, json};
use support::jaeger_query::trace;
use support::order::order;
use support::peer::peer;
use trace_core::model::Status;
use trace_core::signal::SpanExporter;
use trace_exporters::zipkin::{ZipkinConfig, ZipkinExporter};

#[tokio::test]
async fn jaeger_shows_what_came_as_zipkin_json() {
    let test = "jaeger_shows_what_came_as_zipkin_json";
    let Some(endpoint) = peer(test, "MPLP_PEER_JAEGER_ZIPKIN", "its Zipkin URL") else { return };
    let Some(query) = peer(test, "MPLP_PEER_JAEGER_QUERY", "the URL of its query API") else { return };
    let exporter = ZipkinExporter::new(&ZipkinConfig::new(endpoint)).unwrap();
    let (id, batch) = order(4);
    exporter.export(&batch).await.unwrap();
    let found = trace(&query, id, batch.len()).await;
    for span in batch.iter() {
        let span = span.to_span_data();
        let shown = &found[&span.context.span_id.to_string()];
        assert_eq!(shown["traceID"], id.to_string());
        assert_eq!(shown["operationName"], &*span.name);
        assert_eq!(shown["startTime"], span.start.unix_nanos() / 1000);
        assert_eq!(shown["duration"], (span.end.since(span.start).as_micros() as u64).max(1));
        let references = span.parent_span_id.map(
            |parent| json!({"refType": "CHILD_OF", "traceID": id.to_string(), "spanID": parent.to_string()}),
        );
        let links = span.links.iter().map(|link| {
            let (trace, span) = (link.context.trace_id.to_string(), link.context.span_id.to_string());
            json!({"refType": "FOLLOWS_FROM", "traceID": trace, "spanID": span})
        });
        assert_eq!(shown["references"], references.into_iter().chain(links).collect::<Json>());
        assert_eq!(shown["process"]["serviceName"], "shop");
        let pairs = texts(&shown["tags"]);
        let has = |key: &str, value: &str| pairs.iter().any(|(k, v)| k == key && v == value);
        for kv in span.attributes.iter().filter(|kv| kv.key != "peer.service") {
            assert!(has(&kv.key, &kv.value.to_string()), "{}: {pairs:?}", kv.key);
        }
        match &span.status {
            // The receiver inside of Jaeger 1.62 drops the specification's `OK`.
            Status::Ok | Status::Unset => assert!(!pairs.iter().any(|(k, _)| k == "error"), "{pairs:?}"),
            Status::Error(message) => {
                assert!(has("error", "true") || has("error", message), "{pairs:?}");
                assert!(has("peer.service", "db"), "{pairs:?}");
            }
        }
        let logs = shown["logs"].as_array().cloned().unwrap_or_default();
        assert_eq!(logs.len(), span.events.len());
        for (event, log) in span.events.iter().zip(&logs) {
            assert_eq!(log["timestamp"], event.time.unix_nanos() / 1000);
            let fields = texts(&log["fields"]);
            assert!(fields.iter().any(|(_, v)| v.contains(&*event.name)), "{fields:?}");
        }
    }
}

/// Keys and values; Jaeger shows some keys of Zipkin's twice.
fn texts(list: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    list.as_array().into_iter().flatten().map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect()
}
