//! How long the service takes to answer over an hour of ten million spans, while the windows are being written.
//!
//! Four tenants with 200 operations each; one operation in ten is a request, half are leaves, one span in a hundred
//! fails. The hour is virtual: every span ends at its own moment of it. Then a writer goes on at 200 virtual seconds
//! a second, so that all slots are rolled over many times, and the service is asked by turns for each tenant.
//! The figures are the median and the 99th percentile of 2000 calls of each kind, against the limit of the goal.
//!
//! `cargo xtask bench service --json` prints a line of JSON a case.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use trace_core::analyze::{Observation, RedConfig, RedWindows, SpanOutcome};
use trace_core::model::{
    Anomaly, AnomalyId, AnomalyKind, AnomalyState, Severity, SpanId, SpanKind, TenantId, TimeRange,
    Timestamp, TraceId, TraceIds,
};
use trace_core::service::{AnomalyQuery, MetricSample, PerformanceQuery, TracingService};
use trace_core::store::{MemoryStore, TimeSource};

const TENANTS: [&str; 4] = ["default", "acme", "globex", "initech"];
const OPERATIONS: usize = 200;
const SPANS: u64 = 10_000_000;
const HOUR: u64 = 3600;
const START: u64 = 1_756_900_000;
const CALLS: usize = 2000;

struct Traffic {
    names: Vec<String>,
    state: u64,
}

impl Traffic {
    fn new() -> Self {
        Self {
            names: (0..OPERATIONS).map(|n| format!("operation.{n}")).collect(),
            state: 88_172_645_463_325_252,
        }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// The spans of one second.
    fn second(&mut self, windows: &RedWindows, at: u64, spans: u64) {
        let draws: Vec<[u64; 3]> = (0..spans).map(|_| [self.next(), self.next(), self.next()]).collect();
        for (t, tenant) in TENANTS.iter().enumerate() {
            let own = draws.iter().skip(t).step_by(TENANTS.len());
            windows.record(own.map(|d| observation(tenant, &self.names, at, *d)));
        }
    }
}

fn observation<'a>(
    tenant: &'a str,
    names: &'a [String],
    second: u64,
    [a, b, c]: [u64; 3],
) -> Observation<'a> {
    let n = (a % OPERATIONS as u64) as usize;
    // The sum of uniform numbers is about normal, its exponential a usual shape of latencies.
    let normal = (0..8).map(|i| (b >> (8 * i) & 0xff) as f64 / 255.0 - 0.5).sum::<f64>();
    let millis = (1.0 + (n % 17) as f64) * (normal * 1.2).exp();
    let duration = Duration::from_secs_f64(millis / 1e3);
    let ids = (TraceId::new(u128::from(c) + 1), SpanId::new(c | 1));
    Observation {
        tenant,
        kind: if n.is_multiple_of(10) { SpanKind::Server } else { SpanKind::Internal },
        entry: n.is_multiple_of(10),
        status: if c.is_multiple_of(100) { SpanOutcome::Error } else { SpanOutcome::Unset },
        self_time: if n.is_multiple_of(2) { duration } else { duration.mul_f64((c % 97) as f64 / 97.0) },
        trace: ids.0.map(|trace_id| TraceIds { trace_id, span_id: ids.1 }),
        ..Observation::call(
            "shop",
            &names[n],
            Timestamp::from_unix_nanos(second * 1_000_000_000 + c % 1_000_000_000),
            duration,
        )
    }
}

fn anomaly(tenant: &TenantId, n: u64) -> Anomaly {
    let at = Timestamp::from_unix_secs(START + n * 14);
    Anomaly {
        id: AnomalyId(uuid::Uuid::new_v4()),
        tenant: tenant.clone(),
        detected_at: at,
        window: TimeRange { start: at, end: at + Duration::from_secs(5) },
        kind: AnomalyKind::PerformanceDegradation,
        severity: Severity::High,
        score: 1.0,
        confidence: 0.99,
        detector: "bench".to_owned(),
        series: format!("shop/operation.{}", n % OPERATIONS as u64),
        affected: Vec::new(),
        reason: "self time 340 ms, normally 42 to 51 ms".to_owned(),
        exemplar: None,
        state: if n.is_multiple_of(2) { AnomalyState::Open } else { AnomalyState::Resolved { at } },
    }
}

/// How long this thread has run, in milliseconds, where the system tells.
fn on_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e6)
}

/// The median and the 99th percentile in milliseconds.
fn measure(name: &str, mut call: impl FnMut(usize)) -> (f64, f64) {
    let before = on_cpu();
    let mut took: Vec<f64> = (0..CALLS)
        .map(|n| {
            let began = Instant::now();
            call(n);
            let took = began.elapsed().as_secs_f64() * 1e3;
            // The writer gets its turns on one core, too.
            std::thread::yield_now();
            took
        })
        .collect();
    if let (Some(before), Some(after)) = (before, on_cpu()) {
        eprintln!("{name}: {:.3} ms of processor time a call", (after - before) / CALLS as f64);
    }
    took.sort_by(f64::total_cmp);
    (took[CALLS / 2], took[CALLS * 99 / 100])
}

fn report(case: &str, unit: &str, ours: f64, limit: f64) {
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": limit, "peer_name": "the limit", "unit": unit,
        "ratio": round(limit / ours), "goal": 1.0, "met": ours <= limit,
    });
    println!("{line}");
}

fn main() {
    let now = Arc::new(AtomicU64::new(START));
    let read = now.clone();
    let clock: TimeSource = Arc::new(move || Timestamp::from_unix_secs(read.load(Relaxed)));
    let config = RedConfig { clock: clock.clone(), ..RedConfig::default() };
    let max_bytes = config.max_bytes;
    let windows = Arc::new(RedWindows::new(config));
    let mut traffic = Traffic::new();
    let began = Instant::now();
    for second in 0..HOUR {
        now.store(START + second, Relaxed);
        traffic.second(&windows, START + second, SPANS / HOUR + u64::from(second % 9 < 7));
    }
    let per_span = began.elapsed().as_nanos() as f64 / SPANS as f64;
    let filled = windows.stats();
    eprintln!("{SPANS} spans in {:?}, {per_span:.0} ns each with their making; {filled:?}", began.elapsed());

    let store = Arc::new(MemoryStore::default());
    let service = TracingService::builder()
        .span_reader(store.clone())
        .windows(windows.clone())
        .required_check(store)
        .optional_check(windows.clone())
        .clock(clock)
        .build();
    let handles: Vec<TracingService> =
        TENANTS.iter().map(|t| service.for_tenant(TenantId::new(t).expect("a valid name"))).collect();
    for (handle, n) in handles.iter().flat_map(|h| (0..250).map(move |n| (h, n))) {
        service.anomaly_log().upsert(anomaly(handle.tenant(), n));
        let sample =
            MetricSample::new("p", Timestamp::from_unix_secs(START + n * 14)).value("depth", n as f64);
        handle.record_metric("4bf92f3577b34da6a3ce929d0e0e4736", sample).expect("a valid sample");
    }

    let over = Arc::new(AtomicBool::new(false));
    let writing = {
        let (windows, now, over) = (windows.clone(), now.clone(), over.clone());
        std::thread::spawn(move || {
            let began = Instant::now();
            let mut written = 0;
            while !over.load(Relaxed) {
                let second = now.fetch_add(1, Relaxed) + 1;
                traffic.second(&windows, second, SPANS / HOUR);
                written += SPANS / HOUR;
                std::thread::sleep(Duration::from_millis(5));
            }
            written as f64 / began.elapsed().as_secs_f64()
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let hour =
        PerformanceQuery { include_anomalies: true, include_recommendations: true, ..Default::default() };
    let mut operations = 0;
    let performance = measure("performance_data", |n| {
        let data = runtime.block_on(handles[n % 4].performance_data(hour.clone())).expect("an answer");
        operations = data.operations.len();
    });
    assert_eq!(operations, OPERATIONS, "every operation has its row");
    let anomalies = measure("anomalies", |n| {
        let found = handles[n % 4].anomalies(&AnomalyQuery::default()).expect("an answer");
        assert!(!found.is_empty());
    });
    let health = measure("health", |n| assert!(!handles[n % 4].health().components.is_empty()));
    over.store(true, Relaxed);
    let rate = writing.join().expect("the writer goes on");
    eprintln!("written meanwhile: {rate:.0} spans/s; {:?}", windows.stats());

    let limit = 10.0;
    for (case, (p50, p99)) in [
        ("performance_data, 1 h of 10 million spans", performance),
        ("anomalies, 24 h", anomalies),
        ("health", health),
    ] {
        report(&format!("{case}: p50"), "ms", p50, limit);
        report(&format!("{case}: p99"), "ms", p99, limit);
    }
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    report("memory of the windows", "MiB", mib(filled.bytes.max(windows.stats().bytes)), mib(max_bytes));
}
