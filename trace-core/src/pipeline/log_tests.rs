//! Log records through the pipeline: every one is somewhere.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::model::{AnyValue, LogBatch, LogBatchMut, LogRecord, LogSeverity, Resource, TenantId, Value};
use crate::process::{RedactProcessor, Redaction, ResourceProcessor};
use crate::signal::{ExportError, LogExporter, SpanProcessor};
use crate::span;
use crate::tenant::{Tenancy, TenantResolver};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

fn record(n: i64) -> LogRecord {
    LogRecord::new(LogSeverity::INFO, n)
}

fn emit(p: &Pipeline, n: i64) {
    (0..n).for_each(|n| p.logger().emit(record(n)));
}

/// Fast retries, so that tests need not wait.
fn impatient() -> DestinationConfig {
    let retry = RetryPolicy { initial: Duration::from_millis(1), ..RetryPolicy::default() };
    DestinationConfig {
        retry,
        max_batch: 4,
        max_delay: Duration::from_millis(1),
        ..DestinationConfig::default()
    }
}

#[test]
fn records_arrive_in_batches_and_the_accounts_add_up() {
    let out = CaptureExporter::new();
    out.fail_next(ExportError::retryable("busy"));
    let p = Pipeline::builder().export_logs_with("out", out.clone(), impatient()).start().unwrap();
    emit(&p, 10);
    p.flush(LONG).unwrap();
    assert_eq!(out.logs().len(), 10);
    assert!(out.batch_sizes().iter().all(|n| *n <= 4), "{:?}", out.batch_sizes());
    let report = p.shutdown(LONG).unwrap();
    let l = report.ledger;
    assert!(l.adds_up(), "{l:?}");
    assert_eq!((l.logs.received, l.logs.delivered, l.destinations[0].delivered), (10, 10, 10));
    assert_eq!(l.destinations[0].retries, 1);
    assert_eq!(l.received, 0, "no span");
    emit(&p, 1);
    let l = p.ledger();
    assert_eq!(l.logs.dropped.get("after_shutdown"), Some(&1));
    assert!(l.adds_up());
}

#[test]
fn without_a_destination_nothing_is_emitted_or_counted() {
    let p = Pipeline::builder().export_spans("out", CaptureExporter::new()).start().unwrap();
    assert!(!p.logger().is_enabled());
    emit(&p, 3);
    let json = serde_json::to_value(p.ledger()).unwrap();
    assert!(json.get("logs").is_none(), "{json}");
    let refused = p.log_ingest().hand_in(vec![LogBatchMut::default()]);
    assert_eq!(refused, Err(LogIngestError::Closed));
    p.shutdown(LONG).unwrap();
}

struct Refuses;

#[async_trait]
impl LogExporter for Refuses {
    async fn export(&self, _: &LogBatch) -> Result<(), ExportError> {
        Err(ExportError::permanent("no"))
    }
}

struct Hangs;

#[async_trait]
impl LogExporter for Hangs {
    async fn export(&self, _: &LogBatch) -> Result<(), ExportError> {
        std::future::pending().await
    }
}

#[test]
fn a_destination_that_refuses_or_hangs_costs_its_own_records_only() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .export_logs("refuses", Refuses)
        .export_logs("hangs", Hangs)
        .export_logs("out", out.clone())
        .start()
        .unwrap();
    emit(&p, 3);
    let error = p.shutdown(Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.failure, DeliveryFailure::Lost(6));
    let l = &error.report.ledger;
    assert!(l.adds_up(), "{l:?}");
    assert_eq!(l.destinations[0].dropped.get("permanent_error"), Some(&3));
    assert_eq!(l.destinations[1].dropped.get("shutdown"), Some(&3));
    assert_eq!(out.logs().len(), 3);
    assert!(error.to_string().contains("3 log records"), "{error}");
}

#[test]
fn a_full_queue_drops_and_counts() {
    let config = DestinationConfig { queue_records: 2, max_batch: 1, ..impatient() };
    let p = Pipeline::builder()
        .interval(Duration::from_millis(1))
        .export_logs_with("hangs", Hangs, config)
        .start()
        .unwrap();
    for n in 0..20 {
        p.logger().emit(record(n));
        while p.ledger().logs.pending > 0 {
            std::thread::yield_now();
        }
    }
    let l = p.ledger();
    assert!(l.adds_up(), "{l:?}");
    assert!(l.destinations[0].dropped["queue_full"] >= 16, "{l:?}");
    let report = p.shutdown(Duration::from_millis(50)).unwrap_err().report;
    assert!(report.ledger.adds_up());
    assert_eq!(report.ledger.destinations[0].lost(), 20);
}

#[test]
fn what_no_thread_has_taken_is_bounded_and_counted() {
    let p = Pipeline::builder().log_bytes(1).export_logs("out", CaptureExporter::new()).start().unwrap();
    emit(&p, 2);
    let l = p.shutdown(LONG).unwrap_err().report.ledger;
    assert_eq!(l.logs.dropped.get("buffer_full"), Some(&2));
    assert!(l.adds_up());
}

#[test]
fn secrets_leave_neither_in_bodies_nor_in_attributes_nor_nested_ones() {
    let redact = RedactProcessor::builder().usual_secrets(Redaction::Mask).build().unwrap();
    let out = CaptureExporter::new();
    let p = Pipeline::builder().processor(redact).export_logs("out", out.clone()).start().unwrap();
    let url = "postgres://app:hunter2@db/orders";
    let mut r = LogRecord::new(LogSeverity::ERROR, format!("cannot reach {url}"));
    let nested = AnyValue::Map(vec![
        ("password".into(), "hunter2".into()),
        ("list".into(), AnyValue::List(vec![url.into(), AnyValue::Bytes(url.into())])),
    ]);
    r.attributes = vec![
        ("db.password".into(), "hunter2".into()),
        ("url".into(), url.into()),
        ("n".into(), nested.clone()),
    ];
    p.logger().emit(r);
    p.logger().emit(LogRecord { body: nested, ..LogRecord::default() });
    p.shutdown(LONG).unwrap();
    let shown = format!("{:?}", out.logs());
    let bytes = format!("{:?}", url.as_bytes());
    assert!(!shown.contains("hunter2") && !shown.contains(&bytes), "{shown}");
    assert!(shown.contains("cannot reach postgres://***@db/orders"), "{shown}");
}

struct Half;

impl SpanProcessor for Half {
    fn process(&self, _: &mut crate::batch::SpanBatchMut) {}
    fn process_logs(&self, batch: &mut LogBatchMut) {
        let mut n = 0;
        batch.records.retain(|_| {
            n += 1;
            n % 2 == 0
        });
    }
    fn drop_reason(&self) -> &'static str {
        "too_chatty"
    }
}

struct Panics;

impl SpanProcessor for Panics {
    fn process(&self, _: &mut crate::batch::SpanBatchMut) {}
    fn process_logs(&self, _: &mut LogBatchMut) {
        panic!("as tests do");
    }
}

#[test]
fn what_processors_remove_is_counted_by_their_reason_and_a_panic_lets_nothing_out() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().processor(Half).export_logs("out", out.clone()).start().unwrap();
    emit(&p, 10);
    let l = p.shutdown(LONG).unwrap_err().report.ledger;
    assert_eq!((out.logs().len(), l.logs.dropped.get("too_chatty")), (5, Some(&5)));
    assert!(l.adds_up());

    let out = CaptureExporter::new();
    let p = Pipeline::builder().processor(Panics).export_logs("out", out.clone()).start().unwrap();
    emit(&p, 2);
    let l = p.shutdown(LONG).unwrap_err().report.ledger;
    assert_eq!((out.logs().len(), l.logs.dropped.get("processor")), (0, Some(&2)));
    assert_eq!(p.ledger_reader().processor_panics(), 1);
}

#[test]
fn records_of_others_keep_their_resource_and_pass_the_processors() {
    let added = Resource::new([crate::model::KeyValue::new("region", "eu")]);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    struct Resources(Arc<std::sync::Mutex<Vec<Arc<Resource>>>>);
    #[async_trait]
    impl LogExporter for Resources {
        async fn export(&self, batch: &LogBatch) -> Result<(), ExportError> {
            self.0.lock().unwrap().push(batch.resource().clone());
            Ok(())
        }
    }
    let p = Pipeline::builder()
        .processor(ResourceProcessor::filling(added))
        .export_logs("out", Resources(seen.clone()))
        .start()
        .unwrap();
    let batch = LogBatchMut { resource: Arc::new(Resource::service("other")), records: vec![record(1)] };
    p.log_ingest().hand_in(vec![batch]).unwrap();
    p.flush(LONG).unwrap();
    let l = p.shutdown(LONG).unwrap().ledger;
    assert_eq!((l.logs.received, l.logs.delivered), (1, 1));
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].service_name(), "other");
    assert_eq!(seen[0].attributes.get("region"), Some(&Value::from("eu")));
}

#[test]
fn a_record_belongs_to_the_tenant_of_its_span_or_to_who_has_proved_to_be() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .tenants(Tenancy::builder(TenantResolver::new()).build())
        .export_logs("out", out.clone())
        .start()
        .unwrap();
    {
        let _span = span!(recorder: p.recorder(), "s", mplp.tenant.id = "acme");
        emit(&p, 1);
    }
    let mut lies = record(2);
    lies.attributes.push((TenantId::ATTRIBUTE.into(), "acme".into()));
    let batch = LogBatchMut { resource: Arc::default(), records: vec![lies] };
    p.log_ingest().of_tenant(TenantId::new("globex").unwrap()).hand_in(vec![batch]).unwrap();
    p.shutdown(LONG).unwrap();
    let mut tenants: Vec<_> =
        out.logs().iter().map(|r| r.attribute(TenantId::ATTRIBUTE).map(ToString::to_string)).collect();
    tenants.sort();
    assert_eq!(tenants, [Some("acme".to_owned()), Some("globex".to_owned())]);
}

#[test]
fn a_disabled_pipeline_takes_no_logs() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder().disabled(true).export_logs("out", out.clone()).start().unwrap();
    emit(&p, 1);
    p.shutdown(LONG).unwrap();
    assert!(out.logs().is_empty());
}

#[test]
fn figures_of_logs_have_their_conventional_names() {
    use crate::metric::MeterRegistry;
    use crate::model::{MetricData, Scope, Timestamp};
    let registry = MeterRegistry::new(Arc::new(Resource::service("s")));
    let config = DestinationConfig { queue_records: 100, ..impatient() };
    let p = Pipeline::builder().export_logs_with("out", CaptureExporter::new(), config).start().unwrap();
    p.register_metrics(&registry.meter(Scope::named("mplp"))).unwrap();
    emit(&p, 3);
    p.flush(LONG).unwrap();
    let collected = registry.collect(Timestamp::from_unix_secs(1));
    let sum = |name: &str| {
        let metric = collected.scopes.iter().flat_map(|s| &s.metrics).find(|m| m.name == name);
        let Some(MetricData::Sum { points, .. }) = metric.map(|m| &m.data) else { panic!("no {name}") };
        points.iter().map(|p| p.value.as_f64()).sum::<f64>()
    };
    assert_eq!(sum("otel.sdk.log.created"), 3.0);
    assert_eq!(sum("otel.sdk.exporter.log.exported"), 3.0);
    // Of the pipeline's own thread, and of the queue.
    assert_eq!(sum("otel.sdk.processor.log.processed"), 6.0);
    assert_eq!(sum("otel.sdk.processor.log.queue.capacity"), 100.0);
    p.shutdown(LONG).unwrap();
}
