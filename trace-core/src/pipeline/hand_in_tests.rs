//! What is handed in with the way back open: all or nothing, and nothing counted that was not taken.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::batch::SpanBatchMut;
use crate::model::*;
use crate::record::OverflowPolicy;
use crate::signal::{ExportError, MetricExporter};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

fn spans(n: u64) -> SpanBatchMut {
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("other")));
    batch.extend((1..=n).map(|i| {
        let context = SpanContext::new(TraceId::from_random(7), SpanId::new(i).unwrap(), TraceFlags::SAMPLED);
        SpanData::new(context, "handed in", Timestamp::from_unix_secs(1), Timestamp::from_unix_secs(1))
    }));
    batch
}

fn points(n: i64, attribute: Option<&'static str>) -> MetricBatch {
    let attributes: Vec<KeyValue> =
        attribute.map(|a| KeyValue::new(TenantId::ATTRIBUTE, a)).into_iter().collect();
    let point = |v| NumberPoint {
        attributes: Arc::new(AttributeSet::new(attributes.clone())),
        start: Timestamp::default(),
        time: Timestamp::from_unix_secs(1),
        value: Number::I64(v),
        exemplars: vec![],
    };
    let data = MetricData::Gauge { points: (0..n).map(point).collect() };
    let metric = Metric { name: "m".into(), description: "".into(), unit: "".into(), data };
    let scopes = vec![ScopeMetrics { scope: Arc::default(), metrics: vec![metric] }];
    MetricBatch { resource: Arc::new(Resource::service("other")), scopes }
}

#[tokio::test(start_paused = true)]
async fn batches_of_one_request_are_taken_together_or_come_back_uncounted() {
    let out = CaptureExporter::new();
    // Nobody takes anything out for now, and there is room for less than both.
    let p = Pipeline::builder()
        .interval(Duration::from_secs(3600))
        .ingest_bytes(1)
        .export_spans("out", out.clone())
        .start()
        .unwrap();
    let ingest = p.ingest(OverflowPolicy::Drop);
    ingest.hand_in(vec![spans(2), spans(3)]).await.unwrap();
    p.flush(LONG).unwrap();
    assert_eq!(p.ledger().delivered, 5);
    p.shutdown(LONG).unwrap();
    let back = ingest.hand_in(vec![spans(4), spans(5)]).await.unwrap_err();
    assert_eq!(back.batches.iter().map(SpanBatchMut::len).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(back.why, IngestError::Closed { spans: 9 });
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.received, ledger.lost()), (5, 0));
}

/// Never done.
struct Stuck;

#[crate::async_trait]
impl MetricExporter for Stuck {
    async fn export(&self, _: &MetricBatch) -> Result<(), ExportError> {
        std::future::pending().await
    }
}

fn small() -> DestinationConfig {
    DestinationConfig { queue_bytes: 1, ..DestinationConfig::default() }
}

#[test]
fn metrics_are_taken_while_one_destination_has_room_and_refused_when_none_has() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .export_metrics("out", out.clone())
        .export_metrics_with("stuck", Stuck, small())
        .start()
        .unwrap();
    let ingest = p.metric_ingest();
    // The destination takes some out before it is stuck.
    for _ in 0..64 {
        ingest.hand_in(vec![points(3, None)]).unwrap();
    }
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.destinations[0].received, 192);
    assert!(ledger.destinations[1].dropped["queue_full"] >= 6);
    let _ = p.shutdown(Duration::from_millis(50));
    assert_eq!(ingest.hand_in(vec![points(1, None)]), Err(MetricIngestError::Closed));

    let p = Pipeline::builder().export_metrics_with("stuck", Stuck, small()).start().unwrap();
    let ingest = p.metric_ingest();
    let mut refused = 0;
    for _ in 0..64 {
        refused += u64::from(ingest.hand_in(vec![points(3, None)]) == Err(MetricIngestError::Full));
    }
    assert!(refused >= 2, "some are under way, one waits");
    let ledger = p.ledger();
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.destinations[0].received, 3 * (64 - refused), "what is refused is in no account");
    let _ = p.shutdown(Duration::from_millis(50));
}

#[test]
fn a_pipeline_without_a_destination_for_metrics_takes_none() {
    let p = Pipeline::builder().start().unwrap();
    assert_eq!(p.metric_ingest().hand_in(vec![points(1, None)]), Err(MetricIngestError::Closed));
}

#[test]
fn metrics_of_a_proved_tenant_are_of_that_tenant_whatever_they_say() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().export_metrics("out", out.clone()).start().unwrap();
    let ingest = p.metric_ingest().of_tenant(TenantId::new("acme").unwrap());
    ingest.hand_in(vec![points(1, Some("globex"))]).unwrap();
    p.shutdown(LONG).unwrap();
    let batch = &out.metrics()[0];
    assert_eq!(batch.resource.attributes.get(TenantId::ATTRIBUTE), Some(&Value::from("acme")));
    let MetricData::Gauge { points } = &batch.scopes[0].metrics[0].data else { panic!("a gauge") };
    assert!(points[0].attributes.is_empty());
}
