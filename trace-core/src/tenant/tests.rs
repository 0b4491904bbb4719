//! Whose spans they are, and what quotas do, in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::batch::SpanBatchMut;
use crate::metric::MeterRegistry;
use crate::model::{
    Alert, AlertId, AlertKind, AlertStatus, KeyValue, Resource, Scope, Severity, SpanContext, SpanData,
    SpanId, TenantId, Timestamp, TraceFlags, TraceId, ValueRef,
};
use crate::signal::{AlertSink, Rejected};

fn id(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

/// A span for each name; an empty name says nothing.
fn batch(names: &[&str]) -> SpanBatchMut {
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
    for name in names {
        let context = SpanContext::new(TraceId::from_random(7), SpanId::new(7).unwrap(), TraceFlags::SAMPLED);
        let at = Timestamp::from_unix_secs(1);
        let mut span = SpanData::new(context, "s".to_owned(), at, at);
        if !name.is_empty() {
            span.attributes.push(KeyValue::new("customer", (*name).to_owned()));
        }
        batch.push(span);
    }
    batch
}

fn tenants(batch: &SpanBatchMut) -> Vec<String> {
    let name = |s: crate::batch::SpanRef<'_>| {
        s.attribute(TenantId::ATTRIBUTE).and_then(ValueRef::as_str).unwrap_or("-").to_owned()
    };
    batch.iter().map(name).collect()
}

fn by_customer() -> TenantResolver {
    TenantResolver::new().span_attribute("customer")
}

fn account<'a>(ledger: &'a [TenantLedger], name: &str) -> &'a TenantLedger {
    ledger.iter().find(|t| t.tenant == name).unwrap()
}

const START: Duration = Duration::ZERO;

#[test]
fn the_span_wins_over_the_resource_and_the_resource_over_the_fixed_tenant() {
    let resolver = by_customer().resource_attribute("team").otherwise(id("fixed"));
    let mut b = batch(&["acme", "", "not valid!"]);
    resolver.stamp(&mut b);
    assert_eq!(tenants(&b), ["acme", "fixed", "fixed"]);
    let mut b = batch(&["acme", ""]);
    b.set_resource(Arc::new(Resource::new([KeyValue::new("team", "blue")])));
    resolver.stamp(&mut b);
    assert_eq!(tenants(&b), ["acme", "blue"]);
    let mut b = batch(&[""]);
    TenantResolver::new().stamp(&mut b);
    assert_eq!(tenants(&b), ["-"], "the default tenant is not written");
}

#[test]
fn a_tenant_that_was_proved_wins_over_what_spans_say() {
    let tenancy = Tenancy::builder(by_customer()).build();
    let mut b = batch(&["acme", ""]);
    b.set_attribute(0, KeyValue::new(TenantId::ATTRIBUTE, "acme"));
    assert_eq!(tenancy.admit(&mut b, Some(&id("proved"))), 0);
    assert_eq!(tenants(&b), ["proved", "proved"]);
    assert_eq!(account(&tenancy.ledger(), "proved").accepted, 2);
}

#[test]
fn a_tenant_over_its_quota_loses_its_own_spans_only() {
    let quota = Quota { spans_per_second: Some(10.0), ..Quota::default() };
    let tenancy = Tenancy::builder(by_customer()).quota(quota).build();
    let mut passed = 0;
    // A hundred times the quota for ten seconds, with a quiet neighbour in every batch.
    for second in 0..10 {
        let mut names = vec!["noisy"; 1_000];
        names.insert(500, "quiet");
        let mut b = batch(&names);
        tenancy.admit_at(&mut b, None, Duration::from_secs(second));
        passed += tenants(&b).iter().filter(|t| *t == "noisy").count();
        assert!(tenants(&b).contains(&"quiet".to_owned()));
    }
    assert_eq!(passed, 100);
    let ledger = tenancy.ledger();
    assert_eq!(
        account(&ledger, "quiet"),
        &TenantLedger { tenant: "quiet".into(), received: 10, accepted: 10, ..TenantLedger::default() }
    );
    let noisy = account(&ledger, "noisy");
    assert_eq!((noisy.received, noisy.accepted, noisy.dropped), (10_000, 100, 9_900));
    assert!(ledger.iter().all(TenantLedger::adds_up));
}

#[test]
fn a_tenant_may_have_a_quota_of_its_own_and_a_burst() {
    let tenancy = Tenancy::builder(by_customer())
        .quota(Quota { spans_per_second: Some(1.0), span_burst: Some(3), ..Quota::default() })
        .quota_of(id("big"), Quota::default())
        .quota_of(id("barred"), Quota { spans_per_second: Some(0.0), ..Quota::default() })
        .build();
    let mut b = batch(&["small", "big", "barred"].repeat(5));
    assert_eq!(tenancy.admit_at(&mut b, None, START), 2 + 5);
    let ledger = tenancy.ledger();
    let accepted = |name| account(&ledger, name).accepted;
    assert_eq!([accepted("small"), accepted("big"), accepted("barred")], [3, 5, 0]);
}

#[test]
fn the_table_is_bounded_and_late_tenants_share_an_account() {
    let quota = Quota { spans_per_second: Some(2.0), ..Quota::default() };
    let tenancy = Tenancy::builder(by_customer())
        .quota(quota)
        .quota_of(id("vip"), Quota::default())
        .max_tenants(2)
        .build();
    let mut b = batch(&["a", "b", "c", "d", "e", "vip"]);
    tenancy.admit_at(&mut b, None, START);
    let ledger = tenancy.ledger();
    let names: Vec<_> = ledger.iter().map(|t| t.tenant.as_str()).collect();
    assert_eq!(names, ["a", "b", "vip", "other"]);
    assert_eq!((account(&ledger, "other").accepted, account(&ledger, "other").dropped), (2, 1));
}

#[test]
fn series_over_the_quota_are_dropped_and_known_ones_stay() {
    let tenancy =
        Tenancy::builder(TenantResolver::new()).quota(Quota { series: Some(2), ..Quota::default() }).build();
    let registry = MeterRegistry::new(Arc::new(Resource::service("s")));
    let counter = registry.meter(Scope::named("m")).counter("c").build().unwrap();
    let add = |tenant: &'static str, path: u64| {
        counter.add(1, &[KeyValue::new(TenantId::ATTRIBUTE, tenant), KeyValue::new("path", path)]);
    };
    (0..5).for_each(|path| add("noisy", path));
    add("quiet", 0);
    let mut first = registry.collect(Timestamp::from_unix_secs(1));
    assert_eq!(tenancy.admit_points(&mut first), 3);
    assert_eq!(first.point_count(), 3);
    add("quiet", 1);
    let mut second = registry.collect(Timestamp::from_unix_secs(2));
    assert_eq!(tenancy.admit_points(&mut second), 3);
    assert_eq!(second.point_count(), 4, "both series of each");
    let ledger = tenancy.ledger();
    assert_eq!((account(&ledger, "noisy").series, account(&ledger, "noisy").points_dropped), (2, 6));
    assert_eq!((account(&ledger, "quiet").series, account(&ledger, "quiet").points_dropped), (2, 0));
}

#[test]
fn a_metric_without_points_left_is_left_out() {
    let tenancy =
        Tenancy::builder(TenantResolver::new()).quota(Quota { series: Some(0), ..Quota::default() }).build();
    let registry = MeterRegistry::new(Arc::new(Resource::service("s")));
    registry.meter(Scope::named("m")).histogram("h").build().unwrap().record(1.0, &[]);
    let mut batch = registry.collect(Timestamp::from_unix_secs(1));
    tenancy.admit_points(&mut batch);
    assert!(batch.scopes.iter().all(|s| s.metrics.is_empty()));
}

#[derive(Clone, Default)]
struct Raised(Arc<Mutex<Vec<Alert>>>);

impl AlertSink for Raised {
    fn raise(&self, alert: Alert) -> Result<AlertId, Rejected> {
        let id = alert.id;
        self.0.lock().unwrap().push(alert);
        Ok(id)
    }
}

fn alert(tenant: &str, status: AlertStatus) -> Alert {
    let mut alert =
        Alert::new(AlertKind::Custom("k".into()), Severity::High, "m", Timestamp::from_unix_secs(1));
    alert.tenant = id(tenant);
    alert.status = status;
    alert
}

#[test]
fn firing_alerts_over_the_quota_are_refused_and_ends_always_pass() {
    let tenancy = Tenancy::builder(TenantResolver::new())
        .quota(Quota { alerts_per_minute: Some(2), ..Quota::default() })
        .build();
    let raised = Raised::default();
    let sink = QuotaAlertSink::new(tenancy.clone(), raised.clone());
    for _ in 0..2 {
        sink.raise(alert("noisy", AlertStatus::Firing)).unwrap();
    }
    let refused = sink.raise(alert("noisy", AlertStatus::Firing)).unwrap_err();
    assert_eq!(refused, Rejected::OverQuota { tenant: id("noisy") });
    sink.raise(alert("noisy", AlertStatus::Resolved)).unwrap();
    sink.raise(alert("quiet", AlertStatus::Firing)).unwrap();
    assert_eq!(raised.0.lock().unwrap().len(), 4);
    assert_eq!(account(&tenancy.ledger(), "noisy").alerts_refused, 1);
    assert!(tenancy.admit_alert_at("noisy", Duration::from_secs(31)), "one more after half a minute");
    assert!(!tenancy.admit_alert_at("noisy", Duration::from_secs(31)));
}
