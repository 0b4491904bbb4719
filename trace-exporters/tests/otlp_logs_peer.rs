//! Log records with every field set, decoded by an OTLP receiver that is not ours and compared field by field.
//!
//! The variables are those of `otlp_peer`.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp-grpc")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use support::peer::peer;
use trace_core::model::*;
use trace_core::signal::LogExporter as _;
use trace_exporters::otlp::{Compression, OtlpConfig, OtlpLogExporter, Protocol};

/// The one request that carries the mark. A collector may take a moment to forward it.
async fn received(dump: &str, mark: &str) -> Json {
    for _ in 0..500 {
        let text = std::fs::read_to_string(dump).unwrap_or_default();
        let mut lines = text.lines().filter(|l| l.contains(mark));
        if let Some(line) = lines.next() {
            assert_eq!(lines.next(), None, "one request was sent");
            return serde_json::from_str(line).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{dump} has no request with {mark}");
}

fn nested() -> AnyValue {
    AnyValue::Map(vec![
        ("list".into(), AnyValue::List(vec![1.into(), "x".into(), AnyValue::List(vec![true.into()])])),
        ("bytes".into(), AnyValue::Bytes(vec![0, 255])),
        ("double".into(), 0.5.into()),
    ])
}

fn nested_json() -> Json {
    json!({"kvlistValue": {"values": [
        {"key": "list", "value": {"arrayValue": {"values": [
            {"intValue": "1"}, {"stringValue": "x"}, {"arrayValue": {"values": [{"boolValue": true}]}},
        ]}}},
        {"key": "bytes", "value": {"bytesValue": "AP8="}},
        {"key": "double", "value": {"doubleValue": 0.5}},
    ]}})
}

fn batch(mark: &str) -> LogBatch {
    let mut full = LogRecord::new(LogSeverity::new(14), nested());
    full.time = Timestamp::from_unix_nanos(1_760_000_000_000_000_001);
    full.observed = Timestamp::from_unix_nanos(1_760_000_000_000_000_002);
    full.severity_text = "WARNING".into();
    full.attributes = vec![
        ("text".into(), "grüße".into()),
        ("empty".into(), "".into()),
        ("int".into(), i64::MIN.into()),
        ("inf".into(), f64::NEG_INFINITY.into()),
        ("nested".into(), nested()),
    ];
    full.dropped_attributes = 3;
    full.trace_id = TraceId::new(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    full.span_id = SpanId::new(0xb7ad_6b71_6920_3331);
    full.flags = TraceFlags::SAMPLED;
    full.event_name = "card.declined".into();
    let scope = Scope { schema_url: "https://schema/scope".into(), ..Scope::from_static("shop", "1.2") };
    full.scope = Arc::new(scope).into();
    let plain = LogRecord { body: "plain".into(), scope: full.scope.clone(), ..LogRecord::default() };
    let resource = Resource {
        schema_url: "https://schema/resource".into(),
        ..Resource::new([KeyValue::new("service.name", "shop"), KeyValue::new("test.run", mark.to_owned())])
    };
    LogBatch::new(Arc::new(resource), vec![full, plain])
}

fn batch_json(mark: &str) -> Json {
    json!({"resourceLogs": [{
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "shop"}},
            {"key": "test.run", "value": {"stringValue": mark}},
        ]},
        "schemaUrl": "https://schema/resource",
        "scopeLogs": [{
            "scope": {"name": "shop", "version": "1.2"},
            "schemaUrl": "https://schema/scope",
            "logRecords": [{
                "timeUnixNano": "1760000000000000001",
                "observedTimeUnixNano": "1760000000000000002",
                "severityNumber": "SEVERITY_NUMBER_WARN2",
                "severityText": "WARNING",
                "body": nested_json(),
                "attributes": [
                    {"key": "text", "value": {"stringValue": "grüße"}},
                    {"key": "empty", "value": {"stringValue": ""}},
                    {"key": "int", "value": {"intValue": "-9223372036854775808"}},
                    {"key": "inf", "value": {"doubleValue": "-Infinity"}},
                    {"key": "nested", "value": nested_json()},
                ],
                "droppedAttributesCount": 3,
                "flags": 1,
                "traceId": "CvdlGRbNQ92ESOshHIAxnA==",
                "spanId": "t61rcWkgMzE=",
                "eventName": "card.declined",
            }, {"body": {"stringValue": "plain"}}],
        }],
    }]})
}

#[tokio::test]
async fn a_foreign_receiver_reads_every_field_of_a_log_record() {
    let test = "a_foreign_receiver_reads_every_field_of_a_log_record";
    let find = |variable| peer(test, variable, "base URL of an OTLP receiver");
    let Some(dump) = peer(test, "MPLP_PEER_OTLP_DUMP", "file that the receiver writes") else { return };
    let http = find("MPLP_PEER_OTLP_URL");
    let ways = [
        (http.clone(), Protocol::HttpProtobuf),
        (http, Protocol::HttpJson),
        (find("MPLP_PEER_OTLP_GRPC_URL"), Protocol::Grpc),
        (find("MPLP_PEER_OTLP_COLLECTOR_URL"), Protocol::HttpProtobuf),
        (find("MPLP_PEER_OTLP_COLLECTOR_GRPC_URL"), Protocol::Grpc),
    ];
    for (n, (url, protocol)) in ways.into_iter().enumerate() {
        let Some(url) = url else { continue };
        let mark = format!("{test}-{}-{n}-{}", std::process::id(), Timestamp::now().unix_nanos());
        let config = OtlpConfig::new(url).protocol(protocol).compression(Compression::Gzip);
        OtlpLogExporter::new(&config).unwrap().export(&batch(&mark)).await.unwrap();
        let request = received(&dump, &mark).await;
        assert_eq!(request["path"], "/v1/logs");
        assert_eq!(request["body"], batch_json(&mark), "way {n}: {protocol:?}");
    }
}
