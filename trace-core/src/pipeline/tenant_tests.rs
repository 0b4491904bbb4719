//! What one tenant cannot do to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::batch::SpanBatch;
use crate::model::{KeyValue, TenantId};
use crate::signal::{ExportError, SpanExporter};
use crate::tenant::{Quota, Tenancy, TenantLedger, TenantResolver};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

fn tenancy(quota: Quota) -> Arc<Tenancy> {
    Tenancy::builder(TenantResolver::new().span_attribute("customer"))
        .quota(quota)
        .quota_of(TenantId::new("quiet").unwrap(), Quota::default())
        .build()
}

fn record(p: &Pipeline, tenant: &'static str, n: usize) {
    (0..n).for_each(|_| p.recorder().span("s").attribute("customer", tenant).start().end());
}

fn of(out: &CaptureExporter, tenant: &'static str) -> usize {
    let own = KeyValue::new("customer", tenant);
    out.spans().iter().filter(|s| s.attributes.contains(&own)).count()
}

fn at_once() -> DestinationConfig {
    DestinationConfig { max_delay: Duration::ZERO, ..DestinationConfig::default() }
}

#[test]
fn a_tenant_at_a_hundred_times_its_quota_costs_a_quiet_one_nothing() {
    let out = CaptureExporter::new();
    // No time to fill up again: the burst is all there is.
    let quota = Quota { spans_per_second: Some(1e-9), span_burst: Some(50), ..Quota::default() };
    let p = Pipeline::builder()
        .tenants(tenancy(quota))
        .export_spans_with("out", out.clone(), at_once())
        .start()
        .unwrap();
    for _ in 0..50 {
        record(&p, "noisy", 100);
        record(&p, "quiet", 10);
    }
    let ledger = p.shutdown(LONG).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((of(&out, "noisy"), of(&out, "quiet")), (50, 500));
    assert_eq!((ledger.received, ledger.delivered, ledger.dropped["quota"]), (5_500, 550, 4_950));
    let noisy = ledger.tenants.iter().find(|t| t.tenant == "noisy").unwrap();
    assert_eq!((noisy.received, noisy.accepted, noisy.dropped), (5_000, 50, 4_950));
    let text = DeliveryReport { ledger }.to_string();
    assert!(text.contains("tenant noisy"), "{text}");
}

/// Refuses for as long as it is closed.
struct Gate(Arc<AtomicBool>, CaptureExporter);

#[async_trait]
impl SpanExporter for Gate {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        if !self.0.load(Ordering::SeqCst) {
            return Err(ExportError::retryable("closed"));
        }
        SpanExporter::export(&self.1, batch).await
    }
}

#[test]
fn a_noisy_tenant_cannot_fill_the_queue_of_a_quiet_one() {
    let (open, out) = (Arc::new(AtomicBool::new(false)), CaptureExporter::new());
    let config = DestinationConfig { queue_bytes: 100_000, ..at_once() };
    let p = Pipeline::builder()
        .tenants(tenancy(Quota::default()))
        .export_spans_with("slow", Gate(open.clone(), out.clone()), config)
        .start()
        .unwrap();
    let pass = || p.flush(Duration::from_millis(20)).unwrap_err();
    for _ in 0..20 {
        record(&p, "noisy", 200);
        pass();
    }
    let full = p.ledger();
    assert!(full.destinations[0].dropped["queue_full"] > 0, "{full:?}");
    for _ in 0..5 {
        record(&p, "quiet", 20);
        record(&p, "noisy", 200);
        pass();
    }
    open.store(true, Ordering::SeqCst);
    let ledger = p.shutdown(LONG).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(of(&out, "quiet"), 100, "{ledger:?}");
    let lost = |name: &str| ledger.tenants.iter().find(|t| t.tenant == name).map(|t| t.queue_lost);
    assert_eq!(lost("quiet"), Some(0));
    assert_eq!(lost("noisy"), Some(ledger.destinations[0].dropped["queue_full"]));
}

#[test]
fn spans_of_many_tenants_in_one_batch_leave_together() {
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .tenants(tenancy(Quota::default()))
        .export_spans("out", out.clone())
        .start()
        .unwrap();
    for _ in 0..10 {
        ["a", "b", "c"].into_iter().for_each(|t| record(&p, t, 1));
    }
    p.flush(LONG).unwrap();
    assert_eq!(out.batch_sizes().iter().sum::<usize>(), 30);
    assert!(out.batch_sizes().len() <= 3, "{:?}", out.batch_sizes());
    assert_eq!(p.ledger().tenants.iter().map(TenantLedger::adds_up).filter(|ok| *ok).count(), 3);
}

#[test]
fn metrics_pass_the_quota_on_series() {
    use crate::model::{Resource, Scope, Timestamp};
    let registry = crate::metric::MeterRegistry::new(Arc::new(Resource::service("s")));
    let counter = registry.meter(Scope::named("m")).counter("c").build().unwrap();
    (0..5u64).for_each(|i| counter.add(1, &[KeyValue::new("path", i)]));
    let out = CaptureExporter::new();
    let p = Pipeline::builder()
        .tenants(tenancy(Quota { series: Some(2), ..Quota::default() }))
        .collect_metrics(LONG, move || registry.collect(Timestamp::from_unix_secs(1)))
        .export_metrics("out", out.clone())
        .start()
        .unwrap();
    p.flush(LONG).unwrap();
    assert_eq!(out.metrics()[0].point_count(), 2);
    assert_eq!(p.ledger().tenants[0].points_dropped, 3);
}
