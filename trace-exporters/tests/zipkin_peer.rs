//! A real Jaeger shows what was sent to its Zipkin port: run by `cargo xtask integration zipkin`.
#![cfg(feature = "zipkin")]
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use support::jaeger_query::{tags, trace};
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
        let shown_tags = texts(&shown["tags"]);
        for kv in span.attributes.iter().filter(|kv| kv.key != "peer.service") {
            assert_eq!(shown_tags.get(&*kv.key), Some(&kv.value.to_string()), "{}", kv.key);
        }
        match &span.status {
            Status::Ok => assert_eq!(shown_tags["otel.status_code"], "OK"),
            Status::Error(message) => {
                assert_eq!(shown_tags["error"], "true");
                assert_eq!(shown_tags["otel.status_description"], **message);
                assert_eq!(shown_tags["peer.service"], "db");
                assert_eq!(shown_tags["w3c.tracestate"], "vendor=1");
            }
            Status::Unset => {}
        }
        let logs = shown["logs"].as_array().cloned().unwrap_or_default();
        assert_eq!(logs.len(), span.events.len());
        for (event, log) in span.events.iter().zip(&logs) {
            assert_eq!(log["timestamp"], event.time.unix_nanos() / 1000);
            let fields = texts(&log["fields"]);
            assert!(fields["event"].contains(&*event.name), "{fields:?}");
        }
    }
}

fn texts(list: &Json) -> BTreeMap<String, String> {
    let text = |value: Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    tags(list).into_iter().map(|(key, (_, value))| (key, text(value))).collect()
}
