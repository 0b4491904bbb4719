//! What a scrape costs, from live instruments to text, against opentelemetry-prometheus and prometheus-client.
//!
//! One family with 100,000 series of three labels: counters, and histograms of 15 bounds. Each contender writes the
//! text format piece by piece to the same receiver, which looks at a byte of each piece: 200 MB of histograms written
//! to one buffer measure the memory of the machine. Ours and opentelemetry-prometheus write 0.0.4, prometheus-client
//! has OpenMetrics alone. Contenders alternate, one value changes between scrapes, and the figure is the best one,
//! in milliseconds of the processor.
//!
//! `cargo xtask bench prometheus --json` prints a line of JSON a case.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a program, not a library")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics as sdk;
use prometheus::Encoder as _;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use trace_core::metric::{MeterRegistry, RegistryOptions};
use trace_core::model::{KeyValue, Resource, Scope, Timestamp};
use trace_exporters::prometheus::{ContentType, Encoder, ExpositionConfig};

const SERIES: usize = 100_000;
const ROUNDS: usize = 8;
/// A contender scrapes so long before it is the next one's turn.
const TURN: Duration = Duration::from_millis(500);
const BOUNDS: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0];

/// Takes pieces of text.
#[derive(Default)]
struct Receiver(usize);

impl Receiver {
    fn take(&mut self, piece: &[u8]) {
        black_box(piece.last());
        self.0 += piece.len();
    }
}

impl std::io::Write for Receiver {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        self.take(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Write for Receiver {
    fn write_str(&mut self, piece: &str) -> std::fmt::Result {
        self.take(piece.as_bytes());
        Ok(())
    }
}

type Labels = Vec<(String, String)>;

/// A contender: a scrape, which returns the number of bytes.
type Scrape = Box<dyn FnMut() -> usize>;

fn labels(i: usize) -> [(&'static str, String); 3] {
    let method = ["GET", "POST", "PUT", "DELETE"][i % 4].to_owned();
    [
        ("http_method", method),
        ("http_route", format!("/api/v1/items/{}", i / 100)),
        ("shard", (i % 100).to_string()),
    ]
}

fn value(i: usize) -> f64 {
    (i * 37 % 12_000) as f64
}

fn ours(histograms: bool) -> Scrape {
    let options = RegistryOptions { cardinality_limit: 2 * SERIES, ..RegistryOptions::default() };
    let registry = MeterRegistry::with_options(Arc::new(Resource::service("bench")), options).expect("valid");
    let meter = registry.meter(Scope::named("bench"));
    let counter = meter.counter("requests").build().expect("a valid name");
    let histogram = meter.histogram("duration").bounds(BOUNDS).build().expect("valid bounds");
    for i in 0..SERIES {
        let labels = labels(i).map(|(k, v)| KeyValue::new(k, v));
        match histograms {
            true => histogram.record(value(i), &labels),
            false => counter.add(i as u64, &labels),
        }
    }
    let first = labels(0).map(|(k, v)| KeyValue::new(k, v));
    let mut encoder = Encoder::new(ExpositionConfig::default());
    Box::new(move || {
        match histograms {
            true => histogram.record(1.0, &first),
            false => counter.add(1, &first),
        }
        let mut to = Receiver::default();
        let live = registry.live(Timestamp::now());
        let report = encoder.write(&live, ContentType::default(), &mut to).expect("it takes everything");
        assert!(report.dropped.is_empty());
        to.0
    })
}

fn official(histograms: bool) -> Scrape {
    let registry = prometheus::Registry::new();
    let exporter =
        opentelemetry_prometheus::exporter().with_registry(registry.clone()).build().expect("it builds");
    let view = |_: &sdk::Instrument| sdk::Stream::builder().with_cardinality_limit(2 * SERIES).build().ok();
    let provider = sdk::SdkMeterProvider::builder().with_reader(exporter).with_view(view).build();
    let meter = provider.meter("bench");
    let counter = meter.u64_counter("requests").build();
    let histogram = meter.f64_histogram("duration").with_boundaries(BOUNDS.to_vec()).build();
    let attributes = |i| labels(i).map(|(k, v)| opentelemetry::KeyValue::new(k, v));
    for i in 0..SERIES {
        match histograms {
            true => histogram.record(value(i), &attributes(i)),
            false => counter.add(i as u64, &attributes(i)),
        }
    }
    let first = attributes(0);
    Box::new(move || {
        let _alive = &provider;
        match histograms {
            true => histogram.record(1.0, &first),
            false => counter.add(1, &first),
        }
        let mut to = Receiver::default();
        prometheus::TextEncoder::new().encode(&registry.gather(), &mut to).expect("it takes everything");
        to.0
    })
}

fn client(histograms: bool) -> Scrape {
    let mut registry = Registry::default();
    let counters = Family::<Labels, Counter>::default();
    let all = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
    match histograms {
        true => registry.register("duration", "duration", all.clone()),
        false => registry.register("requests", "requests", counters.clone()),
    }
    let set = |i| labels(i).map(|(k, v)| (k.to_owned(), v)).to_vec();
    for i in 0..SERIES {
        match histograms {
            true => all.get_or_create(&set(i)).observe(value(i)),
            false => drop(counters.get_or_create(&set(i)).inc_by(i as u64)),
        }
    }
    let first = set(0);
    Box::new(move || {
        match histograms {
            true => all.get_or_create(&first).observe(1.0),
            false => drop(counters.get_or_create(&first).inc()),
        }
        let mut to = Receiver::default();
        prometheus_client::encoding::text::encode(&mut to, &registry).expect("it takes everything");
        to.0
    })
}

fn main() {
    for histograms in [false, true] {
        let mut contenders = [ours(histograms), official(histograms), client(histograms)];
        let mut best = [f64::INFINITY; 3];
        let mut bytes = [0; 3];
        for _ in 0..ROUNDS {
            for ((scrape, best), bytes) in contenders.iter_mut().zip(&mut best).zip(&mut bytes) {
                let turn = ThreadTime::now();
                while turn.elapsed() < TURN {
                    let began = ThreadTime::now();
                    *bytes = scrape();
                    *best = best.min(began.elapsed().as_secs_f64() * 1000.0);
                }
            }
        }
        assert!(bytes.iter().all(|b| *b > SERIES * 50), "a contender wrote only {bytes:?}");
        let (what, goals) = if histograms { ("histograms", [20.0, 4.0]) } else { ("counters", [50.0, 4.0]) };
        for (peer, name, goal) in
            [(1, "opentelemetry-prometheus", goals[0]), (2, "prometheus-client", goals[1])]
        {
            let ratio = best[peer] / best[0];
            println!(
                "{{\"case\":\"scrape 100,000 {what}, {} MB\",\"ours\":{:.2},\"peer\":{:.2},\"peer_name\":\"{name}\",\
                 \"unit\":\"ms\",\"ratio\":{ratio:.2},\"goal\":{goal},\"met\":{}}}",
                bytes[0] / 1_000_000,
                best[0],
                best[peer],
                ratio >= goal,
            );
        }
    }
}
