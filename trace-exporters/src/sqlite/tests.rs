//! The store against the one in memory: every answer must be the same, however the postings lie.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use trace_core::batch::{SpanBatch, StatusCode};
use trace_core::model::{
    KeyValue, Resource, SpanContext, SpanData, SpanId, SpanKind, Status, TenantId, TimeRange, Timestamp,
    TraceFlags, TraceId,
};
use trace_core::signal::SpanExporter;
use trace_core::store::{
    AttributeCondition, AttributeTest, MemoryStore, MemoryStoreConfig, SpanFilter, SpanQuery, SpanReader,
};

use super::{SqliteConfig, SqliteStore};

/// Half an hour before a new hour.
const START: u64 = 1_760_000_400_000 - 1_800_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_nanos((START + ms) * 1_000_000)
}

fn trace_id(n: u64) -> TraceId {
    TraceId::new(u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(n + 1))
        .unwrap_or(TraceId::MIN)
}

/// What varies in a span.
#[derive(Clone, Debug)]
struct Shape {
    trace: u64,
    /// After the start of its trace.
    after: u64,
    took: u64,
    rooted: bool,
    kind: usize,
    user: u64,
    failed: bool,
}

fn shapes(traces: u64) -> impl Strategy<Value = Vec<Shape>> {
    let shape = (0..traces, 0..50_000_u64, 0..3_000_u64, any::<bool>(), 0..3_usize, 0..40_u64, 0..10_u8)
        .prop_map(|(trace, after, took, rooted, kind, user, failed)| Shape {
            trace,
            after,
            took,
            rooted,
            kind,
            user,
            failed: failed == 0,
        });
    prop::collection::vec(shape, 200..1500)
}

fn span(number: u64, shape: &Shape, first_of_trace: bool) -> SpanData {
    let id = |n: u64| SpanId::new(n + 1).unwrap_or(SpanId::MAX);
    let context = SpanContext::new(trace_id(shape.trace), id(number), TraceFlags::SAMPLED);
    // Traces begin all over two hours; a few at the same moment.
    let begin = shape.trace / 2 * 7_900_000 / 60;
    let root = first_of_trace && shape.rooted;
    let start = begin + if root { 0 } else { shape.after };
    let name = ["load", "store", "GET /"][shape.kind];
    let mut span = SpanData::new(context, name, at(start), at(start + shape.took));
    span.parent_span_id = (!root).then(|| id(1_000_000));
    span.kind = [SpanKind::Internal, SpanKind::Client, SpanKind::Server][shape.kind];
    span.status = if shape.failed { Status::Error("no".into()) } else { Status::Unset };
    span.attributes =
        vec![KeyValue::new("user", shape.user as i64), KeyValue::new("free", format!("x{}", shape.user % 3))];
    span
}

/// Batches of several services, in an order that is not that of time.
fn batches(shapes: &[Shape]) -> Vec<SpanBatch> {
    let resources: Vec<_> = ["shop", "bank", "post"].map(|s| Arc::new(Resource::service(s))).to_vec();
    let mut seen = std::collections::HashSet::new();
    let spans: Vec<SpanData> =
        shapes.iter().zip(0..).map(|(shape, n)| span(n, shape, seen.insert(shape.trace))).collect();
    spans
        .chunks(97)
        .enumerate()
        .map(|(i, spans)| SpanBatch::from_spans(resources[i % 3].clone(), spans.to_vec()))
        .collect()
}

fn queries(shapes: &[Shape]) -> Vec<SpanQuery> {
    let user = shapes.first().map_or(0, |s| s.user).to_string();
    let equals = |key: &str, text: &str| AttributeCondition::equals(key, text);
    let above = AttributeCondition { key: "user".into(), test: AttributeTest::AtLeast(35.0) };
    let with = |attributes: Vec<AttributeCondition>| SpanFilter { attributes, ..SpanFilter::default() };
    let filters = [
        SpanFilter::default(),
        SpanFilter { service: Some("shop".into()), ..SpanFilter::default() },
        SpanFilter { operation: Some("load".into()), service: Some("bank".into()), ..SpanFilter::default() },
        SpanFilter { kind: Some(SpanKind::Server), ..SpanFilter::default() },
        SpanFilter { status: Some(StatusCode::Error), ..SpanFilter::default() },
        with(vec![equals("user", &user)]),
        with(vec![equals("free", "x1"), equals("user", &user)]),
        with(vec![above]),
        with(vec![equals("user", "no such")]),
    ];
    let range = |from: u64, to: u64| Some(TimeRange { start: at(from), end: at(to) });
    let ms = |n| Some(Duration::from_millis(n));
    let mut queries = Vec::new();
    for filter in filters {
        let plain = SpanQuery { filter, limit: 7, ..SpanQuery::default() };
        queries.push(plain.clone());
        queries.push(SpanQuery { range: range(1_000_000, 2_500_000), ..plain.clone() });
        queries.push(SpanQuery { min_duration: ms(1_500), error_only: true, ..plain.clone() });
        queries.push(SpanQuery {
            max_duration: ms(2_000),
            range: range(1_700_000, 9_000_000),
            limit: 1000,
            ..plain
        });
    }
    queries
}

/// Start, id and counts of all pages.
async fn all_pages(store: &impl SpanReader, query: &SpanQuery) -> Vec<String> {
    let mut query = query.clone();
    let mut found = Vec::new();
    for _ in 0..10_000 {
        let page = store.search(&TenantId::default(), &query).await.unwrap();
        assert!(page.items.len() <= query.page_size());
        found.extend(page.items.iter().map(|t| format!("{t:?}")));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            return found;
        }
    }
    panic!("pages without end");
}

async fn compare(directory: &Path, shapes: &[Shape], reopen: bool) {
    let memory =
        MemoryStore::new(MemoryStoreConfig { max_bytes: usize::MAX, ..MemoryStoreConfig::default() });
    let config = SqliteConfig::new(directory).retention_hours(0).max_bytes(0).indexed_attributes(["user"]);
    let mut store = SqliteStore::open(config.clone()).unwrap();
    for batch in batches(shapes) {
        memory.insert(&batch);
        store.export(&batch).await.unwrap();
    }
    if reopen {
        drop(store);
        store = SqliteStore::open(config).unwrap();
    }
    assert_eq!(store.stats().spans, shapes.len() as u64);
    for query in queries(shapes) {
        assert_eq!(all_pages(&store, &query).await, all_pages(&memory, &query).await, "{query:?}");
        let tenant = TenantId::default();
        let ours = store.durations(&tenant, &query.filter, query.range).await.unwrap();
        let theirs = memory.durations(&tenant, &query.filter, query.range).await.unwrap();
        // All but the sum, which depends on the order of adding.
        let told = |d: &trace_core::store::Durations| {
            let (m, q) = (&d.milliseconds, [0.0, 0.1, 0.5, 0.9, 0.99, 1.0]);
            (m.count(), m.weight(), m.min(), m.max(), q.map(|q| m.quantile(q)), d.errors)
        };
        assert_eq!(told(&ours), told(&theirs), "{query:?}");
        assert!((ours.milliseconds.sum() - theirs.milliseconds.sum()).abs() < 1e-6, "{query:?}");
    }
    for minutes in 0..60 {
        let filter = SpanFilter { operation: Some("load".into()), ..SpanFilter::default() };
        let range = TimeRange { start: at(minutes * 60_000), end: at((minutes + 7) * 60_000 + 1) };
        let (tenant, range) = (TenantId::default(), Some(range));
        let ours = store.durations(&tenant, &filter, range).await.unwrap();
        let theirs = memory.durations(&tenant, &filter, range).await.unwrap();
        assert_eq!(ours.milliseconds.quantiles(), theirs.milliseconds.quantiles(), "{range:?}");
        assert_eq!((ours.milliseconds.count(), ours.errors), (theirs.milliseconds.count(), theirs.errors));
    }
    for n in 0..60 {
        let key = |t: trace_core::store::StoredTrace| {
            let mut spans: Vec<String> = t.spans.iter().map(|s| format!("{s:?}")).collect();
            spans.sort();
            spans
        };
        let (ours, theirs) = (
            store.trace(&TenantId::default(), &trace_id(n)).await.unwrap(),
            memory.trace(&TenantId::default(), &trace_id(n)).await.unwrap(),
        );
        assert_eq!(ours.map(key), theirs.map(key));
    }
}

#[test]
fn it_answers_as_the_store_in_memory_does_however_often_postings_were_merged() {
    let mut runner = TestRunner::new(Config {
        cases: 6,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&(shapes(60), any::<bool>()), |(shapes, reopen)| {
        let directory = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(compare(directory.path(), &shapes, reopen));
        Ok(())
    });
    result.unwrap();
}

#[tokio::test]
async fn segments_are_merged_and_found_in() {
    // A segment every 128 spans in tests, so that sixteen of them are merged three times.
    let directory = tempfile::tempdir().unwrap();
    let shapes: Vec<Shape> = (0..6500)
        .map(|n| Shape {
            trace: n % 900 / 40,
            after: n,
            took: n % 3000,
            rooted: true,
            kind: 0,
            user: n,
            failed: false,
        })
        .collect();
    let config = SqliteConfig::new(directory.path()).retention_hours(0).indexed_attributes(["user"]);
    let store = SqliteStore::open(config).unwrap();
    for batch in batches(&shapes) {
        store.export(&batch).await.unwrap();
    }
    // What is due is done in steps; before the end, all of it.
    store.shutdown().await.unwrap();
    let file = directory.path().join(super::hour::Hour::of(at(0)).file_name());
    let db = rusqlite::Connection::open(file).unwrap();
    let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap();
    assert!(count("SELECT count(*) FROM segments WHERE level = 1") >= 2);
    assert!(count("SELECT count(*) FROM segments WHERE level = 0") < 16);
    // No block is left behind, and none is shared.
    for (level, blocks) in [("= 0", "blocks"), ("> 0", "merged")] {
        let fences = count(&format!("SELECT sum(length(fences)) / 8 FROM segments WHERE level {level}"));
        assert_eq!(count(&format!("SELECT count(*) FROM {blocks}")), fences, "{blocks}");
    }
    assert_eq!(count("SELECT count(*) FROM garbage"), 0);
    for user in (0..6500).step_by(61) {
        let filter = SpanFilter {
            attributes: vec![AttributeCondition::equals("user", user.to_string())],
            ..SpanFilter::default()
        };
        let page =
            store.search(&TenantId::default(), &SpanQuery { filter, ..SpanQuery::default() }).await.unwrap();
        assert_eq!(page.items.iter().map(|t| t.trace_id).collect::<Vec<_>>(), [trace_id(user % 900 / 40)]);
    }
}

#[tokio::test]
async fn durations_are_answered_without_reading_a_span() {
    let shape = |n: u64| Shape {
        trace: n % 40 / 8,
        after: n,
        took: n * 37 % 3000,
        rooted: true,
        kind: (n % 3) as usize,
        user: n,
        failed: n.is_multiple_of(10),
    };
    let shapes: Vec<Shape> = (0..3000).map(shape).collect();
    let memory =
        MemoryStore::new(MemoryStoreConfig { max_bytes: usize::MAX, ..MemoryStoreConfig::default() });
    let directory = tempfile::tempdir().unwrap();
    let config = SqliteConfig::new(directory.path()).retention_hours(0);
    let store = SqliteStore::open(config.clone()).unwrap();
    for batch in batches(&shapes) {
        memory.insert(&batch);
        store.export(&batch).await.unwrap();
    }
    store.shutdown().await.unwrap();
    drop(store);
    let file = directory.path().join(super::hour::Hour::of(at(0)).file_name());
    let db = rusqlite::Connection::open(file).unwrap();
    db.execute("UPDATE chunks SET payload = zeroblob(8)", []).unwrap();
    drop(db);
    let store = SqliteStore::open(config).unwrap();
    let unreadable = store.stats().unreadable_chunks;
    let tenant = TenantId::default();
    for filter in [
        SpanFilter::default(),
        SpanFilter { service: Some("shop".into()), kind: Some(SpanKind::Server), ..SpanFilter::default() },
        SpanFilter { operation: Some("load".into()), ..SpanFilter::default() },
        SpanFilter { status: Some(StatusCode::Error), ..SpanFilter::default() },
    ] {
        let ours = store.durations(&tenant, &filter, None).await.unwrap();
        let theirs = memory.durations(&tenant, &filter, None).await.unwrap();
        assert!(theirs.milliseconds.count() > 100, "{filter:?}");
        assert_eq!(ours.milliseconds.count(), theirs.milliseconds.count(), "{filter:?}");
        assert_eq!(ours.milliseconds.quantiles(), theirs.milliseconds.quantiles(), "{filter:?}");
        assert_eq!(ours.errors, theirs.errors, "{filter:?}");
    }
    assert_eq!(store.stats().unreadable_chunks, unreadable, "no chunk was read");
    // Only a chunk itself knows attributes.
    let filter =
        SpanFilter { attributes: vec![AttributeCondition::equals("free", "x1")], ..SpanFilter::default() };
    assert_eq!(store.durations(&tenant, &filter, None).await.unwrap().milliseconds.count(), 0);
    assert!(store.stats().unreadable_chunks > unreadable);
}
