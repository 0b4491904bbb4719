//! Exporter and source against a broker that others wrote, with librdkafka in between.
//!
//! `MPLP_PEER_KAFKA_BROKER` is the broker, with the topics `conforms`, `written`, `copied` and `mixed` of three
//! partitions each. A peer copies every record of `written` to `copied`, and notes in the file `MPLP_PEER_KAFKA_DUMP` in
//! which partitions it found and put it.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "kafka")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use support::peer::peer;
use trace_core::batch::SpanBatch;
use trace_core::model::{Resource, SpanContext, SpanData, SpanId, Timestamp, TraceFlags, TraceId};
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::signal::SpanExporter;
use trace_core::testing::{CaptureExporter, conformance};
use trace_exporters::kafka::{
    KafkaCompression, KafkaConfig, KafkaSourceConfig, KafkaSourceStats, KafkaSpanExporter, KafkaSpanSource,
};

fn broker(test: &str) -> Option<String> {
    peer(test, "MPLP_PEER_KAFKA_BROKER", "host:port of a broker")
}

fn many(traces: u64) -> SpanBatch {
    let span = |trace: u64, id| {
        let trace =
            TraceId::from_random(u128::from(trace).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let context = SpanContext::new(trace, SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        SpanData::new(
            context,
            format!("work {id}"),
            Timestamp::from_unix_secs(1),
            Timestamp::from_unix_secs(2),
        )
    };
    let spans = (1..=traces).flat_map(|t| [span(t, 2 * t), span(t, 2 * t + 1)]);
    SpanBatch::from_spans(Arc::new(Resource::service("shop")), spans)
}

/// Reads a topic until the pipeline has so many spans; they, by id, and what was counted.
async fn read(
    config: &KafkaSourceConfig,
    spans: u64,
) -> (BTreeMap<(TraceId, SpanId), SpanData>, KafkaSourceStats) {
    let out = CaptureExporter::new();
    let pipeline = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    let policy = OverflowPolicy::block(Duration::from_secs(10));
    let ingest = pipeline.ingest(policy);
    let source = KafkaSpanSource::new(config).unwrap();
    let enough = async {
        for _ in 0..200 {
            if source.stats().spans >= spans {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    source.run(&ingest, enough).await.unwrap();
    let report =
        tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(10))).await.unwrap();
    report.unwrap();
    let read = out.spans().into_iter().map(|s| ((s.context.trace_id, s.context.span_id), s)).collect();
    (read, source.stats())
}

fn source(broker: &str, topic: &str, folder: &Path) -> KafkaSourceConfig {
    KafkaSourceConfig::new(KafkaConfig::new([broker]).topic(topic), folder.join(topic))
}

#[tokio::test]
async fn the_exporter_conforms() {
    let Some(broker) = broker("the_exporter_conforms") else { return };
    let config = KafkaConfig::new([broker]).topic("conforms");
    conformance::span_exporter(&KafkaSpanExporter::new(&config).unwrap()).await;
}

#[tokio::test]
async fn librdkafka_reads_what_we_write_and_we_read_what_it_writes() {
    let test = "librdkafka_reads_what_we_write_and_we_read_what_it_writes";
    let Some(broker) = broker(test) else { return };
    let Some(dump) = peer(test, "MPLP_PEER_KAFKA_DUMP", "file of what was copied") else { return };
    let folder = tempfile::tempdir().unwrap();
    let exporter = KafkaSpanExporter::new(&KafkaConfig::new([&broker]).topic("written")).unwrap();
    let mut expected = BTreeMap::new();
    for batch in [conformance::every_field(), many(40)] {
        exporter.export(&batch).await.unwrap();
        expected.extend(batch.iter().map(|s| ((s.trace_id(), s.span_id()), s.to_span_data())));
    }
    let (found, stats) = read(&source(&broker, "copied", folder.path()), expected.len() as u64).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (id, was) in &expected {
        // NaN is among the values, which equals nothing.
        assert_eq!(format!("{:?}", found[id]), format!("{was:?}"));
    }
    // The peer began with a record that is no OTLP.
    assert_eq!((stats.records, stats.malformed_records, stats.rejected_spans), (42, 1, 0));

    let copies = std::fs::read_to_string(dump).unwrap();
    let copies: Vec<serde_json::Value> = copies.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(copies.len(), 41, "one record a trace");
    let mut keys: Vec<&str> = copies.iter().map(|c| c["key"].as_str().unwrap()).collect();
    let mut traces: Vec<String> = expected.keys().map(|(trace, _)| trace.to_string()).collect();
    traces.dedup();
    keys.sort_unstable();
    assert_eq!(keys, traces);
    let partitions: std::collections::BTreeSet<i64> =
        copies.iter().filter_map(|c| c["from"].as_i64()).collect();
    assert_eq!(partitions.len(), 3, "every partition has some");
    assert!(copies.iter().all(|c| c["from"] == c["to"]), "its partitioner and ours agree: {copies:?}");
}

#[tokio::test]
async fn a_source_goes_on_where_it_ended() {
    let Some(broker) = broker("a_source_goes_on_where_it_ended") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = source(&broker, "mixed", folder.path());
    let connection = KafkaConfig::new([&broker]).topic("mixed");
    for compression in [KafkaCompression::Gzip, KafkaCompression::Snappy] {
        let exporter = KafkaSpanExporter::new(&connection.clone().compression(compression)).unwrap();
        exporter.export(&many(10)).await.unwrap();
    }
    let (found, stats) = read(&config, 40).await;
    assert_eq!((found.len(), stats.spans), (20, 40), "what was written twice is read twice");
    KafkaSpanExporter::new(&connection).unwrap().export(&many(11)).await.unwrap();
    let (_, stats) = read(&config, 22).await;
    assert_eq!((stats.spans, stats.lost_places), (22, 0), "nothing again, nothing left out");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_worth_another_attempt() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = KafkaConfig::new([format!("127.0.0.1:{port}")]).timeout(Duration::from_millis(300));
    let error = KafkaSpanExporter::new(&config).unwrap().export(&many(1)).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("kafka"), "{error}");
}
