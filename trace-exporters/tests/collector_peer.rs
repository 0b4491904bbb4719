//! The OpenTelemetry Collector holds what our exporters sent, field by field, whatever they speak; and what it sends to our
//! receiver is what it was given. Run by `cargo xtask integration collector`.
//!
//! `MPLP_PEER_COLLECTOR` is the program, with receivers for OTLP, Zipkin and Jaeger and exporters to files and OTLP.
#![cfg(all(feature = "otlp-grpc", feature = "otlp-receiver", feature = "jaeger", feature = "zipkin"))]
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use support::collector::Collector;
use support::order::order;
use support::peer::peer;
use support::shop;
use trace_core::batch::SpanBatch;
use trace_core::model::*;
use trace_core::pipeline::Pipeline;
use trace_core::record::OverflowPolicy;
use trace_core::signal::{MetricExporter as _, SpanExporter};
use trace_core::testing::CaptureExporter;
use trace_core::testing::conformance::every_field;
use trace_exporters::jaeger::{JaegerConfig, JaegerExporter};
use trace_exporters::otlp::{
    Compression, OtlpConfig, OtlpMetricExporter, OtlpSpanExporter, Protocol, decode_spans, encode_metrics,
    encode_spans,
};
use trace_exporters::otlp_receiver::{OtlpListener, OtlpReceiverConfig};
use trace_exporters::zipkin::{ZipkinConfig, ZipkinExporter};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

const PROGRAM: &str = "a Collector with OTLP, Zipkin, Jaeger and files";

/// A request as text: NaN is unlike itself.
fn spans_text(bytes: &[u8]) -> String {
    let mut request = ExportTraceServiceRequest::decode(bytes).unwrap();
    let scopes = request.resource_spans.iter_mut().flat_map(|r| &mut r.scope_spans);
    // The Collector writes an empty status where none was sent; both mean "unset".
    scopes.flat_map(|s| &mut s.spans).for_each(|s| {
        s.status.get_or_insert_default();
    });
    format!("{request:#?}")
}

fn metrics_text(bytes: &[u8]) -> String {
    format!("{:#?}", ExportMetricsServiceRequest::decode(bytes).unwrap())
}

/// Every protocol and compression of OTLP.
fn ways(collector: &Collector) -> Vec<OtlpConfig> {
    let mut ways = Vec::new();
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson] {
        let url = if protocol == Protocol::Grpc { collector.grpc() } else { collector.http() };
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            ways.push(OtlpConfig::new(&url).protocol(protocol).compression(compression));
        }
    }
    ways
}

#[tokio::test]
async fn the_collector_holds_every_field_of_spans_by_every_protocol() {
    let test = "the_collector_holds_every_field_of_spans_by_every_protocol";
    let Some(program) = peer(test, "MPLP_PEER_COLLECTOR", PROGRAM) else { return };
    let collector = Collector::start(&program, None).await;
    let batch = every_field();
    let mut sent = Vec::new();
    encode_spans(&batch, &mut sent);
    for (at, config) in ways(&collector).into_iter().enumerate() {
        OtlpSpanExporter::new(&config).unwrap().export(&batch).await.unwrap();
        let held = collector.spans(at + 1).await.remove(at);
        assert_eq!(spans_text(&held), spans_text(&sent), "{config:?}");
    }
}

#[tokio::test]
async fn the_collector_holds_every_field_of_metrics_by_every_protocol() {
    let test = "the_collector_holds_every_field_of_metrics_by_every_protocol";
    let Some(program) = peer(test, "MPLP_PEER_COLLECTOR", PROGRAM) else { return };
    let collector = Collector::start(&program, None).await;
    let batch = shop::with_exponential();
    let mut sent = Vec::new();
    encode_metrics(&batch, &mut sent);
    for (at, config) in ways(&collector).into_iter().enumerate() {
        OtlpMetricExporter::new(&config).unwrap().export(&batch).await.unwrap();
        let held = collector.metrics(at + 1).await.remove(at);
        assert_eq!(metrics_text(&held), metrics_text(&sent), "{config:?}");
    }
}

/// What the Collector holds of a trace that came by another protocol than OTLP: its spans by id, and the resource.
async fn held(collector: &Collector, expected: usize) -> (BTreeMap<u64, SpanData>, Vec<KeyValue>) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    loop {
        let messages = collector.spans(1).await;
        let (mut spans, mut resource) = (BTreeMap::new(), Vec::new());
        for batch in messages.iter().flat_map(|m| decode_spans(m).unwrap().batches) {
            let batch = batch.seal();
            resource = batch.resource().attributes.iter().cloned().collect();
            spans.extend(batch.iter().map(|s| (s.span_id().to_u64(), s.to_span_data())));
        }
        if spans.len() == expected {
            return (spans, resource);
        }
        assert!(tokio::time::Instant::now() < deadline, "{} of {expected} spans", spans.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Attributes with their values as texts, without those that a protocol keeps for itself.
fn texts(attributes: &[KeyValue], without: &[&str]) -> BTreeMap<String, String> {
    let kept = attributes.iter().filter(|kv| !without.contains(&&*kv.key));
    kept.map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

fn micros(time: Timestamp) -> u64 {
    time.unix_nanos() / 1000
}

/// What every protocol keeps; times to the microsecond.
fn alike(sent: &SpanData, held: &SpanData) {
    assert_eq!(held.context.trace_id, sent.context.trace_id);
    assert_eq!(held.context.span_id, sent.context.span_id);
    assert_eq!(held.parent_span_id, sent.parent_span_id);
    assert_eq!(held.name, sent.name);
    assert_eq!(micros(held.start), micros(sent.start), "{}", sent.name);
    assert_eq!(held.kind, sent.kind, "{}", sent.name);
    let links =
        |s: &SpanData| s.links.iter().map(|l| (l.context.trace_id, l.context.span_id)).collect::<Vec<_>>();
    assert_eq!(links(held), links(sent));
    assert_eq!(held.events.len(), sent.events.len());
    for (held, sent) in held.events.iter().zip(&sent.events) {
        assert_eq!(micros(held.time), micros(sent.time));
        // Zipkin has no place for attributes of events: they stand behind the name.
        assert!(held.name.contains(&*sent.name), "{held:?}");
    }
}

async fn crosses_jaeger(test: &str, number: u128, endpoint: impl Fn(&Collector) -> String) {
    let Some(program) = peer(test, "MPLP_PEER_COLLECTOR", PROGRAM) else { return };
    let collector = Collector::start(&program, None).await;
    let (_, batch) = order(number);
    let exporter = JaegerExporter::new(&JaegerConfig::new(endpoint(&collector))).unwrap();
    exporter.export(&batch).await.unwrap();
    let (spans, resource) = held(&collector, batch.len()).await;
    let attributes: Vec<KeyValue> = batch.resource().attributes.iter().cloned().collect();
    assert_eq!(texts(&resource, &[]), texts(&attributes, &[]));
    for sent in batch.iter() {
        let sent = sent.to_span_data();
        let held = &spans[&sent.context.span_id.to_u64()];
        alike(&sent, held);
        assert_eq!(micros(held.end), micros(sent.end));
        assert_eq!(held.status, sent.status);
        // This version's reader of Thrift leaves scope and trace state where Thrift has them, among the attributes.
        let mut attributes = sent.attributes.clone();
        attributes.push(KeyValue::new("otel.scope.name", sent.scope.name.clone()));
        attributes.push(KeyValue::new("otel.scope.version", sent.scope.version.clone()));
        if !sent.context.trace_state.is_empty() {
            attributes.push(KeyValue::new("w3c.tracestate", sent.context.trace_state.as_str().to_owned()));
        }
        assert_eq!(texts(&held.attributes, &[]), texts(&attributes, &[]), "{}", sent.name);
        for (held, sent) in held.events.iter().zip(&sent.events) {
            assert_eq!(held.name, sent.name);
            assert_eq!(texts(&held.attributes, &[]), texts(&sent.attributes, &[]));
        }
    }
}

#[tokio::test]
async fn the_collector_holds_what_came_as_thrift_over_http() {
    let test = "the_collector_holds_what_came_as_thrift_over_http";
    crosses_jaeger(test, 5, |c| format!("{}/api/traces", c.thrift())).await;
}

#[tokio::test]
async fn the_collector_holds_what_came_in_datagrams() {
    crosses_jaeger("the_collector_holds_what_came_in_datagrams", 6, Collector::agent).await;
}

#[tokio::test]
async fn the_collector_holds_what_came_as_zipkin_json() {
    let test = "the_collector_holds_what_came_as_zipkin_json";
    let Some(program) = peer(test, "MPLP_PEER_COLLECTOR", PROGRAM) else { return };
    let collector = Collector::start(&program, None).await;
    let (_, batch) = order(7);
    ZipkinExporter::new(&ZipkinConfig::new(collector.zipkin())).unwrap().export(&batch).await.unwrap();
    let (spans, resource) = held(&collector, batch.len()).await;
    assert_eq!(texts(&resource, &[])["service.name"], "shop");
    for sent in batch.iter() {
        let sent = sent.to_span_data();
        let held = &spans[&sent.context.span_id.to_u64()];
        alike(&sent, held);
        // Zipkin has no duration of nothing.
        assert_eq!(micros(held.end), micros(sent.end).max(micros(sent.start) + 1));
        match &sent.status {
            // This version's reader of Zipkin knows errors alone, and leaves their description among the attributes.
            Status::Error(message) => {
                assert_eq!(held.status, Status::Error("".into()));
                assert_eq!(texts(&held.attributes, &[]).get("error").map(String::as_str), Some(&**message));
            }
            _ => assert_eq!(held.status, Status::Unset),
        }
        let (held, sent) = (texts(&held.attributes, &[]), texts(&sent.attributes, &[]));
        assert!(sent.iter().all(|(key, value)| held.get(key) == Some(value)), "{held:?} {sent:?}");
    }
}

struct Receiving {
    pipeline: Pipeline,
    out: CaptureExporter,
    listener: OtlpListener,
}

impl Receiving {
    async fn start() -> Self {
        let out = CaptureExporter::new();
        let pipeline =
            Pipeline::builder().export_spans("spans", out.clone()).export_metrics("metrics", out.clone());
        let pipeline = pipeline.start().unwrap();
        let config = OtlpReceiverConfig::new("127.0.0.1:0", "127.0.0.1:0");
        let receiver = config.receiver(pipeline.ingest(OverflowPolicy::Drop)).unwrap();
        let receiver = receiver.metrics(pipeline.metric_ingest());
        let listener = OtlpListener::start(&config, receiver).await.unwrap();
        Self { pipeline, out, listener }
    }

    /// What arrived, after everything that was acknowledged.
    async fn end(self) -> (Vec<SpanData>, Vec<MetricBatch>) {
        self.listener.shutdown().await;
        let pipeline = self.pipeline;
        let ended = tokio::task::spawn_blocking(move || pipeline.shutdown(Duration::from_secs(10))).await;
        ended.unwrap().unwrap();
        (self.out.spans(), self.out.metrics())
    }
}

fn span_texts(spans: impl IntoIterator<Item = SpanData>) -> Vec<String> {
    let mut all: Vec<String> = spans.into_iter().map(|s| format!("{s:?}")).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_the_collector_sends_to_us_is_what_it_was_given() {
    let test = "what_the_collector_sends_to_us_is_what_it_was_given";
    let Some(program) = peer(test, "MPLP_PEER_COLLECTOR", PROGRAM) else { return };
    let (spans, mut metrics): (SpanBatch, _) = (every_field(), shop::with_exponential());
    // Buckets that do not fit their bounds: our receiver refuses them.
    metrics.scopes[1].metrics.retain(|m| m.name != "bent");
    for exporter in ["otlp", "otlphttp", "otlphttp/json"] {
        let receiving = Receiving::start().await;
        let port = match exporter {
            "otlp" => receiving.listener.grpc_addr(),
            _ => receiving.listener.http_addr(),
        };
        let collector = Collector::start(&program, Some((exporter, port.unwrap()))).await;
        let config = OtlpConfig::new(collector.grpc()).protocol(Protocol::Grpc);
        OtlpSpanExporter::new(&config).unwrap().export(&spans).await.unwrap();
        OtlpMetricExporter::new(&config).unwrap().export(&metrics).await.unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
        loop {
            let counts = receiving.listener.receiver().counts();
            if counts.spans > 0 && counts.points > 0 {
                break;
            }
            let said = collector.output();
            assert!(tokio::time::Instant::now() < deadline, "{exporter} sent {counts:?}: {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (got, got_metrics) = receiving.end().await;
        assert_eq!(span_texts(got), span_texts(spans.iter().map(|s| s.to_span_data())), "{exporter}");
        let [got_metrics] = &got_metrics[..] else { panic!("{} collections", got_metrics.len()) };
        assert_eq!(format!("{got_metrics:#?}"), format!("{metrics:#?}"), "{exporter}");
    }
}
