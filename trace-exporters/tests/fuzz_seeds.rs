//! The seeds of fuzz targets that our encoders write: one message of each signal, with every field.
//!
//! After a change of the format: `cargo test -p trace-exporters --features otlp-codec --test fuzz_seeds -- --ignored`.

#![cfg(feature = "otlp-codec")]

use std::path::PathBuf;
use std::sync::Arc;

use trace_core::batch::SpanBatch;
use trace_core::model::{
    AttributeSet, Exemplar, ExponentialBuckets, ExponentialPoint, HistogramPoint, KeyValue, Metric,
    MetricBatch, MetricData, Number, NumberPoint, Resource, Scope, ScopeMetrics, SpanId, Temporality,
    Timestamp, TraceId,
};
use trace_core::testing::conformance::{every_field, every_log_field};
use trace_exporters::otlp::{
    encode_logs_json, encode_metrics, encode_metrics_json, encode_spans, encode_spans_json,
};

/// Without the long text: the fuzzer does better with small inputs.
fn spans() -> SpanBatch {
    let short = |list: &mut Vec<KeyValue>| list.retain(|kv| kv.key != "long");
    let spans = every_field();
    let all = spans.iter().map(|s| {
        let mut span = s.to_span_data();
        short(&mut span.attributes);
        span.events.iter_mut().for_each(|e| short(&mut e.attributes));
        span.links.iter_mut().for_each(|l| short(&mut l.attributes));
        span
    });
    SpanBatch::from_spans(spans.resource().clone(), all)
}

fn metrics() -> MetricBatch {
    let (start, time) = (Timestamp::from_unix_secs(1_760_000_000), Timestamp::from_unix_secs(1_760_000_060));
    let attributes: Arc<AttributeSet> =
        Arc::new([KeyValue::new("route", "/x"), KeyValue::new("ok", true)].into_iter().collect());
    let exemplar = |value| Exemplar {
        time,
        value,
        trace_id: Some(TraceId::from_random(42)),
        span_id: SpanId::new(7),
        attributes: vec![KeyValue::new("user", "u")],
    };
    let number = |value| NumberPoint {
        attributes: attributes.clone(),
        start,
        time,
        value,
        exemplars: vec![exemplar(value)],
    };
    let histogram = HistogramPoint {
        attributes: attributes.clone(),
        start,
        time,
        count: 3,
        sum: 4.5,
        min: Some(0.5),
        max: Some(3.0),
        bounds: [1.0, 2.5].into(),
        buckets: vec![1, 1, 1],
        exemplars: vec![exemplar(Number::F64(3.0))],
    };
    let exponential = ExponentialPoint {
        attributes: attributes.clone(),
        start,
        time,
        count: 7,
        sum: -2.0,
        min: Some(-4.0),
        max: Some(4.0),
        scale: -1,
        zero_count: 1,
        zero_threshold: 0.001,
        positive: ExponentialBuckets { offset: 2, counts: vec![1, 0, 200] },
        negative: ExponentialBuckets { offset: -3, counts: vec![2] },
        exemplars: vec![exemplar(Number::F64(4.0))],
    };
    let metric = |name: &'static str, data| Metric {
        name: name.into(),
        description: "what it is".into(),
        unit: "s".into(),
        data,
    };
    let metrics = vec![
        metric("gauge", MetricData::Gauge { points: vec![number(Number::F64(f64::NAN))] }),
        metric(
            "sum",
            MetricData::Sum {
                points: vec![number(Number::I64(-5))],
                temporality: Temporality::Cumulative,
                monotonic: true,
            },
        ),
        metric(
            "histogram",
            MetricData::Histogram { points: vec![histogram], temporality: Temporality::Delta },
        ),
        metric(
            "exponential",
            MetricData::ExponentialHistogram { points: vec![exponential], temporality: Temporality::Delta },
        ),
    ];
    let scope = Arc::new(Scope { schema_url: "https://example.org/1".into(), ..Scope::named("lib") });
    MetricBatch {
        resource: Arc::new(Resource::service("shop")),
        scopes: vec![ScopeMetrics { scope, metrics }],
    }
}

fn written(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

/// Path and content of each.
fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let (spans, metrics, logs) = (spans(), metrics(), every_log_field());
    let protobuf = written(|out| encode_spans(&spans, out));
    let kafka = [&[0], &protobuf[..]].concat();
    let call = [&[1, 0], &(protobuf.len() as u32).to_be_bytes()[..], &protobuf].concat();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    [
        ("otlp_spans", protobuf),
        ("otlp_metrics", written(|out| encode_metrics(&metrics, out))),
        ("otlp_spans_json", written(|out| encode_spans_json(&spans, out))),
        ("otlp_metrics_json", written(|out| encode_metrics_json(&metrics, out))),
        ("otlp_logs_json", written(|out| encode_logs_json(&logs, out))),
        ("kafka_records", kafka),
        ("grpc_message", call),
    ]
    .map(|(target, bytes)| (folder.join(target).join("every_field"), bytes))
    .into()
}

#[test]
fn the_seeds_of_fuzz_targets_are_what_the_encoders_write() {
    for (path, bytes) in seeds() {
        let seed = std::fs::read(&path).unwrap_or_default();
        assert!(seed == bytes, "{} is not what is written now", path.display());
    }
}

#[test]
#[ignore = "writes the seeds"]
fn write_the_seeds() {
    for (path, bytes) in seeds() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
