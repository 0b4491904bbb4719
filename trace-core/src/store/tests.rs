//! Tests of the stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::*;
use crate::batch::SpanBatch;
use crate::model::*;
use crate::signal::SpanExporter;

const T0: u64 = 1_756_900_000_000;

fn tenant() -> TenantId {
    TenantId::default()
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_nanos((T0 + ms) * 1_000_000)
}

fn trace_id(n: u64) -> TraceId {
    TraceId::new(u128::from(n)).unwrap()
}

fn span(trace: u64, id: u64, parent: u64, name: &'static str, ms: std::ops::Range<u64>) -> SpanData {
    let context = SpanContext::new(trace_id(trace), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
    let mut s = SpanData::new(context, name, at(ms.start), at(ms.end));
    s.parent_span_id = SpanId::new(parent);
    s
}

fn batch(service: &'static str, spans: impl IntoIterator<Item = SpanData>) -> SpanBatch {
    SpanBatch::from_spans(Arc::new(Resource::service(service)), spans)
}

fn named(operation: &str) -> SpanFilter {
    SpanFilter { operation: Some(operation.into()), ..Default::default() }
}

async fn search(store: &MemoryStore, query: SpanQuery) -> Vec<u128> {
    store.search(&tenant(), &query).await.unwrap().items.iter().map(|t| t.trace_id.to_u128()).collect()
}

#[tokio::test]
async fn a_trace_of_several_batches_and_services_is_read_back_whole() {
    let store = MemoryStore::default();
    let mut root = span(1, 1, 0, "POST /orders", 0..100);
    root.kind = SpanKind::Server;
    let mut child = span(1, 2, 1, "charge", 20..60);
    child.status = Status::Error("declined".into());
    store.export(&batch("payment", [child.clone()])).await.unwrap();
    store.export(&batch("shop", [root.clone(), child.clone()])).await.unwrap();

    let trace = store.trace(&tenant(), &trace_id(1)).await.unwrap().unwrap();
    assert_eq!(trace.spans.iter().map(|s| &s.span).collect::<Vec<_>>(), [&root, &child]);
    assert!(!trace.incomplete);
    let summary = trace.summary().unwrap();
    assert_eq!((summary.root_name.as_str(), summary.service.as_str()), ("POST /orders", "shop"));
    assert_eq!((summary.duration_ms, summary.span_count, summary.error_count), (100.0, 2, 1));
    assert_eq!(store.services(&tenant()).await.unwrap(), ["payment", "shop"]);
    assert_eq!(store.operations(&tenant(), "shop").await.unwrap(), ["POST /orders", "charge"]);
    assert!(store.trace(&tenant(), &trace_id(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_search_combines_its_conditions() {
    let store = MemoryStore::default();
    let mut failed = span(2, 1, 0, "b", 10..20);
    failed.status = Status::Error("".into());
    failed.kind = SpanKind::Server;
    store.insert(&batch("x", [span(1, 1, 0, "a", 0..50), failed]));
    store.insert(&batch("y", [span(3, 1, 0, "a", 20..25)]));
    let all = SpanQuery::default();
    assert_eq!(search(&store, all.clone()).await, [3, 2, 1]);
    assert_eq!(search(&store, SpanQuery { error_only: true, ..all.clone() }).await, [2]);
    assert_eq!(search(&store, SpanQuery { filter: named("a"), ..all.clone() }).await, [3, 1]);
    let one = SpanFilter { service: Some("x".into()), ..named("a") };
    let one = SpanQuery { filter: one, ..all.clone() };
    assert_eq!(search(&store, one).await, [1]);
    let none = SpanFilter { kind: Some(SpanKind::Server), ..named("a") };
    let none = SpanQuery { filter: none, ..all.clone() };
    assert!(search(&store, none).await.is_empty());
    let ms = Duration::from_millis;
    let middle = SpanQuery { min_duration: Some(ms(10)), max_duration: Some(ms(49)), ..all.clone() };
    assert_eq!(search(&store, middle).await, [2]);
    let range = TimeRange { start: at(10), end: at(20) };
    assert_eq!(search(&store, SpanQuery { range: Some(range), ..all }).await, [2]);
}

#[tokio::test]
async fn pages_cover_everything_once_and_foreign_cursors_are_refused() {
    let store = MemoryStore::default();
    store.insert(&batch("x", (1..=7).map(|n| span(n, 1, 0, "a", 0..n))));
    let mut query = SpanQuery { limit: 3, ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.search(&tenant(), &query).await.unwrap();
        seen.extend(page.items.iter().map(|t| t.trace_id.to_u128()));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
    query.cursor = Some("elsewhere".into());
    let error = store.search(&tenant(), &query).await.unwrap_err();
    assert!(matches!(error, ReadError::InvalidCursor(_)), "{error}");
    query.cursor = None;
    query.range = Some(TimeRange { start: at(5), end: at(1) });
    assert!(store.search(&tenant(), &query).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn the_byte_bound_holds_and_evictions_are_counted() {
    let max_bytes = 64 << 10;
    let store = MemoryStore::new(MemoryStoreConfig { max_bytes, ..Default::default() });
    for n in 1..=1000 {
        store.insert(&batch("x", [span(n, 1, 2, "child", n..n + 1), span(n, 2, 0, "root", n..n + 2)]));
        assert!(store.stats().bytes <= max_bytes);
    }
    let stats = store.stats();
    assert_eq!((stats.received_spans, stats.spans + stats.evicted_spans), (2000, 2000));
    assert!(stats.traces > 50 && stats.spans == 2 * stats.traces as u64, "{stats:?}");
    assert!(store.trace(&tenant(), &trace_id(1)).await.unwrap().is_none());
    assert!(store.trace(&tenant(), &trace_id(1000)).await.unwrap().is_some());

    let half = MemoryStore::new(MemoryStoreConfig { max_bytes: 1000, ..Default::default() });
    half.insert(&batch("a", [span(1, 1, 2, "child", 0..1)]));
    for n in 2..9 {
        half.insert(&batch("b", [span(1, n, 0, "more", 0..2)]));
    }
    assert!(half.trace(&tenant(), &trace_id(1)).await.unwrap().unwrap().incomplete);
    assert_eq!(half.services(&tenant()).await.unwrap(), ["b"], "names of evicted spans go with them");

    let tiny = MemoryStore::new(MemoryStoreConfig { max_bytes: 10, ..Default::default() });
    tiny.insert(&batch("a", [span(1, 1, 0, "a", 0..1)]));
    let stats = tiny.stats();
    assert_eq!((stats.traces, stats.bytes, stats.evicted_spans), (0, 0, 1));
}

#[tokio::test]
async fn old_batches_go_even_if_nothing_arrives() {
    let now = Arc::new(AtomicU64::new(0));
    let clock = now.clone();
    let store = MemoryStore::new(MemoryStoreConfig {
        max_age: Some(Duration::from_secs(60)),
        clock: Arc::new(move || Timestamp::from_unix_secs(1000 + clock.load(Relaxed))),
        ..Default::default()
    });
    store.insert(&batch("a", [span(1, 1, 0, "a", 0..1)]));
    now.store(60, Relaxed);
    assert_eq!(store.stats().traces, 1);
    now.store(61, Relaxed);
    assert!(store.services(&tenant()).await.unwrap().is_empty());
}

#[tokio::test]
async fn subscribers_hear_of_a_trace_when_its_local_root_ends() {
    let store = MemoryStore::default();
    let mut ended = store.subscribe();
    store.insert(&batch("a", [span(1, 2, 1, "child", 0..5)]));
    assert!(ended.try_recv().is_err());
    let mut root = span(1, 1, 77, "root", 0..9);
    root.parent_is_remote = true;
    store.insert(&batch("a", [root]));
    let summary = ended.try_recv().unwrap().trace;
    assert_eq!((summary.root_name.as_str(), summary.span_count), ("root", 2));
}

#[test]
fn a_stored_trace_is_camel_case_json() {
    let mut s = span(1, 2, 1, "n", 0..5);
    s.attributes = vec![KeyValue::new("k", 3)];
    let resource = Arc::new(Resource::service("a"));
    let trace = StoredTrace {
        trace_id: trace_id(1),
        spans: vec![StoredSpan { resource, span: s }],
        incomplete: false,
    };
    let json = serde_json::to_value(&trace).unwrap();
    assert_eq!(json["traceId"], "00000000000000000000000000000001");
    assert_eq!(json["spans"][0]["durationMs"], 5.0);
    assert_eq!(json["spans"][0]["attributes"]["k"], 3);
    assert_eq!(json["spans"][0]["parentSpanId"], "0000000000000001");
}

fn anomaly(n: u64, severity: Severity) -> Anomaly {
    Anomaly {
        id: AnomalyId(uuid::Uuid::from_u128(n.into())),
        tenant: TenantId::default(),
        detected_at: at(n),
        window: TimeRange { start: at(n), end: at(n + 1) },
        kind: AnomalyKind::ErrorSpike,
        severity,
        score: 1.0,
        confidence: 0.9,
        detector: "d".into(),
        series: "s/o".into(),
        affected: vec![],
        reason: "r".into(),
        exemplar: None,
        state: AnomalyState::Open,
    }
}

#[test]
fn anomalies_are_found_by_severity_range_and_state() {
    let log = AnomalyLog::default();
    let mut changes = log.subscribe();
    for (n, s) in [(10, Severity::Low), (20, Severity::High), (30, Severity::Critical)] {
        log.upsert(anomaly(n, s));
    }
    let found = |filter: &str, range: std::ops::Range<u64>, resolved| {
        let range = TimeRange { start: at(range.start), end: at(range.end) };
        let all = log.query(&tenant(), filter.parse().unwrap(), range, resolved);
        all.iter().map(|a| a.id.0.as_u128()).collect::<Vec<_>>()
    };
    assert_eq!(found("", 0..100, false), [30, 20, 10]);
    assert_eq!(found(">=high", 0..100, false), [30, 20]);
    let resolved = log.resolve(&tenant(), AnomalyId(uuid::Uuid::from_u128(20)), at(25)).unwrap();
    assert_eq!(resolved.state, AnomalyState::Resolved { at: at(25) });
    assert_eq!(found("", 0..100, false), [30, 10]);
    assert_eq!(found("", 0..100, true), [30, 20, 10]);
    assert_eq!(found("", 26..29, true), [10], "an open anomaly goes on; a resolved one ended before");
    assert!(log.resolve(&tenant(), AnomalyId(uuid::Uuid::from_u128(99)), at(1)).is_none());
    let heard = std::iter::from_fn(|| changes.try_recv().ok()).count();
    assert_eq!(heard, 4);
}

#[test]
fn what_a_person_said_of_an_anomaly_stays() {
    let log = AnomalyLog::new(2);
    let a = anomaly(1, Severity::Low);
    log.upsert(a.clone());
    assert_eq!(log.acknowledge(&tenant(), a.id).unwrap().state, AnomalyState::Acknowledged);
    let update = log.upsert(Anomaly { severity: Severity::High, ..a.clone() });
    assert_eq!((update.state, update.severity), (AnomalyState::Acknowledged, Severity::High));
    log.resolve(&tenant(), a.id, at(9));
    assert!(log.upsert(a.clone()).state.is_resolved());
    assert!(log.acknowledge(&tenant(), a.id).unwrap().state.is_resolved());

    log.upsert(anomaly(2, Severity::Low));
    log.upsert(anomaly(3, Severity::Low));
    assert!(log.get(&tenant(), a.id).is_none(), "the resolved one goes first");
    assert_eq!((log.evicted(), log.open_count()), (1, 2));
}

#[test]
fn samples_are_found_by_trace_and_time_within_their_bound() {
    let log = MetricSampleLog::new(4000);
    for n in 0..100 {
        log.push(&tenant(), trace_id(1 + n % 2), MetricSample::new("phase", at(n)).value("queue_depth", 1.0));
    }
    assert!(log.len() < 30 && !log.is_empty());
    assert_eq!(log.len() as u64 + log.evicted(), 100);
    assert!(log.of_trace(&tenant(), trace_id(1)).iter().all(|s| s.trace_id == trace_id(1)));
    let range = TimeRange { start: at(96), end: at(99) };
    assert_eq!(
        log.in_range(&tenant(), range, 2).iter().map(|s| s.sample.timestamp).collect::<Vec<_>>(),
        [at(97), at(98)]
    );
}

#[test]
fn a_sample_of_unknown_unit_is_refused() {
    let good = r#"{"metricType":"execution_start","timestamp":"2025-09-03T11:46:40Z","cpuUsagePercent":80,
        "memoryUsageMb":512,"customMetrics":{"workflow.complexity":3}}"#;
    let sample: MetricSample = serde_json::from_str(good).unwrap();
    assert_eq!(
        sample.values().map(|(n, _)| n).collect::<Vec<_>>(),
        ["cpu_usage_percent", "memory_usage_mb", "workflow.complexity"]
    );
    let bad = good.replace("cpuUsagePercent", "cpuUsage");
    assert!(serde_json::from_str::<MetricSample>(&bad).unwrap_err().to_string().contains("cpuUsage"));
}

fn of(owner: &str) -> TenantId {
    TenantId::new(owner).unwrap()
}

fn owned(owner: &str, mut span: SpanData) -> SpanData {
    span.attributes.push(KeyValue::new(TenantId::ATTRIBUTE, owner.to_owned()));
    span
}

#[tokio::test]
async fn no_query_reaches_what_belongs_to_another_tenant() {
    let store = MemoryStore::default();
    let mut ended = store.subscribe();
    // One batch with spans of two tenants in a trace of the same id.
    let (a, b) = (span(1, 1, 0, "a", 0..10), span(1, 2, 0, "b", 5..20));
    store.insert(&batch("x", [owned("acme", a.clone()), owned("globex", b), span(2, 3, 0, "c", 0..1)]));
    let spans = async |t: &TenantId| {
        let trace = store.trace(t, &trace_id(1)).await.unwrap();
        trace.map(|t| t.spans.iter().map(|s| s.span.name.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(spans(&of("acme")).await, Some(vec!["a".to_owned()]));
    assert_eq!(spans(&of("globex")).await, Some(vec!["b".to_owned()]));
    assert_eq!((spans(&tenant()).await, spans(&of("nobody")).await), (None, None));
    let found = store.search(&of("acme"), &SpanQuery::default()).await.unwrap().items;
    assert_eq!((found.len(), found[0].root_name.as_str(), found[0].span_count), (1, "a", 1));
    assert_eq!(store.operations(&of("acme"), "x").await.unwrap(), ["a"]);
    assert!(store.services(&of("nobody")).await.unwrap().is_empty());
    let cursor = SpanQuery { cursor: Some("elsewhere".into()), ..Default::default() };
    assert!(store.search(&of("nobody"), &cursor).await.is_err(), "as any store answers");
    let told: Vec<_> = std::iter::from_fn(|| ended.try_recv().ok()).collect();
    let told: Vec<_> = told.iter().map(|e| (e.tenant.as_str(), e.trace.root_name.as_str())).collect();
    assert_eq!(told, [("acme", "a"), ("globex", "b"), ("default", "c")]);
    let stats = store.stats();
    assert_eq!((stats.tenants, stats.spans, store.tenant_stats(&of("acme")).spans), (3, 3, 1));
}

#[tokio::test]
async fn a_noisy_tenant_cannot_evict_a_quiet_one_below_its_fair_share() {
    let max_bytes = 256 << 10;
    let store = MemoryStore::new(MemoryStoreConfig { max_bytes, ..Default::default() });
    for n in 1..=20 {
        store.insert(&batch("q", [owned("quiet", span(n, 1, 0, "q", n..n + 1))]));
    }
    assert!(store.tenant_stats(&of("quiet")).bytes < max_bytes / 2);
    for n in 1..=5000 {
        store.insert(&batch("n", [owned("noisy", span(n, 1, 0, "n", n..n + 1))]));
        assert!(store.stats().bytes <= max_bytes);
    }
    assert_eq!(
        (store.tenant_stats(&of("quiet")).spans, store.tenant_stats(&of("quiet")).evicted_spans),
        (20, 0)
    );
    assert!(store.tenant_stats(&of("noisy")).evicted_spans > 4000);
    let stats = store.stats();
    assert_eq!((stats.received_spans, stats.spans + stats.evicted_spans), (5020, 5020));
}

#[tokio::test]
async fn tenants_past_the_limit_have_no_room_until_one_falls_silent() {
    let now = Arc::new(AtomicU64::new(0));
    let clock = now.clone();
    let store = MemoryStore::new(MemoryStoreConfig {
        max_tenants: 2,
        clock: Arc::new(move || Timestamp::from_unix_secs(1000 + clock.load(Relaxed))),
        ..Default::default()
    });
    let add = |owner: &str| store.insert(&batch("x", [owned(owner, span(1, 1, 0, "n", 0..1))]));
    ["a", "b", "c"].into_iter().for_each(add);
    assert_eq!((store.stats().tenants, store.tenant_stats(&of("c")).spans), (2, 0));
    now.store(600, Relaxed);
    add("c");
    let stats = store.stats();
    assert_eq!((stats.tenants, store.tenant_stats(&of("c")).spans), (2, 1));
    assert_eq!((stats.received_spans, stats.spans + stats.evicted_spans), (4, 4));
}

#[test]
fn anomalies_and_samples_belong_to_one_tenant_and_are_let_go_fairly() {
    let log = AnomalyLog::new(10);
    let all = TimeRange { start: at(0), end: at(1000) };
    let of_tenant = |n: u64, t: &TenantId| Anomaly { tenant: t.clone(), ..anomaly(n, Severity::Low) };
    let (noisy, quiet) = (of("noisy"), of("quiet"));
    log.upsert(of_tenant(1, &quiet));
    (2..100).for_each(|n| drop(log.upsert(of_tenant(n, &noisy))));
    let count = |t: &TenantId| log.query(t, SeverityFilter::default(), all, true).len();
    assert_eq!((count(&quiet), count(&noisy), count(&tenant())), (1, 9, 0));
    let id = AnomalyId(uuid::Uuid::from_u128(1));
    assert!(log.get(&noisy, id).is_none() && log.resolve(&noisy, id, at(5)).is_none());
    assert!(log.acknowledge(&noisy, id).is_none());
    assert_eq!(log.get(&quiet, id).unwrap().state, AnomalyState::Open);

    let samples = MetricSampleLog::new(4000);
    let sample = |n| MetricSample::new("p", at(n)).value("depth", 1.0);
    samples.push(&quiet, trace_id(1), sample(1));
    (2..200).for_each(|n| samples.push(&noisy, trace_id(1), sample(n)));
    assert_eq!(samples.of_trace(&quiet, trace_id(1)).len(), 1);
    assert!(samples.of_trace(&noisy, trace_id(1)).iter().all(|s| s.sample.timestamp > at(1)));
    assert!(samples.in_range(&tenant(), all, 10).is_empty() && samples.evicted() > 150);
}

#[tokio::test]
async fn the_memory_store_stands_what_every_store_must() {
    let store = MemoryStore::default();
    crate::testing::span_store(&store, crate::testing::Fidelity::Exact).await;
}
