//! The process is killed while it writes: what was acknowledged is there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use trace_core::model::TenantId;
use trace_core::signal::SpanExporter;
use trace_core::store::SpanReader;
use trace_exporters::sqlite::SqliteStore;

use super::world::{HOUR, batch, ids, kept, span, trace_id};

const DIRECTORY: &str = "SQLITE_STORE_THAT_IS_KILLED";
const FIRST: &str = "SQLITE_STORE_FIRST_TRACE";
const SPANS: u64 = 40;

/// A trace a batch, over two hours.
fn spans(n: u64) -> impl Iterator<Item = trace_core::model::SpanData> {
    (0..SPANS).map(move |i| span(n, n * SPANS + i + 1, 0, (n + i) % 2 * HOUR + n))
}

/// Not a test: the child of the one below.
#[tokio::test]
#[ignore = "writes until it is killed"]
async fn a_child_writes_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = SqliteStore::open(kept(directory.as_ref())).unwrap();
    let mut out = std::io::stdout();
    for n in first.. {
        store.export(&batch("shop", spans(n))).await.unwrap();
        writeln!(out, "stored {n}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let directory = tempfile::tempdir().unwrap();
    let rounds: u64 = std::env::var("SQLITE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let tenant = TenantId::default();
    let (mut next, mut acknowledged) = (0, Vec::new());
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::a_child_writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .env(FIRST, next.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // At another point each time: while a batch is cut, written, committed, or a segment made.
        let patience = 1 + round * 37 % 60;
        let mut told = 0;
        let stored = |line: &str| line.rsplit_once("stored ").and_then(|(_, n)| n.parse::<u64>().ok());
        while told < patience {
            let line = lines.next().expect("the child writes until it is killed").unwrap();
            if let Some(n) = stored(&line) {
                acknowledged.push(n);
                told += 1;
            }
        }
        std::thread::sleep(std::time::Duration::from_micros(round * 211 % 2000));
        child.kill().unwrap();
        child.wait().unwrap();
        // Those were acknowledged too, before the kill reached it.
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| stored(&line)));
        next = acknowledged.last().copied().unwrap_or(0) + 1;

        let store = SqliteStore::open(kept(directory.path())).unwrap();
        assert_eq!(store.stats().set_aside, [], "round {round}");
        // Those of the last rounds; in the end all.
        let checked = if round + 1 == rounds { usize::MAX } else { 150 };
        for n in acknowledged.iter().rev().take(checked) {
            let trace = store.trace(&tenant, &trace_id(*n)).await.unwrap();
            let mut found = trace.map(|t| ids(&t)).unwrap_or_default();
            found.sort_unstable();
            let expected: Vec<u64> = (0..SPANS).map(|i| n * SPANS + i + 1).collect();
            assert_eq!(found, expected, "round {round}: trace {n} was acknowledged");
        }
        // The batch that was under way is offered again, and counts once.
        store.export(&batch("shop", spans(next))).await.unwrap();
        assert_eq!(store.stats().spans, (next + 1) * SPANS, "round {round}");
        acknowledged.push(next);
        next += 1;
    }
}
