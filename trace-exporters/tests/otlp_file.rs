//! OTLP in files: whole lines, bounds, and what a crash leaves.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "otlp-file")]

mod support;

use std::path::Path;

use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use support::{gauge, spans};
use trace_core::signal::{MetricExporter, SpanExporter};
use trace_core::testing::conformance;
use trace_exporters::otlp::file::{OtlpFileConfig, OtlpFileMetricExporter, OtlpFileSpanExporter};

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

/// Names and sizes of the files in a folder, in order.
fn files(folder: &Path) -> Vec<(String, u64)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), e.metadata().unwrap().len()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_batch_is_a_line_that_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let (traces, metrics) = (folder.path().join("traces.jsonl"), folder.path().join("metrics.jsonl"));
    let exporter = OtlpFileSpanExporter::new(&OtlpFileConfig::new(&traces)).unwrap();
    for count in [3, 0, 2] {
        exporter.export(&spans(count)).await.unwrap();
    }
    SpanExporter::flush(&exporter).await.unwrap();
    let counts: Vec<usize> = lines(&traces)
        .iter()
        .map(|line| serde_json::from_str::<TracesData>(line).unwrap())
        .map(|data| data.resource_spans[0].scope_spans[0].spans.len())
        .collect();
    assert_eq!(counts, [3, 2]);

    let exporter = OtlpFileMetricExporter::new(&OtlpFileConfig::new(&metrics)).unwrap();
    exporter.export(&gauge(4)).await.unwrap();
    let data: MetricsData = serde_json::from_str(&lines(&metrics)[0]).unwrap();
    assert_eq!(data.resource_metrics[0].scope_metrics[0].metrics[0].name, "level");
}

#[tokio::test]
async fn the_file_exporters_conform() {
    let folder = tempfile::tempdir().unwrap();
    let config = |name: &str| OtlpFileConfig::new(folder.path().join(name));
    conformance::span_exporter(&OtlpFileSpanExporter::new(&config("t.jsonl")).unwrap()).await;
    conformance::metric_exporter(&OtlpFileMetricExporter::new(&config("m.jsonl")).unwrap()).await;
}

#[tokio::test]
async fn full_files_are_set_aside_and_the_oldest_removed_within_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.jsonl");
    std::fs::write(folder.path().join("traces.other.jsonl"), "not ours").unwrap();
    let config = OtlpFileConfig::new(&path).limits(2048, 8192);
    for run in 0..2 {
        let exporter = OtlpFileSpanExporter::new(&config).unwrap();
        for _ in 0..40 {
            exporter.export(&spans(4)).await.unwrap();
            let ours: Vec<_> =
                files(folder.path()).into_iter().filter(|(n, _)| !n.contains("other")).collect();
            assert!(ours.iter().all(|(_, size)| *size <= 2048), "{ours:?}");
            assert!(ours.iter().map(|(_, size)| size).sum::<u64>() <= 8192, "{ours:?}");
        }
        let files = files(folder.path());
        assert!(files.len() > 3 && files.iter().any(|(n, _)| n == "traces.other.jsonl"), "{run}: {files:?}");
        assert!(files.iter().all(|(n, _)| n != "traces.000001.jsonl"), "the oldest is gone: {files:?}");
    }
}

#[tokio::test]
async fn a_line_that_a_crash_has_cut_is_removed_and_whole_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.jsonl");
    std::fs::write(&path, format!("{{}}\n{{\"cut{}", "x".repeat(200_000))).unwrap();
    let exporter = OtlpFileSpanExporter::new(&OtlpFileConfig::new(&path)).unwrap();
    exporter.export(&spans(1)).await.unwrap();
    let lines = lines(&path);
    assert_eq!((lines.len(), lines[0].as_str()), (2, "{}"));
    assert!(lines[1].starts_with("{\"resourceSpans\""));
}

#[tokio::test]
async fn two_exporters_do_not_share_a_file_and_a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = OtlpFileConfig::new(folder.path().join("traces.jsonl"));
    let first = OtlpFileSpanExporter::new(&config).unwrap();
    let error = OtlpFileSpanExporter::new(&config).unwrap_err().to_string();
    assert!(error.contains("another exporter"), "{error}");
    drop(first);
    OtlpFileSpanExporter::new(&config).unwrap();
    let missing = OtlpFileConfig::new(folder.path().join("no/traces.jsonl"));
    let error = OtlpFileSpanExporter::new(&missing).unwrap_err().to_string();
    assert!(error.contains("cannot open") && error.contains("no/traces.jsonl"), "{error}");
}

#[tokio::test]
async fn a_batch_over_all_bounds_is_refused_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let config = OtlpFileConfig::new(folder.path().join("traces.jsonl")).limits(1024, 2048);
    let exporter = OtlpFileSpanExporter::new(&config).unwrap();
    let error = exporter.export(&spans(1000)).await.unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("max_total_bytes"), "{error}");
    exporter.export(&spans(1)).await.unwrap();
}

/// A device that is always full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_disk_that_is_full_is_a_failure_that_may_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.jsonl");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    // A device has no length that could be set, which is told at once.
    match OtlpFileSpanExporter::new(&OtlpFileConfig::new(&path)) {
        Err(error) => assert!(error.to_string().contains("traces.jsonl"), "{error}"),
        Ok(exporter) => assert!(exporter.export(&spans(1)).await.unwrap_err().is_retryable()),
    }
}
