//! What recording costs beside its floor and its peers, and what it holds under overload.
//!
//! The floor of a span is two reads of the clock. Bursts alternate between the contenders, each burst followed by a flush;
//! the figure is the best burst. CPU time is that of the whole process, flush included. `cargo xtask bench recorder`.
#![allow(clippy::print_stderr, clippy::expect_used, reason = "a program, not a library")]

#[path = "support/mod.rs"]
mod support;

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use opentelemetry_sdk::trace::Sampler;
use support::{
    CHILDREN, flush, least, ns_each, pipeline, report, report_at_most, sdk_provider, sdk_tracer,
    trace_by_api, trace_by_macro, user,
};
use trace_core::record::Recorder;
use trace_core::sample::AlwaysOff;

const TRACES: usize = 64;
const SPANS: usize = TRACES * CHILDREN;
const ROUNDS: usize = 300;
const OPEN: usize = 100_000;

fn burst(r: &Recorder) {
    (0..TRACES).for_each(|_| trace_by_macro(r));
}

/// Against the floor, the SDK and fastrace, in one run.
fn cost_of_a_span() {
    eprintln!("measuring the cost of a span ({ROUNDS} rounds)");
    fastrace::set_reporter(FastraceNothing, fastrace::collector::Config::default());
    let (ours, _) = pipeline(Recorder::builder());
    let (provider, _) = sdk_provider(65_536, Sampler::AlwaysOn);
    let tracer = sdk_tracer(&provider);
    let clock = quanta::Clock::new();
    let [span, reads, sdk, fast] = least(
        ROUNDS,
        [
            Box::new(|| {
                let ns = ns_each(SPANS, || burst(ours.recorder()));
                flush(&ours);
                ns
            }),
            Box::new(|| {
                ns_each(SPANS, || {
                    (0..SPANS).for_each(|_| {
                        black_box(clock.raw());
                        black_box(clock.raw());
                    });
                })
            }),
            Box::new(|| {
                let ns = ns_each(SPANS, || (0..TRACES).for_each(|_| trace_by_api(&tracer)));
                provider.force_flush().expect("nothing can be slow");
                ns
            }),
            Box::new(|| {
                let ns = ns_each(SPANS, || (0..TRACES).for_each(|_| trace_by_fastrace()));
                fastrace::flush();
                ns
            }),
        ],
    );
    report_at_most("span! in clock reads", ("two clock reads, ns", "x"), 1.5, [span / reads, reads]);
    report("span! with 4 attributes", ("opentelemetry_sdk, explicit parent", "ns/span"), 8.0, [span, sdk]);
    report("span! with 4 attributes", ("fastrace LocalSpan", "ns/span"), 3.0, [span, fast]);
}

struct FastraceNothing;

impl fastrace::collector::Reporter for FastraceNothing {
    fn report(&mut self, spans: Vec<fastrace::collector::SpanRecord>) {
        black_box(spans);
    }
}

fn trace_by_fastrace() {
    use fastrace::prelude::{LocalSpan, Span, SpanContext};
    let root = Span::root("root", SpanContext::random());
    let _active = root.set_local_parent();
    for i in 0..CHILDREN {
        let _child = LocalSpan::enter_with_local_parent("child").with_properties(|| {
            [
                ("http.method", Cow::Borrowed("GET")),
                ("http.route", Cow::Borrowed("/api/v1/items")),
                ("http.status_code", black_box(200i64).to_string().into()),
                ("enduser.id", user(i).to_string().into()),
            ]
        });
    }
}

fn cpu_of_a_span() {
    eprintln!("measuring the CPU time of a span, the pipeline's included");
    let (ours, _) = pipeline(Recorder::builder());
    let (provider, _) = sdk_provider(65_536, Sampler::AlwaysOn);
    let tracer = sdk_tracer(&provider);
    let cpu = |f: &dyn Fn()| {
        let began = ProcessTime::now();
        f();
        began.elapsed().as_nanos() as f64 / SPANS as f64
    };
    let figures = least(
        ROUNDS,
        [
            Box::new(|| {
                cpu(&|| {
                    burst(ours.recorder());
                    flush(&ours);
                })
            }),
            Box::new(|| {
                cpu(&|| {
                    (0..TRACES).for_each(|_| trace_by_api(&tracer));
                    provider.force_flush().expect("nothing can be slow");
                })
            }),
        ],
    );
    report("CPU of the process", ("opentelemetry_sdk, explicit parent", "ns/span"), 8.0, figures);
}

fn unsampled() {
    eprintln!("measuring spans that are not sampled");
    let (ours, _) = pipeline(Recorder::builder().sampler(AlwaysOff));
    let (provider, _) = sdk_provider(2_048, Sampler::AlwaysOff);
    let tracer = sdk_tracer(&provider);
    let figures = least(
        ROUNDS,
        [
            Box::new(|| ns_each(SPANS, || burst(ours.recorder()))),
            Box::new(|| ns_each(SPANS, || (0..TRACES).for_each(|_| trace_by_api(&tracer)))),
        ],
    );
    report("unsampled span", ("opentelemetry_sdk, AlwaysOff", "ns/span"), 20.0, figures);
}

/// Records at a steady rate for a time, while another thread keeps a core busy; returns how many.
fn paced(per_second: u64, time: Duration, record: &dyn Fn()) -> u64 {
    let stop = AtomicBool::new(false);
    let work = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                work.fetch_add(1, Ordering::Relaxed);
            }
        });
        let began = Instant::now();
        let mut made = 0;
        while began.elapsed() < time {
            let due = began.elapsed().as_nanos() as u64 * per_second / 1_000_000_000;
            while made < due {
                record();
                made += CHILDREN as u64 + 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
        made
    })
}

fn overload() {
    let time = Duration::from_secs(3);
    for per_second in [2_000_000, 10_000_000] {
        let millions = per_second / 1_000_000;
        eprintln!("measuring overload: {millions} million spans/s for 3 s, twice");
        let (ours, seen) = pipeline(Recorder::builder());
        let made = paced(per_second, time, &|| trace_by_macro(ours.recorder()));
        flush(&ours);
        let ledger = ours.ledger();
        let dropped: u64 = ledger.dropped.values().sum::<u64>() + ledger.destinations[0].lost();
        let (provider, sdk_seen) = sdk_provider(2_048, Sampler::AlwaysOn);
        let tracer = sdk_tracer(&provider);
        let sdk_made = paced(per_second, time, &|| trace_by_api(&tracer));
        provider.force_flush().expect("nothing can be slow");
        let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole as f64;
        let peer = percent(sdk_made - sdk_seen.seen(), sdk_made);
        let case = format!("{millions} million spans/s, both cores busy: lost");
        let name = "opentelemetry_sdk, default queue";
        let bound = if millions == 2 { 0.0 } else { 100.0 };
        report_at_most(&case, (name, "%"), bound, [percent(dropped, made), peer]);
        let unaccounted = made.abs_diff(seen.seen() + dropped) as f64;
        let case = format!("{millions} million spans/s, both cores busy: unaccounted");
        report_at_most(
            &case,
            ("the same of opentelemetry_sdk", "spans"),
            0.0,
            [unaccounted, (sdk_made - sdk_seen.seen()) as f64],
        );
    }
}

/// Resident memory, in bytes (`/proc/self/statm`, pages of 4 KiB); zero where there is none.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4096.0
}

fn open_spans() {
    eprintln!("measuring {OPEN} open spans");
    let (ours, _) = pipeline(
        Recorder::builder().limits(trace_core::record::SpanLimits { open_spans: OPEN, ..Default::default() }),
    );
    let r = ours.recorder();
    drop(r.span("first").start());
    flush(&ours);
    let before = resident();
    let mut open = Vec::with_capacity(OPEN);
    for i in 0..OPEN {
        let span = r.span("child").attribute("http.method", "GET").attribute("http.route", "/api/v1/items");
        open.push(
            span.attribute("http.status_code", 200).attribute("enduser.id", user(i).to_owned()).start(),
        );
        if i % 4_096 == 0 {
            flush(&ours);
        }
    }
    flush(&ours);
    let megabytes = (resident() - before) / 1e6;
    assert!(ours.ledger().open >= OPEN as u64, "all are open");
    report_at_most("100,000 open spans, handles included", ("-", "MB"), 40.0, [megabytes, 0.0]);
    drop(open);
}

fn main() {
    // First, while the process is small.
    open_spans();
    cost_of_a_span();
    cpu_of_a_span();
    unsampled();
    overload();
}
