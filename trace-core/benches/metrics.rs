//! What a measurement costs, against the OpenTelemetry SDK and prometheus-client.
//!
//! Attributes (as `Label`s or as `KeyValue`s) are three static texts in 64 combinations, in pseudo-random order, made anew for each call as an
//! application does. Bursts alternate between the contenders; the figure is the best burst, in nanoseconds a
//! measurement. With two threads both run the same burst at once, rounds in which they did not overlap are left out, and
//! the figure is that of the slower one. The SDK has a reader with cumulative temporality, which is not asked meanwhile.
//!
//! `cargo xtask bench metrics --json` prints a line of JSON a case.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a program, not a library"
)]

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics as sdk;
use opentelemetry_sdk::metrics::reader::MetricReader as _;
use trace_core::metric::{Aggregation, Label, MeterRegistry, RegistryOptions, View, otel::MeterProvider};
use trace_core::model::{KeyValue, Resource, Scope, Timestamp};

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
const ROUTES: [&str; 4] = ["/api/v1/items", "/api/v1/users", "/healthz", "/api/v1/orders/{id}"];
const CODES: [&str; 4] = ["200", "201", "404", "500"];
/// The bounds that both histograms have.
const BOUNDS: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0];
static VALUES: [f64; 8] = [3.2, 17.0, 88.0, 140.0, 611.0, 44.0, 1200.0, 9.0];
const OPS: u64 = 4_000;
const ROUNDS: usize = 400;
const SERIES: i64 = 100_000;

type Burst = Arc<dyn Fn(u64) + Send + Sync>;

#[inline(always)]
fn labels(i: u64) -> [&'static str; 3] {
    let h = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    [METHODS[(h & 3) as usize], ROUTES[((h >> 2) & 3) as usize], CODES[((h >> 4) & 3) as usize]]
}

#[inline(always)]
fn value(i: u64) -> f64 {
    black_box(VALUES[(i & 7) as usize])
}

#[inline(always)]
fn ours3(i: u64) -> [KeyValue; 3] {
    let [m, r, c] = labels(i);
    [KeyValue::new("http.method", m), KeyValue::new("http.route", r), KeyValue::new("http.code", c)]
}

#[inline(always)]
fn labels3(i: u64) -> [Label; 3] {
    let [m, r, c] = labels(i);
    [Label::new("http.method", m), Label::new("http.route", r), Label::new("http.code", c)]
}

#[inline(always)]
fn api3(i: u64) -> [opentelemetry::KeyValue; 3] {
    use opentelemetry::KeyValue;
    let [m, r, c] = labels(i);
    [KeyValue::new("http.method", m), KeyValue::new("http.route", r), KeyValue::new("http.code", c)]
}

macro_rules! burst {
    (|$i:ident| $e:expr) => {
        Arc::new(move |n: u64| {
            for $i in 0..n {
                $e;
            }
        }) as Burst
    };
}

fn registry() -> MeterRegistry {
    let views = vec![View::of("exponential").aggregation(Aggregation::EXPONENTIAL)];
    let options = RegistryOptions { views, ..RegistryOptions::default() };
    MeterRegistry::with_options(Arc::new(Resource::service("bench")), options).expect("the view is valid")
}

/// A reader that the bench asks itself.
#[derive(Clone, Debug)]
struct Reader(Arc<sdk::ManualReader>);

impl sdk::reader::MetricReader for Reader {
    fn register_pipeline(&self, pipeline: std::sync::Weak<sdk::Pipeline>) {
        self.0.register_pipeline(pipeline);
    }
    fn collect(&self, rm: &mut sdk::data::ResourceMetrics) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.collect(rm)
    }
    fn force_flush(&self) -> opentelemetry_sdk::error::OTelSdkResult {
        Ok(())
    }
    fn shutdown_with_timeout(&self, timeout: Duration) -> opentelemetry_sdk::error::OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
    fn temporality(&self, kind: sdk::InstrumentKind) -> sdk::Temporality {
        self.0.temporality(kind)
    }
}

fn sdk_provider() -> (sdk::SdkMeterProvider, Reader) {
    let reader = Reader(Arc::new(sdk::ManualReader::builder().build()));
    let view = |i: &sdk::Instrument| match i.name() {
        "exponential" => {
            let aggregation = sdk::Aggregation::Base2ExponentialHistogram {
                max_size: 160,
                max_scale: 20,
                record_min_max: true,
            };
            sdk::Stream::builder().with_aggregation(aggregation).build().ok()
        }
        "many" => sdk::Stream::builder().with_cardinality_limit(200_000).build().ok(),
        _ => None,
    };
    (sdk::SdkMeterProvider::builder().with_reader(reader.clone()).with_view(view).build(), reader)
}

/// The best burst of each, in nanoseconds an operation.
fn compare(contenders: [&Burst; 2]) -> [f64; 2] {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for (best, burst) in best.iter_mut().zip(contenders) {
            let began = Instant::now();
            burst(OPS);
            *best = best.min(began.elapsed().as_nanos() as f64 / OPS as f64);
        }
    }
    best
}

/// The best round of two threads that really ran at the same time, in nanoseconds an operation of one thread.
fn two_threads(burst: &Burst) -> f64 {
    const TOGETHER: u64 = 40_000;
    let barrier = Arc::new(Barrier::new(2));
    let run = || {
        let (barrier, burst) = (barrier.clone(), burst.clone());
        thread::spawn(move || {
            (0..200)
                .map(|_| {
                    barrier.wait();
                    let began = Instant::now();
                    burst(TOGETHER);
                    (began, Instant::now())
                })
                .collect::<Vec<_>>()
        })
    };
    let [a, b] = [run(), run()].map(|t| t.join().expect("a burst does not panic"));
    let mut best = f64::INFINITY;
    for ((a0, a1), (b0, b1)) in a.into_iter().zip(b) {
        let (longest, together) = ((a1 - a0).max(b1 - b0), a1.min(b1).saturating_duration_since(a0.max(b0)));
        if together.as_secs_f64() >= 0.8 * longest.as_secs_f64() {
            best = best.min(longest.as_nanos() as f64 / TOGETHER as f64);
        }
    }
    best
}

fn line(case: &str, unit: &str, goal: f64, ours: f64, peer_name: &str, peer: f64) {
    let round = |v: f64| (v * 100.0).round() / 100.0;
    let ratio = peer / ours;
    let line = serde_json::json!({
        "case": case, "ours": round(ours), "peer": round(peer), "peer_name": peer_name, "unit": unit,
        "ratio": round(ratio), "goal": goal, "met": ratio >= goal,
    });
    println!("{line}");
}

fn report(case: &str, goal: f64, ours: &Burst, peer_name: &str, peer: &Burst) {
    let [ours, peer] = compare([ours, peer]);
    line(case, "ns/op", goal, ours, peer_name, peer);
}

/// Two threads against one, and against the peer's two.
fn report_two(case: &str, ours: &Burst, peer: &Burst) {
    let mut best = [f64::INFINITY; 3];
    for _ in 0..3 {
        best[0] = best[0].min(compare([ours, ours])[0]);
        best[1] = best[1].min(two_threads(ours));
        best[2] = best[2].min(two_threads(peer));
    }
    // At most 1.3 times the cost of one thread.
    line(&format!("{case}, two threads"), "ns/op", 1.0 / 1.3, best[1], "ours, one thread", best[0]);
    line(&format!("{case}, two threads"), "ns/op", 8.0, best[1], "opentelemetry_sdk, two threads", best[2]);
}

fn collecting() {
    let attributes = |i: i64| {
        let route = format!("/route/{}", i / 1000);
        (route, i % 1000)
    };
    let options = RegistryOptions { cardinality_limit: 200_000, ..RegistryOptions::default() };
    let ours = MeterRegistry::with_options(Arc::default(), options).expect("there are no views");
    let counter = ours.meter(Scope::named("bench")).counter("many").build().expect("valid");
    let (provider, reader) = sdk_provider();
    let peer = provider.meter("bench").u64_counter("many").build();
    for i in 0..SERIES {
        let (route, n) = attributes(i);
        counter.add(1, &[KeyValue::new("route", route.clone()), KeyValue::new("n", n)]);
        peer.add(1, &[opentelemetry::KeyValue::new("route", route), opentelemetry::KeyValue::new("n", n)]);
    }
    let mut best = [f64::INFINITY; 2];
    for _ in 0..10 {
        let began = Instant::now();
        let batch = ours.collect(Timestamp::now());
        best[0] = best[0].min(began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(batch.point_count(), SERIES as usize);
        drop(batch);
        let mut found = sdk::data::ResourceMetrics::default();
        let began = Instant::now();
        reader.collect(&mut found).expect("the reader is registered");
        best[1] = best[1].min(began.elapsed().as_secs_f64() * 1e3);
    }
    line("collect 100,000 counters", "ms", 1.0, best[0], "opentelemetry_sdk", best[1]);
}

fn main() {
    let registry = registry();
    let meter = registry.meter(Scope::named("bench"));
    let (provider, _reader) = sdk_provider();
    let sdk_meter = provider.meter("bench");
    let api_meter = MeterProvider::new(registry.clone()).meter("api");

    let c = meter.counter("counter").build().expect("valid");
    let h = meter.histogram("histogram").bounds(BOUNDS).build().expect("valid");
    let e = meter.histogram("exponential").build().expect("valid");
    let sc = sdk_meter.u64_counter("counter").build();
    let sh = sdk_meter.f64_histogram("histogram").with_boundaries(BOUNDS.to_vec()).build();
    let se = sdk_meter.f64_histogram("exponential").build();
    let ac = api_meter.u64_counter("counter").build();
    let ah = api_meter.f64_histogram("histogram").build();

    let (bc, bh) = (c.bind(&ours3(0)), h.bind(&ours3(0)));
    let (sbc, sbh) = (sc.bind(&api3(0)), sh.bind(&api3(0)));
    let pc = prometheus_client::metrics::counter::Counter::<u64>::default();
    let ph = prometheus_client::metrics::histogram::Histogram::new(BOUNDS);

    let (c2, h2) = (c.clone(), h.clone());
    let labelled_counter = burst!(|i| c2.add_labels(1, &labels3(i)));
    let labelled_histogram = burst!(|i| h2.record_labels(value(i), &labels3(i)));
    let counter = burst!(|i| c.add(1, &ours3(i)));
    let sdk_counter = burst!(|i| sc.add(1, &api3(i)));
    let histogram = burst!(|i| h.record(value(i), &ours3(i)));
    let sdk_histogram = burst!(|i| sh.record(value(i), &api3(i)));
    let bound_counter = burst!(|_i| bc.add(1));
    let bound_histogram = burst!(|i| bh.record(value(i)));

    let sdk = "opentelemetry_sdk";
    let (sdk_bound, cached) = ("opentelemetry_sdk, bound", "prometheus-client, cached");
    report("counter, 3 labels", 8.0, &labelled_counter, sdk, &sdk_counter);
    report("histogram, 3 labels", 8.0, &labelled_histogram, sdk, &sdk_histogram);
    report_two("counter, 3 labels", &labelled_counter, &sdk_counter);
    report_two("histogram, 3 labels", &labelled_histogram, &sdk_histogram);
    report("counter, 3 key-values", 8.0, &counter, sdk, &sdk_counter);
    report("histogram, 3 key-values", 8.0, &histogram, sdk, &sdk_histogram);
    report("bound counter", 1.0, &bound_counter, sdk_bound, &burst!(|_i| sbc.add(1)));
    report("bound counter", 1.0, &bound_counter, cached, &burst!(|_i| pc.inc()));
    report("bound histogram", 1.0, &bound_histogram, sdk_bound, &burst!(|i| sbh.record(value(i))));
    report("bound histogram", 1.0, &bound_histogram, cached, &burst!(|i| ph.observe(value(i))));
    report(
        "exponential histogram, 3 attributes",
        1.0,
        &burst!(|i| e.record(value(i), &ours3(i))),
        sdk,
        &burst!(|i| se.record(value(i), &api3(i))),
    );
    report(
        "opentelemetry API, counter, 3 attributes",
        2.0,
        &burst!(|i| ac.add(1, &api3(i))),
        sdk,
        &sdk_counter,
    );
    report(
        "opentelemetry API, histogram, 3 attributes",
        2.0,
        &burst!(|i| ah.record(value(i), &api3(i))),
        sdk,
        &sdk_histogram,
    );
    collecting();
}
