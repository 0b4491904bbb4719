//! Log records through the log on disk.

use std::time::Duration;

use trace_core::model::{AnyValue, LogBatch, LogRecord, LogSeverity, Resource};
use trace_core::pipeline::RetryPolicy;
use trace_core::signal::{ExportError, LogExporter};
use trace_core::testing::CaptureExporter;
use trace_core::testing::conformance;

use crate::delivery::spill::{Spill, SpillConfig, SpillStats};
use crate::delivery::{DeliveryConfig, Retry};

fn logs(bodies: std::ops::Range<i64>) -> LogBatch {
    let records = bodies.map(|n| LogRecord::new(LogSeverity::INFO, n)).collect();
    LogBatch::new(std::sync::Arc::new(Resource::service("shop")), records)
}

fn retry() -> RetryPolicy {
    RetryPolicy {
        initial: Duration::from_millis(1),
        max: Duration::from_millis(5),
        give_up_after: Duration::MAX,
    }
}

fn bodies(out: &CaptureExporter) -> Vec<AnyValue> {
    out.logs().into_iter().map(|r| r.body).collect()
}

#[tokio::test]
async fn they_outlive_the_process_and_arrive_in_order_with_every_field() {
    let dir = tempfile::tempdir().unwrap();
    let config = SpillConfig { shutdown_wait_ms: 0, ..SpillConfig::new(dir.path().join("log")) };
    let down = CaptureExporter::new();
    (0..10_000).for_each(|_| down.fail_next(ExportError::retryable("down")));
    let spill = Spill::logs(&config, retry(), down).unwrap();
    for n in 0..5 {
        spill.export(&logs(n..n + 1)).await.unwrap();
    }
    spill.export(&conformance::every_log_field()).await.unwrap();
    spill.shutdown().await.unwrap();
    let stats: std::sync::Arc<SpillStats> = spill.stats();
    assert_eq!((stats.counts().held, stats.counts().dropped.len()), (8, 0));
    drop(spill);

    let up = CaptureExporter::new();
    let spill = Spill::logs(&config, retry(), up.clone()).unwrap();
    spill.flush().await.unwrap();
    let mut expected: Vec<AnyValue> = (0..5).map(AnyValue::I64).collect();
    expected.extend(conformance::every_log_field().iter().map(|r| r.body.clone()));
    assert_eq!(format!("{:?}", bodies(&up)), format!("{expected:?}"));
}

#[tokio::test]
async fn the_decorators_take_them() {
    let out = CaptureExporter::new();
    out.fail_next(ExportError::retryable("busy"));
    let config: DeliveryConfig =
        serde_json::from_str(r#"{"throttle":{"records_per_second":100000}}"#).unwrap();
    let exporter = config.logs(Box::new(Retry::new(out.clone(), retry())), Vec::new()).unwrap();
    exporter.export(&logs(0..3)).await.unwrap();
    assert_eq!(out.logs().len(), 3);
}
