//! The pipeline's own figures by the semantic conventions.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::metric::MeterRegistry;
use crate::model::{AttributeSet, MetricBatch, MetricData, Resource, Scope, Timestamp};
use crate::signal::ExportError;
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

/// `name{component, error} value` of every point, histograms with their count.
fn lines(batch: &MetricBatch) -> Vec<String> {
    let mut lines = Vec::new();
    for metric in batch.scopes.iter().flat_map(|s| &s.metrics) {
        let label = |a: &AttributeSet| {
            let value = |key| a.get(key).map(ToString::to_string);
            let parts = ["otel.component.name", "error.type", "otel.span.sampling_result"].map(value);
            parts.into_iter().flatten().collect::<Vec<_>>().join(",")
        };
        match &metric.data {
            MetricData::Sum { points, .. } | MetricData::Gauge { points } => lines.extend(
                points
                    .iter()
                    .map(|p| format!("{}{{{}}} {}", metric.name, label(&p.attributes), p.value.as_f64())),
            ),
            MetricData::Histogram { points, .. } => lines.extend(
                points.iter().map(|p| format!("{}{{{}}} {}", metric.name, label(&p.attributes), p.count)),
            ),
            MetricData::ExponentialHistogram { .. } => panic!("the pipeline makes none"),
        }
    }
    lines
}

#[test]
fn figures_have_their_conventional_names_and_components() {
    let registry = MeterRegistry::new(Arc::new(Resource::service("s")));
    let collected = registry.clone();
    let out = CaptureExporter::new();
    out.fail_next(ExportError::partial(1, "one too old"));
    let config = DestinationConfig {
        queue_records: 100,
        component: "otlp_http_span_exporter",
        ..DestinationConfig::default()
    };
    let p = Pipeline::builder()
        .export_spans_with("out", out, config)
        .export_metrics("metrics", CaptureExporter::new())
        .collect_metrics(LONG, move || collected.collect(Timestamp::from_unix_secs(1)))
        .start()
        .unwrap();
    p.register_metrics(&registry.meter(Scope::named("mplp"))).unwrap();
    let open = p.recorder().span("open").start();
    (0..4).for_each(|_| p.recorder().span("s").start().end());
    p.flush(LONG).unwrap();
    let lines = lines(&registry.collect(Timestamp::from_unix_secs(2)));
    for expected in [
        "otel.sdk.span.live{RECORD_AND_SAMPLE} 1",
        "otel.sdk.span.started{RECORD_AND_SAMPLE} 5",
        "otel.sdk.processor.span.processed{mplp_pipeline/0} 4",
        "otel.sdk.processor.span.processed{batching_span_processor/out} 4",
        "otel.sdk.processor.span.processed{batching_span_processor/out,queue_full} 0",
        "otel.sdk.processor.span.queue.size{batching_span_processor/out} 0",
        "otel.sdk.processor.span.queue.capacity{batching_span_processor/out} 100",
        "otel.sdk.exporter.span.exported{otlp_http_span_exporter/out} 3",
        "otel.sdk.exporter.span.exported{otlp_http_span_exporter/out,rejected} 1",
        "otel.sdk.exporter.span.inflight{otlp_http_span_exporter/out} 0",
        "otel.sdk.exporter.metric_data_point.inflight{mplp_metrics/0} 0",
        "otel.sdk.exporter.operation.duration{otlp_http_span_exporter/out,permanent_error} 1",
        "otel.sdk.exporter.operation.duration{mplp_metrics/0} 1",
        "otel.sdk.metric_reader.collection.duration{periodic_metric_reader/0} 1",
        "mplp.pipeline.span.edits_dropped{mplp_pipeline/0} 0",
    ] {
        assert!(lines.iter().any(|l| l == expected), "{expected} is not among {lines:#?}");
    }
    open.end();
}
