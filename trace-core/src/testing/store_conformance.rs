//! What every store of spans must stand: cases to run against your own.
#![allow(clippy::expect_used, reason = "a case that fails panics with its name")]

use std::sync::Arc;
use std::time::Duration;

use super::conformance::every_field;
use crate::batch::{SpanBatch, StatusCode};
use crate::model::{
    KeyValue, Resource, SpanContext, SpanData, SpanId, SpanKind, Status, TenantId, TimeRange, Timestamp,
    TraceFlags, TraceId,
};
use crate::signal::SpanExporter;
use crate::store::{AttributeCondition, AttributeTest, SpanFilter, SpanQuery, SpanReader};

/// How a store keeps the values of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fidelity {
    /// As they were.
    Exact,
    /// As texts, in the order of their names. All other fields as they were, but for dropped counts, flags, whether the
    /// parent is remote, what a scope has beyond name and version, and an end before the start.
    TextValues,
}

const T0: u64 = 1_760_000_000_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_nanos((T0 + ms) * 1_000_000)
}

fn trace(n: u64) -> TraceId {
    // Different in the upper bits too, as ids of real traces are.
    TraceId::new(u128::from(n) << 64 | u128::from(n)).unwrap_or(TraceId::MIN)
}

fn span(n: u64, id: u64, parent: u64, name: &'static str, ms: std::ops::Range<u64>) -> SpanData {
    let id = SpanId::new(id).unwrap_or(SpanId::MAX);
    let context = SpanContext::new(trace(n), id, TraceFlags::SAMPLED);
    let mut span = SpanData::new(context, name, at(ms.start), at(ms.end));
    span.parent_span_id = SpanId::new(parent);
    span
}

fn batch(service: &'static str, spans: impl IntoIterator<Item = SpanData>) -> SpanBatch {
    SpanBatch::from_spans(Arc::new(Resource::service(service)), spans)
}

/// The world of the search cases: seven traces of two services, one of another tenant.
fn world() -> Vec<SpanBatch> {
    let mut failed = span(2, 21, 0, "pay", 1_000..1_020);
    failed.status = Status::Error("declined".into());
    failed.kind = SpanKind::Server;
    failed.attributes =
        vec![KeyValue::new("http.response.status_code", 402), KeyValue::new("card", "vi<s>a'\"\\")];
    let mut ok = span(3, 31, 0, "pay", 2_000..2_500);
    ok.status = Status::Ok;
    ok.kind = SpanKind::Client;
    ok.attributes = vec![KeyValue::new("amount", 12.5), KeyValue::new("http.response.status_code", 200)];
    let mut foreign = span(9, 91, 0, "secret", 3_000..3_001);
    foreign.attributes = vec![KeyValue::new(TenantId::ATTRIBUTE, "globex")];
    let resource =
        Resource::new([KeyValue::new("service.name", "shop"), KeyValue::new("deployment.region", "eu-1")]);
    let shop = [span(1, 12, 11, "load", 10..40), span(1, 11, 0, "GET /", 0..50), failed];
    vec![
        SpanBatch::from_spans(Arc::new(resource), shop),
        batch("bank", [ok, span(1, 13, 11, "quote", 20..30), foreign]),
        batch("bank", (4..8).map(|n| span(n, n * 10, 0, "tick", n * 1_000..n * 1_000 + n))),
    ]
}

fn named(operation: &str) -> SpanFilter {
    SpanFilter { operation: Some(operation.into()), ..SpanFilter::default() }
}

fn having(key: &str, test: AttributeTest) -> SpanFilter {
    let attributes = vec![AttributeCondition { key: key.into(), test }];
    SpanFilter { attributes, ..SpanFilter::default() }
}

/// Runs the cases that every store of spans must pass, against one that is empty. What was exported and flushed can be
/// read.
///
/// # Panics
/// With the name of the case that failed.
pub async fn span_store<S: SpanExporter + SpanReader>(store: &S, fidelity: Fidelity) {
    every_field_is_read_back(store, fidelity).await;
    for batch in world() {
        // Twice, as after a lost answer.
        for _ in 0..2 {
            SpanExporter::export(store, &batch).await.expect("the world must be taken");
        }
    }
    store.flush().await.expect("a flush must succeed");
    reading_by_id(store).await;
    every_condition(store).await;
    pages(store).await;
    names(store).await;
    durations(store).await;
}

async fn every_field_is_read_back(store: &(impl SpanExporter + SpanReader), fidelity: Fidelity) {
    let batch = every_field();
    store.export(&batch).await.expect("every field must be taken");
    store.flush().await.expect("a flush must succeed");
    let tenant = TenantId::default();
    let id = batch.get(0).map_or(TraceId::MIN, |s| s.trace_id());
    let read =
        store.trace(&tenant, &id).await.expect("a trace must be read").expect("the trace must be there");
    assert_eq!(read.spans.len(), batch.len(), "every field: each span once");
    for was in batch.iter() {
        let found = read.spans.iter().find(|s| s.span.context.span_id == was.span_id());
        let found = found.unwrap_or_else(|| panic!("every field: span {} is missing", was.span_id()));
        let (is, was) = (comparable(found.span.clone(), fidelity), comparable(was.to_span_data(), fidelity));
        // By text, because NaN is unlike itself.
        assert_eq!(
            format!("{is:#?}"),
            format!("{was:#?}"),
            "every field: a span must be read back as it was"
        );
        assert_eq!(found.resource.service_name(), "conformance", "every field: the resource");
    }
}

/// What the fidelity lets differ, made equal.
fn comparable(mut span: SpanData, fidelity: Fidelity) -> SpanData {
    if fidelity == Fidelity::TextValues {
        let of_events = span.events.iter_mut().flat_map(|e| &mut e.attributes);
        let of_links = span.links.iter_mut().flat_map(|l| &mut l.attributes);
        for attribute in span.attributes.iter_mut().chain(of_events).chain(of_links) {
            attribute.value = attribute.value.to_string().into();
        }
        span.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        for event in &mut span.events {
            event.attributes.sort_by(|a, b| a.key.cmp(&b.key));
            event.dropped_attributes = 0;
        }
        for link in &mut span.links {
            link.attributes.sort_by(|a, b| a.key.cmp(&b.key));
            link.dropped_attributes = 0;
            link.context.flags = TraceFlags::default();
        }
        (span.dropped_attributes, span.dropped_events, span.dropped_links) = (0, 0, 0);
        (span.parent_is_remote, span.context.flags, span.end) =
            (false, TraceFlags::default(), span.end.max(span.start));
        let (name, version) = (span.scope.name.clone(), span.scope.version.clone());
        span.scope = Arc::new(crate::model::Scope { version, ..crate::model::Scope::named(name) });
    }
    span
}

async fn reading_by_id(store: &(impl SpanExporter + SpanReader)) {
    let tenant = TenantId::default();
    let read =
        store.trace(&tenant, &trace(1)).await.expect("a trace must be read").expect("it must be there");
    let ids: Vec<u64> = read.spans.iter().map(|s| s.span.context.span_id.to_u64()).collect();
    assert_eq!(ids, [11, 12, 13], "by id: spans of two services by start, each once");
    let summary = read.summary().expect("a trace with spans has a summary");
    assert_eq!((&*summary.root_name, &*summary.service, summary.duration_ms), ("GET /", "shop", 50.0));
    assert!(store.trace(&tenant, &trace(99)).await.expect("an answer").is_none(), "by id: an unknown trace");
    let foreign = store.trace(&tenant, &trace(9)).await.expect("an answer");
    assert!(foreign.is_none(), "by id: a trace of another tenant");
    let owner = TenantId::new("globex").unwrap_or_default();
    let own = store.trace(&owner, &trace(9)).await.expect("an answer").expect("the owner must see it");
    assert_eq!(own.spans.len(), 1, "by id: the owner's trace");
}

async fn found(store: &(impl SpanExporter + SpanReader), case: &str, query: SpanQuery) -> Vec<u64> {
    // Not the trace of `every_field`, which started at the same second.
    let range = query.range.or(Some(TimeRange { start: at(0), end: at(100_000) }));
    let query = SpanQuery { range, ..query };
    let page = store.search(&TenantId::default(), &query).await;
    let page = page.unwrap_or_else(|e| panic!("{case} must be answered, but: {e}"));
    let number = |id: TraceId| id.to_u128() as u64;
    page.items.iter().map(|t| number(t.trace_id)).filter(|n| *n < 100).collect()
}

async fn every_condition(store: &(impl SpanExporter + SpanReader)) {
    let filters: Vec<(&str, SpanFilter, &[u64])> = vec![
        ("nothing asked", SpanFilter::default(), &[7, 6, 5, 4, 3, 2, 1]),
        ("a service", SpanFilter { service: Some("shop".into()), ..Default::default() }, &[2, 1]),
        (
            "a service within a trace",
            SpanFilter { service: Some("bank".into()), ..Default::default() },
            &[7, 6, 5, 4, 3, 1],
        ),
        ("an unknown service", SpanFilter { service: Some("x".into()), ..Default::default() }, &[]),
        ("an operation", named("pay"), &[3, 2]),
        ("an operation of a service", SpanFilter { service: Some("shop".into()), ..named("pay") }, &[2]),
        ("conditions of two spans", SpanFilter { service: Some("shop".into()), ..named("quote") }, &[]),
        ("another tenant's operation", named("secret"), &[]),
        ("a kind", SpanFilter { kind: Some(SpanKind::Server), ..Default::default() }, &[2]),
        ("ok", SpanFilter { status: Some(StatusCode::Ok), ..Default::default() }, &[3]),
        ("failed", SpanFilter { status: Some(StatusCode::Error), ..Default::default() }, &[2]),
        ("unset", SpanFilter { status: Some(StatusCode::Unset), ..named("load") }, &[1]),
        (
            "a number by its text",
            having("http.response.status_code", AttributeTest::Equals("402".into())),
            &[2],
        ),
        ("a text with quotes", having("card", AttributeTest::Equals("vi<s>a'\"\\".into())), &[2]),
        ("any value", having("http.response.status_code", AttributeTest::Exists), &[3, 2]),
        ("at least", having("amount", AttributeTest::AtLeast(12.5)), &[3]),
        ("more than there is", having("amount", AttributeTest::AtLeast(12.6)), &[]),
        ("at most", having("http.response.status_code", AttributeTest::AtMost(300.0)), &[3]),
        (
            "a resource's attribute",
            having("deployment.region", AttributeTest::Equals("eu-1".into())),
            &[2, 1],
        ),
        ("an unknown attribute", having("no.such", AttributeTest::Exists), &[]),
    ];
    for (case, filter, expected) in filters {
        let got = found(store, case, SpanQuery { filter, ..SpanQuery::default() }).await;
        assert_eq!(got, expected, "search: {case}");
    }
    let ms = Duration::from_millis;
    let all = SpanQuery::default();
    let between = TimeRange { start: at(1_000), end: at(4_000) };
    let queries: Vec<(&str, SpanQuery, &[u64])> = vec![
        ("errors only", SpanQuery { error_only: true, ..all.clone() }, &[2]),
        ("long ones", SpanQuery { min_duration: Some(ms(50)), ..all.clone() }, &[3, 1]),
        ("short ones", SpanQuery { max_duration: Some(ms(5)), ..all.clone() }, &[5, 4]),
        (
            "a range, with its start and without its end",
            SpanQuery { range: Some(between), ..all.clone() },
            &[3, 2],
        ),
        ("an empty range", SpanQuery { range: Some(TimeRange { start: at(9), end: at(9) }), ..all }, &[]),
    ];
    for (case, query, expected) in queries {
        assert_eq!(found(store, case, query).await, expected, "search: {case}");
    }
}

async fn pages(store: &(impl SpanExporter + SpanReader)) {
    let tenant = TenantId::default();
    for limit in 1..4 {
        let range = Some(TimeRange { start: at(1), end: at(100_000) });
        let mut query = SpanQuery { limit, range, ..SpanQuery::default() };
        let mut seen = Vec::new();
        for _ in 0..20 {
            let page = store.search(&tenant, &query).await.expect("a page must be answered");
            assert!(page.items.len() <= limit, "pages: no more than asked for");
            seen.extend(page.items.iter().map(|t| t.trace_id.to_u128() as u64));
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2], "pages of {limit}: each once, the latest start first");
    }
    let foreign = SpanQuery { cursor: Some("elsewhere".into()), ..SpanQuery::default() };
    let error = store.search(&tenant, &foreign).await.expect_err("a foreign cursor must be refused");
    assert!(
        matches!(error, crate::store::ReadError::InvalidCursor(_)),
        "pages: a foreign cursor, but: {error}"
    );
}

async fn names(store: &(impl SpanExporter + SpanReader)) {
    let tenant = TenantId::default();
    let services = store.services(&tenant).await.expect("services must be answered");
    assert_eq!(services, ["bank", "conformance", "shop"], "services");
    let operations = store.operations(&tenant, "bank").await.expect("operations must be answered");
    assert_eq!(operations, ["pay", "quote", "tick"], "operations");
    assert!(store.operations(&tenant, "x").await.expect("an answer").is_empty(), "operations of nobody");
    let nobody = TenantId::new("nobody").unwrap_or_default();
    assert!(
        store.services(&nobody).await.expect("an answer").is_empty(),
        "services of a tenant without spans"
    );
}

async fn durations(store: &(impl SpanExporter + SpanReader)) {
    let tenant = TenantId::default();
    let range = Some(TimeRange { start: at(0), end: at(100_000) });
    let ticks = store.durations(&tenant, &named("tick"), range).await.expect("durations must be answered");
    assert_eq!((ticks.milliseconds.count(), ticks.errors), (4, 0), "durations: each span once");
    for (q, exact) in [(0.0, 4.0), (1.0, 7.0)] {
        let got = ticks.milliseconds.quantile(q).unwrap_or(f64::NAN);
        assert!((got / exact - 1.0).abs() <= 0.011, "durations: quantile {q} is {got}, not {exact}");
    }
    let part = Some(TimeRange { start: at(0), end: at(2_000) });
    let paid = store.durations(&tenant, &named("pay"), part).await.expect("durations must be answered");
    assert_eq!((paid.milliseconds.count(), paid.errors), (1, 1), "durations: the range is by start");
    let none = store.durations(&tenant, &named("secret"), range).await.expect("durations must be answered");
    assert_eq!(none.milliseconds.count(), 0, "durations: nothing of another tenant");
}
