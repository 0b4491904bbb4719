//! Files and directories that cannot be used.

use std::fs;
use std::process::Command;

use trace_core::model::TenantId;
use trace_core::signal::SpanExporter;
use trace_core::store::{SpanFilter, SpanQuery, SpanReader};
use trace_exporters::sqlite::{SqliteError, SqliteStore};

use super::world::{HOUR, batch, kept, noisy, span, trace_id};

const FIRST: &str = "spans-2025100909.sqlite";

async fn three_hours(store: &SqliteStore) {
    for hour in 0..3 {
        let spans = (0..200).map(|n| span(hour * 1000 + n, hour * 1000 + n + 1, 0, hour * HOUR + n));
        store.export(&batch("shop", spans)).await.unwrap();
    }
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_at_the_start_and_the_others_are_read() {
    for damage in ["no database", "cut off", "of another version"] {
        let directory = tempfile::tempdir().unwrap();
        let config = kept(directory.path());
        let store = SqliteStore::open(config.clone()).unwrap();
        three_hours(&store).await;
        store.shutdown().await.unwrap();
        drop(store);
        let file = config.directory.join(FIRST);
        match damage {
            "no database" => fs::write(&file, "something else ".repeat(1000)).unwrap(),
            "cut off" => fs::File::options().write(true).open(&file).unwrap().set_len(20_000).unwrap(),
            _ => rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 99).unwrap(),
        }
        let store = SqliteStore::open(config.clone()).unwrap();
        let stats = store.stats();
        assert_eq!((stats.files, stats.set_aside.len()), (2, 1), "{damage}: {stats:?}");
        assert_eq!(stats.set_aside[0].0, format!("{FIRST}.damaged-1"), "{damage}");
        assert!(config.directory.join(&stats.set_aside[0].0).exists() && !stats.set_aside[0].1.is_empty());
        let tenant = TenantId::default();
        assert!(store.trace(&tenant, &trace_id(5)).await.unwrap().is_none(), "{damage}");
        assert!(store.trace(&tenant, &trace_id(1005)).await.unwrap().is_some(), "{damage}");
        // The hour goes on in a new file, and what was set aside is remembered.
        store.export(&batch("shop", [span(5, 6, 0, 5)])).await.unwrap();
        assert!(store.trace(&tenant, &trace_id(5)).await.unwrap().is_some(), "{damage}");
        drop(store);
        assert_eq!(SqliteStore::open(config).unwrap().stats().set_aside, stats.set_aside, "{damage}");
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_while_it_is_open_fails_no_question_about_others() {
    let directory = tempfile::tempdir().unwrap();
    let config = kept(directory.path());
    let store = SqliteStore::open(config.clone()).unwrap();
    three_hours(&store).await;
    store.shutdown().await.unwrap();
    let file = config.directory.join(FIRST);
    let length = fs::metadata(&file).unwrap().len() as usize;
    fs::write(&file, vec![0xa5; length]).unwrap();
    let tenant = TenantId::default();
    let query = SpanQuery { limit: 1000, ..SpanQuery::default() };
    for _ in 0..3 {
        assert_eq!(store.search(&tenant, &query).await.unwrap().items.len(), 400);
        assert!(store.trace(&tenant, &trace_id(1005)).await.unwrap().is_some());
        assert!(store.trace(&tenant, &trace_id(5)).await.unwrap().is_none());
        assert_eq!(store.services(&tenant).await.unwrap(), ["shop"]);
        let all = store.durations(&tenant, &SpanFilter::default(), None).await.unwrap();
        assert_eq!(all.milliseconds.count(), 400);
    }
    // The writer has heard of it before it does the next thing.
    store.flush().await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.files, stats.set_aside.len()), (2, 1), "{stats:?}");
}

#[tokio::test]
async fn one_damaged_chunk_costs_its_spans_alone() {
    let directory = tempfile::tempdir().unwrap();
    let config = kept(directory.path());
    let store = SqliteStore::open(config.clone()).unwrap();
    three_hours(&store).await;
    store.shutdown().await.unwrap();
    drop(store);
    let db = rusqlite::Connection::open(config.directory.join(FIRST)).unwrap();
    db.execute("UPDATE chunks SET payload = zeroblob(length(payload)) WHERE id = 1", []).unwrap();
    let lost: u64 = db
        .query_row("SELECT spans FROM chunks WHERE id = 1", [], |row| row.get(0).map(|n: u32| n.into()))
        .unwrap();
    drop(db);
    let store = SqliteStore::open(config).unwrap();
    let query = SpanQuery { limit: 1000, ..SpanQuery::default() };
    let found = store.search(&TenantId::default(), &query).await.unwrap().items.len() as u64;
    assert_eq!(found, 600 - lost);
    assert!(store.stats().unreadable_chunks > 0 && store.stats().set_aside.is_empty());
}

/// SplitMix64.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[tokio::test]
async fn whatever_bytes_change_in_a_file_the_other_hours_are_answered_in_full() {
    let directory = tempfile::tempdir().unwrap();
    let config = kept(directory.path());
    let store = SqliteStore::open(config.clone()).unwrap();
    three_hours(&store).await;
    store.shutdown().await.unwrap();
    drop(store);
    let whole = fs::read(config.directory.join(FIRST)).unwrap();
    let rounds: u64 = std::env::var("SQLITE_DAMAGES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let (tenant, query) = (TenantId::default(), SpanQuery { limit: 1000, ..SpanQuery::default() });
    for round in 0..rounds {
        let mut state = round;
        let mut bytes = whole.clone();
        // A few bytes, or a stretch; all over the file, or where a page begins.
        for _ in 0..1 + random(&mut state) % 8 {
            let at = random(&mut state) as usize % bytes.len();
            let at = if random(&mut state).is_multiple_of(2) { at / 16_384 * 16_384 + at % 200 } else { at };
            let end = (at + 1 + (random(&mut state) % 2 * 40) as usize).min(bytes.len());
            bytes[at.min(end)..end].iter_mut().for_each(|b| *b = random(&mut state) as u8);
        }
        fs::write(config.directory.join(FIRST), bytes).unwrap();
        let store = SqliteStore::open(config.clone()).unwrap_or_else(|e| panic!("round {round}: {e}"));
        let found = store.search(&tenant, &query).await.unwrap_or_else(|e| panic!("round {round}: {e}"));
        let others = found.items.iter().filter(|t| t.start >= super::world::at(HOUR)).count();
        assert_eq!(others, 400, "round {round}");
        for n in [3, 1003, 2003] {
            let trace =
                store.trace(&tenant, &trace_id(n)).await.unwrap_or_else(|e| panic!("round {round}: {e}"));
            assert!(trace.is_some() || n == 3, "round {round}");
        }
        let names = store.operations(&tenant, "shop").await.unwrap_or_else(|e| panic!("round {round}: {e}"));
        assert!(names.len() >= 7, "round {round}");
        let all = store.durations(&tenant, &SpanFilter::default(), None).await;
        assert!(
            all.unwrap_or_else(|e| panic!("round {round}: {e}")).milliseconds.count() >= 400,
            "round {round}"
        );
        // Writing goes on, in this file or in a new one.
        let answer = store.export(&batch("shop", [span(round, 500_000 + round, 0, 7)])).await;
        answer.unwrap_or_else(|e| panic!("round {round}: {e}"));
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store");
    fs::write(&file, "a file").unwrap();
    let error = SqliteStore::open(kept(directory.path())).unwrap_err();
    assert!(matches!(error, SqliteError::Io { .. }));
    assert!(
        error.to_string().contains("make the directory") && error.to_string().contains("store"),
        "{error}"
    );
}

const LIMITED: &str = "SQLITE_STORE_THAT_IS_LIMITED";

/// Not a test: the child of the one below, which may write files of two megabytes.
#[tokio::test]
#[ignore = "needs a limit on the size of files"]
async fn a_child_writes_until_the_disk_is_full() {
    let Some(directory) = std::env::var_os(LIMITED) else { return };
    let store = SqliteStore::open(kept(directory.as_ref())).unwrap();
    let spans = |n: u64| (0..500).map(move |i| noisy(n * 500 + i, n));
    let mut stored = 0;
    let error = loop {
        match store.export(&batch("shop", spans(stored))).await {
            Ok(()) => stored += 1,
            Err(e) => break e,
        }
        assert!(stored < 1000, "the limit was not reached");
    };
    assert!(error.is_retryable() && error.to_string().contains("cannot write spans-"), "{error}");
    // Again the same: nothing of it was kept, and nothing else is harmed.
    assert!(store.export(&batch("shop", spans(stored))).await.is_err());
    assert_eq!(store.stats().spans, stored * 500);
    for n in 0..stored * 500 {
        assert!(store.trace(&TenantId::default(), &trace_id(n)).await.unwrap().is_some(), "trace {n}");
    }
    println!("stored {stored} until: {error}");
}

#[tokio::test]
async fn a_full_disk_is_an_error_that_can_be_retried_and_what_is_stored_stays() {
    let directory = tempfile::tempdir().unwrap();
    // The limit of a process on the size of its files; the signal would end it.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "trouble::a_child_writes_until_the_disk_is_full", "--ignored", "--nocapture"])
        .env(LIMITED, directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("until: sqlite: cannot write"), "{said}\n{output:?}");
    // With room again, the batch that failed is stored.
    let store = SqliteStore::open(kept(directory.path())).unwrap();
    let before = store.stats().spans;
    assert!(before > 0);
    store.export(&batch("shop", [span(900_000, 900_000, 0, 1)])).await.unwrap();
    assert_eq!(store.stats().spans, before + 1);
}
