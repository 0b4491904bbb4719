//! The SQLite store beside a plain table with indexes: writing, and reading back from what was written.
//!
//! `--spans N` or `SQLITE_BENCH_SPANS` says how many spans are written, all within one hour (default 1,000,000; the goals are for
//! 10,000,000); `--dir PATH` or `SQLITE_BENCH_DIR` where (default: a temporary directory).
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a program, not a library"
)]

#[path = "sqlite/peer.rs"]
mod peer;
#[path = "sqlite/world.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};
use tokio::runtime::Runtime;
use trace_core::model::{TenantId, TimeRange, TraceId};
use trace_core::signal::SpanExporter;
use trace_core::store::{AttributeCondition, SpanFilter, SpanQuery, SpanReader};
use trace_exporters::sqlite::{SqliteConfig, SqliteStore};
use world::{BATCH, INDEXED, World};

/// Spans that the peer is measured with: it slows down as it grows.
const PEER_SPANS: u64 = 300_000;

fn argument(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|a| *a == format!("--{name}"));
    let variable = format!("SQLITE_BENCH_{}", name.to_uppercase());
    at.and_then(|i| arguments.get(i + 1).cloned()).or_else(|| std::env::var(variable).ok())
}

fn main() {
    let spans: u64 = argument("spans").map_or(1_000_000, |n| n.replace('_', "").parse().expect("a number"));
    let scratch = tempfile::tempdir().expect("a directory");
    let directory = argument("dir").map_or_else(|| scratch.path().to_owned(), Into::into);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");

    let peer_directory = scratch.path().join("peer");
    std::fs::create_dir(&peer_directory).expect("a directory");
    let peer = peer::Peer::write(&peer_directory, PEER_SPANS.min(spans));

    let config =
        SqliteConfig::new(directory.join("ours")).indexed_attributes(INDEXED).retention_hours(0).max_bytes(0);
    let store = SqliteStore::open(config).expect("a store");
    let wrote = write(&runtime, &store, spans);
    line("written, one batch after the other", wrote.rate, peer.rate, "spans/s", 150_000.0, true);
    line("CPU of writing", wrote.cpu, peer.cpu, "us/span", 6.6, false);
    line("the slowest batch of 2048 spans", wrote.slowest, f64::NAN, "ms", 100.0, false);
    line(
        "the most work for a batch of 2048 spans, CPU of the writer",
        wrote.most_work,
        f64::NAN,
        "ms",
        50.0,
        false,
    );
    line("bytes on disk", wrote.bytes, peer.bytes, "bytes/span", peer.bytes, false);
    read(&runtime, &store, spans, &peer);
    read_while_writing(&runtime, &store, spans);
    runtime.block_on(store.shutdown()).expect("a shutdown");
    drop(store);
    many_hours(&runtime, &directory);
}

struct Wrote {
    rate: f64,
    cpu: f64,
    bytes: f64,
    slowest: f64,
    most_work: f64,
}

fn write(runtime: &Runtime, store: &SqliteStore, spans: u64) -> Wrote {
    let (send, batches) = std::sync::mpsc::sync_channel(8);
    // Made on the other core, and not counted.
    let maker = std::thread::spawn(move || {
        let began = ThreadTime::now();
        let mut world = World::new();
        for _ in 0..spans / BATCH {
            send.send(world.batch()).expect("a receiver");
        }
        began.elapsed()
    });
    let (cpu, began, mut told) = (ProcessTime::now(), Instant::now(), Instant::now());
    let (mut writer, mut calls, mut work) = (Worker(None), Vec::new(), Vec::new());
    for (n, batch) in (1..).zip(batches) {
        let (call, worked) = (Instant::now(), writer.worked());
        runtime.block_on(store.export(&batch)).expect("a commit");
        calls.push(call.elapsed().as_secs_f64() * 1e3);
        work.push(writer.worked() - worked);
        if told.elapsed() > Duration::from_secs(5) {
            let rate = (n * BATCH) as f64 / began.elapsed().as_secs_f64();
            eprintln!("{} of {spans} spans written, {rate:.0}/s", n * BATCH);
            told = Instant::now();
        }
    }
    runtime.block_on(store.flush()).expect("a flush");
    let (took, cpu) = (began.elapsed(), cpu.elapsed());
    let cpu = cpu.saturating_sub(maker.join().expect("spans"));
    let (n, stats) = ((spans / BATCH * BATCH) as f64, store.stats());
    let told = |what: &str, mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        // What is no number was before the thread had begun.
        all.retain(|ms| ms.is_finite());
        let most = &all[all.len().saturating_sub(10)..];
        eprintln!("{what}: median {:.2} ms, most {most:.1?}", all.get(all.len() / 2).unwrap_or(&f64::NAN));
        all.last().copied().unwrap_or(f64::NAN)
    };
    let (slowest, most_work) = (told("a batch", calls), told("CPU of the writer for a batch", work));
    eprintln!("written: {stats:?}");
    let (rate, cpu) = (n / took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / n);
    Wrote { rate, cpu, bytes: stats.bytes as f64 / n, slowest, most_work }
}

/// The thread of the store that writes: what it has worked does not depend on what else the machine does.
struct Worker(Option<std::path::PathBuf>);

impl Worker {
    /// On Linux, once it has begun; elsewhere there is nothing to be found.
    fn find() -> Option<std::path::PathBuf> {
        let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let is_writer = |path: &std::path::PathBuf| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("trace-sqlite-w"))
        };
        threads.map(|entry| entry.path()).find(is_writer).map(|path| path.join("schedstat"))
    }

    /// Milliseconds.
    fn worked(&mut self) -> f64 {
        self.0 = self.0.take().or_else(Self::find);
        let text = self.0.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let nanos = text.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        nanos.map_or(f64::NAN, |nanos| nanos / 1e6)
    }
}

/// The median of many calls in milliseconds, and the slowest.
fn measure<T>(times: u64, mut call: impl FnMut(u64) -> T) -> (f64, f64) {
    let mut took: Vec<f64> = (0..times)
        .map(|n| {
            let began = Instant::now();
            std::hint::black_box(call(n));
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    took.sort_by(f64::total_cmp);
    (took[took.len() / 2], took[took.len() - 1])
}

fn read(runtime: &Runtime, store: &SqliteStore, spans: u64, peer: &peer::Peer) {
    let tenant = TenantId::default();
    let traces = spans / BATCH * BATCH / world::TRACE;
    let id = |n: u64, of: u64| world::trace_id(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % of);
    let by_id =
        |id: TraceId| runtime.block_on(store.trace(&tenant, &id)).expect("an answer").expect("a trace");
    by_id(world::trace_id(0));
    let ours = measure(300, |n| assert_eq!(by_id(id(n, traces)).spans.len() as u64, world::TRACE));
    let theirs = measure(300, |n| peer.trace(id(n, peer.spans / world::TRACE)));
    report("a trace by its id", ours, theirs, 1.0);

    let search = |query: SpanQuery| runtime.block_on(store.search(&tenant, &query)).expect("an answer");
    let having = |key: &str, value: String| SpanQuery {
        filter: SpanFilter {
            attributes: vec![AttributeCondition::equals(key, value)],
            ..SpanFilter::default()
        },
        ..SpanQuery::default()
    };
    let ours = measure(100, |n| search(having("enduser.id", world::user(n * 7919))));
    let theirs = measure(100, |n| peer.search("enduser.id", &world::user(n * 7919)));
    report("search: a rare attribute, 20 traces", ours, theirs, 10.0);
    let ours = measure(100, |n| search(having("http.route", world::route(n))));
    let theirs = measure(100, |n| peer.search("http.route", &world::route(n)));
    report("search: a common attribute, 20 traces", ours, theirs, 10.0);
    let both = |n: u64| {
        let mut query = having("http.route", world::route(n));
        query.filter.attributes.push(AttributeCondition::equals("enduser.id", world::user(n * 7919)));
        query.filter.service = Some(world::service(n % world::SERVICES));
        query
    };
    let ours = measure(100, |n| search(both(n)));
    report("search: two attributes and a service", ours, (f64::NAN, f64::NAN), 10.0);
    let slow = |n: u64| SpanQuery {
        filter: SpanFilter { service: Some(world::service(n % world::SERVICES)), ..SpanFilter::default() },
        min_duration: Some(Duration::from_millis(990)),
        ..SpanQuery::default()
    };
    let ours = measure(20, |n| search(slow(n)));
    report("search: a service's slow traces, 1 % of all", ours, (f64::NAN, f64::NAN), 100.0);
    let failed = SpanQuery { error_only: true, ..SpanQuery::default() };
    report("search: failed traces", measure(50, |_| search(failed.clone())), (f64::NAN, f64::NAN), 10.0);
    let all = measure(50, |_| search(SpanQuery::default()));
    report("search: the newest traces", all, (f64::NAN, f64::NAN), 10.0);
    let mut pages = SpanQuery { cursor: None, ..having("http.route", world::route(3)) };
    let deep = measure(50, |_| {
        let page = search(pages.clone());
        pages.cursor = page.next_cursor;
    });
    report("search: each of 50 pages", deep, (f64::NAN, f64::NAN), 10.0);
    let minute = |n: u64| {
        let start = world::START + Duration::from_secs(n % 3);
        Some(TimeRange { start, end: start + Duration::from_secs(1) })
    };
    let filter = SpanFilter { operation: Some(world::operation(1)), ..SpanFilter::default() };
    let ours =
        measure(5, |n| runtime.block_on(store.durations(&tenant, &filter, minute(n))).expect("an answer"));
    report("durations of an operation in a second of data", ours, (f64::NAN, f64::NAN), 100.0);
    let ours = measure(5, |_| runtime.block_on(store.durations(&tenant, &filter, None)).expect("an answer"));
    report("durations of an operation in all", ours, (f64::NAN, f64::NAN), 1000.0);
    let ours = measure(3, |n| {
        let service = Some(world::service(n));
        let filter = SpanFilter { service, ..SpanFilter::default() };
        runtime.block_on(store.durations(&tenant, &filter, None)).expect("an answer")
    });
    report("durations of a service in all", ours, (f64::NAN, f64::NAN), 1000.0);
}

/// Readers beside a writer that never rests.
fn read_while_writing(runtime: &Runtime, store: &SqliteStore, spans: u64) {
    let stop = Arc::new(AtomicBool::new(false));
    let (writing, stopped) = (store.clone(), stop.clone());
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut world = World::new();
        world.skip(spans / BATCH);
        let (began, mut n) = (Instant::now(), 0);
        while !stopped.load(Ordering::Relaxed) {
            runtime.block_on(writing.export(&world.batch())).expect("a commit");
            n += BATCH;
        }
        n as f64 / began.elapsed().as_secs_f64()
    });
    let traces = spans / BATCH * BATCH / world::TRACE;
    let tenant = TenantId::default();
    let ours = measure(2000, |n| {
        let id = world::trace_id(world::mix(n) % traces);
        runtime.block_on(store.trace(&tenant, &id)).expect("an answer").expect("a trace")
    });
    stop.store(true, Ordering::Relaxed);
    let rate = thread.join().expect("a rate");
    eprintln!("written meanwhile: {rate:.0} spans/s, making them included");
    report("a trace by its id, while spans are written", ours, (f64::NAN, f64::NAN), 1.0);
}

/// A week of files.
fn many_hours(runtime: &Runtime, directory: &std::path::Path) {
    const HOURS: u64 = 168;
    let config =
        SqliteConfig::new(directory.join("week")).indexed_attributes(INDEXED).retention_hours(0).max_bytes(0);
    let store = SqliteStore::open(config.clone()).expect("a store");
    let mut world = World::new();
    for hour in 0..HOURS {
        world.hour = hour;
        for _ in 0..4 {
            runtime.block_on(store.export(&world.batch())).expect("a commit");
        }
    }
    runtime.block_on(store.shutdown()).expect("a shutdown");
    drop(store);
    let began = Instant::now();
    let store = SqliteStore::open(config).expect("a store");
    report(
        "a store of 168 hours is opened",
        (began.elapsed().as_secs_f64() * 1e3, 0.0),
        (f64::NAN, f64::NAN),
        1000.0,
    );
    let tenant = TenantId::default();
    let traces = HOURS * 4 * BATCH / world::TRACE;
    let by_id = |id| runtime.block_on(store.trace(&tenant, &id)).expect("an answer");
    let recent = |n| by_id(world::trace_id(traces - 1 - world::mix(n) % 8000)).expect("a trace");
    report("168 hours: a trace of the last eight by its id", measure(300, recent), (f64::NAN, f64::NAN), 1.0);
    let any = |n| by_id(world::trace_id(world::mix(n) % traces)).expect("a trace");
    report("168 hours: any trace by its id", measure(100, any), (f64::NAN, f64::NAN), 10.0);
    let rare = |n| {
        let filter = SpanFilter {
            attributes: vec![AttributeCondition::equals("enduser.id", world::user(n * 7919))],
            ..SpanFilter::default()
        };
        runtime
            .block_on(store.search(&tenant, &SpanQuery { filter, ..SpanQuery::default() }))
            .expect("an answer")
    };
    report("168 hours: a rare attribute, all traces with it", measure(50, rare), (f64::NAN, f64::NAN), 100.0);
    let none = |n| assert!(by_id(world::trace_id(traces * 2 + n)).is_none());
    report("168 hours: an id that there is not", measure(50, none), (f64::NAN, f64::NAN), 10.0);
}

fn report(case: &str, ours: (f64, f64), peer: (f64, f64), goal: f64) {
    eprintln!("{case}: median {:.3} ms, slowest {:.3} ms", ours.0, ours.1);
    line(case, ours.0, peer.0, "ms", goal, false);
}

/// The goal is a limit on our own figure.
fn line(case: &str, ours: f64, peer: f64, unit: &str, goal: f64, more_is_better: bool) {
    let round = |v: f64| {
        if v.is_finite() { serde_json::json!((v * 1000.0).round() / 1000.0) } else { serde_json::Value::Null }
    };
    let (ratio, met) = if more_is_better { (ours / peer, ours >= goal) } else { (peer / ours, ours <= goal) };
    let peer_name = format!("a row a span, an index and postings in B-trees, {PEER_SPANS} spans");
    println!(
        "{}",
        serde_json::json!({
            "case": case, "ours": round(ours), "peer": round(peer), "peer_name": peer_name, "unit": unit,
            "ratio": round(ratio), "goal": round(goal), "met": met,
        })
    );
}
