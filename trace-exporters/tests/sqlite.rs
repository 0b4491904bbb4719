//! The SQLite store from outside: what every store must stand, restarts, kills, damage, retention.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "what tests share too")]

#[path = "sqlite/killed.rs"]
mod killed;
#[path = "sqlite/trouble.rs"]
mod trouble;
#[path = "sqlite/world.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use trace_core::batch::SpanBatch;
use trace_core::model::{TenantId, TimeRange};
use trace_core::signal::SpanExporter;
use trace_core::store::{SpanQuery, SpanReader};
use trace_core::testing::{Fidelity, conformance, span_store};
use trace_exporters::sqlite::{Durability, SqliteConfig, SqliteError, SqliteStore};
use world::{HOUR, batch, ids, kept, span, trace_id};

#[tokio::test]
async fn the_sqlite_store_stands_what_every_store_must() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(kept(directory.path()).durability(durability)).unwrap();
        span_store(&store, Fidelity::Exact).await;
    }
}

#[tokio::test]
async fn the_sqlite_store_conforms_as_an_exporter() {
    let directory = tempfile::tempdir().unwrap();
    conformance::span_exporter(&SqliteStore::open(kept(directory.path())).unwrap()).await;
}

#[tokio::test]
async fn what_was_exported_is_there_after_a_restart_with_and_without_a_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let tenant = TenantId::default();
    for round in 0..6 {
        let store = SqliteStore::open(kept(directory.path())).unwrap();
        for n in 0..round * 10 {
            let trace =
                store.trace(&tenant, &trace_id(n)).await.unwrap().expect("a trace of an earlier round");
            assert_eq!(ids(&trace), [n * 10 + 1, n * 10 + 2]);
        }
        for n in round * 10..round * 10 + 10 {
            let spans = [span(n, n * 10 + 1, 0, n * 100), span(n, n * 10 + 2, n * 10 + 1, n * 100 + 5)];
            store.export(&batch("shop", spans)).await.unwrap();
        }
        assert_eq!(store.stats().spans, (round + 1) * 20);
        if round % 2 == 0 {
            store.shutdown().await.unwrap();
            assert!(store.trace(&tenant, &trace_id(0)).await.unwrap().is_some(), "reading goes on");
        }
    }
}

#[tokio::test]
async fn a_batch_that_is_offered_again_counts_once_also_after_a_restart_and_in_other_company() {
    let directory = tempfile::tempdir().unwrap();
    let all: Vec<_> = (0..300).map(|n| span(n / 3, n + 1, 0, n)).collect();
    let some = |range: std::ops::Range<usize>| batch("shop", all[range].to_vec());
    {
        let store = SqliteStore::open(kept(directory.path())).unwrap();
        store.export(&some(0..200)).await.unwrap();
        store.export(&some(100..250)).await.unwrap();
        assert_eq!((store.stats().spans, store.stats().duplicate_spans), (250, 100));
    }
    let store = SqliteStore::open(kept(directory.path())).unwrap();
    store.export(&some(0..300)).await.unwrap();
    assert_eq!((store.stats().spans, store.stats().duplicate_spans), (300, 250));
    let query = SpanQuery { limit: 1000, ..SpanQuery::default() };
    let page = store.search(&TenantId::default(), &query).await.unwrap();
    assert_eq!((page.items.len(), page.items.iter().map(|t| t.span_count).sum::<u64>()), (100, 300));
    let durations = store.durations(&TenantId::default(), &query.filter, None).await.unwrap();
    assert_eq!(durations.milliseconds.count(), 300);
}

#[tokio::test]
async fn a_batch_of_a_quiet_hour_is_known_again_although_a_busy_hour_has_more_than_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let quiet = batch("shop", (0..20).map(|n| span(1_000_000, 1_000_001 + n, 0, n)));
    {
        let store = SqliteStore::open(kept(directory.path())).unwrap();
        for n in 0..7 {
            let busy = (n * 10_000..(n + 1) * 10_000).map(|n| span(n / 10, n + 1, 0, HOUR + n));
            store.export(&batch("shop", busy)).await.unwrap();
        }
        store.export(&quiet).await.unwrap();
    }
    let store = SqliteStore::open(kept(directory.path())).unwrap();
    store.export(&quiet).await.unwrap();
    assert_eq!((store.stats().spans, store.stats().duplicate_spans), (70_020, 20));
}

#[tokio::test]
async fn a_trace_that_crosses_hours_is_one_trace_by_id_and_in_every_page() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(kept(directory.path())).unwrap();
    let tenant = TenantId::default();
    // Ten traces, each with a span in each of three hours, in batches of one hour each, the latest first.
    for hour in (0..3).rev() {
        let spans = (0..10).map(|n| span(n, n * 10 + hour + 1, 0, hour * HOUR + 3_590_000 + n * 10));
        store.export(&batch("shop", spans)).await.unwrap();
    }
    assert_eq!(store.stats().files, 3);
    let trace = store.trace(&tenant, &trace_id(4)).await.unwrap().unwrap();
    assert_eq!(ids(&trace), [41, 42, 43]);
    let mut query = SpanQuery { limit: 3, ..SpanQuery::default() };
    let mut found = Vec::new();
    for _ in 0..20 {
        let page = store.search(&tenant, &query).await.unwrap();
        found.extend(page.items);
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert!(found.iter().all(|t| t.span_count == 3), "{found:?}");
    let expected: Vec<_> = (0..10).rev().map(trace_id).collect();
    assert_eq!(found.iter().map(|t| t.trace_id).collect::<Vec<_>>(), expected);
    // The first hour alone has their start.
    for (hour, count) in [(0, 10), (1, 0), (2, 0)] {
        let start = world::at(hour * HOUR);
        let range = Some(TimeRange { start, end: start + Duration::from_millis(HOUR) });
        let page = store.search(&tenant, &SpanQuery { range, ..SpanQuery::default() }).await.unwrap();
        assert_eq!(page.items.len(), count, "hour {hour}");
    }
}

#[tokio::test]
async fn a_directory_belongs_to_one_store_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = SqliteStore::open(kept(directory.path())).unwrap();
    let error = SqliteStore::open(kept(directory.path())).unwrap_err();
    assert!(matches!(error, SqliteError::InUse { .. }));
    let message = error.to_string();
    assert!(
        message.contains("is in use by process ") && message.contains("one process at a time"),
        "{message}"
    );
    drop(first);
    SqliteStore::open(kept(directory.path())).unwrap();
}

/// A clock that is moved by hand.
fn clock() -> (Arc<AtomicU64>, trace_core::store::TimeSource) {
    let ms = Arc::new(AtomicU64::new(0));
    let told = ms.clone();
    (ms, Arc::new(move || world::at(told.load(Ordering::Relaxed))))
}

#[tokio::test]
async fn hours_go_when_they_are_too_old_and_late_spans_are_refused_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (now, clock) = clock();
    let config = kept(directory.path()).retention_hours(2);
    let store = SqliteStore::open_with_clock(config.clone(), clock.clone()).unwrap();
    for hour in 0..4 {
        now.store(hour * HOUR + 1000, Ordering::Relaxed);
        store.export(&batch("shop", [span(hour, hour + 1, 0, hour * HOUR)])).await.unwrap();
    }
    // The fourth hour has begun: the first ended two hours ago.
    let late = store.export(&batch("shop", [span(9, 91, 0, 5), span(9, 92, 0, 3 * HOUR)])).await.unwrap_err();
    assert_eq!((late.rejected(), late.is_retryable()), (Some(1), false));
    assert!(late.to_string().contains("1 spans began before what is kept"), "{late}");
    let ahead = store.export(&batch("shop", [span(9, 93, 0, 30 * HOUR)])).await.unwrap_err();
    assert_eq!(ahead.rejected(), Some(1));
    assert_eq!(store.stats().refused_spans, 2);
    drop(store);
    let store = SqliteStore::open_with_clock(config, clock).unwrap();
    let stats = store.stats();
    assert_eq!((stats.files, stats.spans, stats.evicted_files), (3, 4, 1));
    assert!(store.trace(&TenantId::default(), &trace_id(0)).await.unwrap().is_none());
    assert!(store.trace(&TenantId::default(), &trace_id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn the_oldest_hours_go_when_there_are_too_many_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let config = kept(directory.path()).max_bytes(4 << 20);
    let noise = |hour: u64| (0..1000).map(move |n| world::noisy(hour * 1000 + n, hour * HOUR + n));
    let store = SqliteStore::open(config.clone()).unwrap();
    for hour in 0..12 {
        store.export(&batch("shop", noise(hour))).await.unwrap();
    }
    store.shutdown().await.unwrap();
    drop(store);
    let store = SqliteStore::open(config).unwrap();
    let stats = store.stats();
    assert!(stats.bytes <= 4 << 20 && stats.files >= 1 && stats.evicted_files >= 1, "{stats:?}");
    assert_eq!(stats.files as u64 + stats.evicted_files, 12);
    assert_eq!((stats.spans, stats.evicted_spans), (stats.files as u64 * 1000, stats.evicted_files * 1000));
    let newest = store.trace(&TenantId::default(), &trace_id(11_999)).await.unwrap();
    assert!(newest.is_some(), "the newest hour stays");
}

#[tokio::test]
async fn batches_of_many_callers_are_all_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(kept(directory.path())).unwrap();
    let write = |caller: u64| {
        let store = store.clone();
        async move {
            for n in 0..20 {
                let id = caller * 100 + n;
                store.export(&batch("shop", [span(id, id + 1, 0, id)])).await.unwrap();
                // Whoever was answered can read it at once.
                assert!(store.trace(&TenantId::default(), &trace_id(id)).await.unwrap().is_some());
            }
        }
    };
    let callers: Vec<_> = (0..24).map(|caller| tokio::spawn(write(caller))).collect();
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(store.stats().spans, 480);
}

#[test]
fn configurations_are_read_in_both_spellings_and_checked() {
    let read = |json: &str| serde_json::from_str::<SqliteConfig>(json);
    let camel = read(
        r#"{"directory":"d","retentionHours":1,"maxBytes":2000000,"indexedAttributes":["a"],"durability":"power","readThreads":3}"#,
    );
    let snake = read(
        r#"{"directory":"d","retention_hours":1,"max_bytes":2000000,"indexed_attributes":["a"],"durability":"power","read_threads":3}"#,
    );
    assert_eq!(camel.unwrap(), snake.unwrap());
    assert!(read(r#"{"dir":"d"}"#).unwrap_err().to_string().contains("unknown field `dir`"));
    for (config, field) in [
        (SqliteConfig::new(""), "directory"),
        (SqliteConfig::new("d").read_threads(0), "read_threads"),
        (SqliteConfig::new("d").max_bytes(5), "max_bytes"),
        (SqliteConfig::new("d").indexed_attributes([""]), "indexed_attributes"),
    ] {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.starts_with(&format!("sqlite: {field} ")), "{error}");
    }
    assert!(SqliteConfig::default().validate().is_ok());
}

#[tokio::test]
async fn an_empty_batch_is_taken_and_makes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(kept(directory.path())).unwrap();
    store.export(&SpanBatch::from_spans(Arc::default(), [])).await.unwrap();
    assert_eq!(store.stats().files, 0);
    assert!(store.services(&TenantId::default()).await.unwrap().is_empty());
}
