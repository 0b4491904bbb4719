//! Deltas become totals: whatever way a cumulative stream is cut, adding the pieces gives it back.
#![allow(clippy::unwrap_used, reason = "Helpers stand outside of test functions")]
#![cfg(feature = "prometheus")]

mod support;

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use support::shop;
use trace_core::metric::{
    Aggregation, LiveMetrics, MeterRegistry, RegistryOptions, TemporalityPreference, View,
};
use trace_core::model::{
    ExponentialPoint, HistogramPoint, KeyValue, Metric, MetricBatch, MetricData, Number, NumberPoint,
    Resource, Scope, ScopeMetrics, Temporality, Timestamp,
};
use trace_exporters::prometheus::{Accumulator, DeltaConfig, DropReason, Report, Scrape};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_secs(seconds)
}

fn config(max_series: usize, stale_after_ms: u64) -> DeltaConfig {
    let mut config = DeltaConfig::default();
    (config.max_series, config.stale_after_ms) = (max_series, stale_after_ms);
    config
}

fn batch(data: Vec<(&'static str, MetricData)>) -> MetricBatch {
    let metrics = data.into_iter().map(|(name, data)| Metric {
        name: name.into(),
        description: "".into(),
        unit: "".into(),
        data,
    });
    let scope = ScopeMetrics { scope: Arc::new(Scope::named("lib")), metrics: metrics.collect() };
    MetricBatch { resource: Arc::new(Resource::service("shop")), scopes: vec![scope] }
}

fn number(label: &'static str, window: (u64, u64), value: impl Into<Number>) -> NumberPoint {
    let mut point = shop::point(&[("l", label)], value.into());
    (point.start, point.time) = (at(window.0), at(window.1));
    point
}

fn deltas(points: Vec<NumberPoint>) -> MetricBatch {
    let temporality = Temporality::Delta;
    batch(vec![("n", MetricData::Sum { points, temporality, monotonic: true })])
}

/// The numbers of all series, with their times in seconds.
fn numbers(live: &LiveMetrics<'_>) -> Vec<(String, u64, u64, f64)> {
    let mut found = Vec::new();
    for metric in live.metrics.iter().filter_map(|m| m.as_collected()) {
        let MetricData::Sum { points, temporality, .. } = &metric.data else { continue };
        assert_eq!(*temporality, Temporality::Cumulative);
        let seconds = |t: Timestamp| t.unix_nanos() / 1_000_000_000;
        found.extend(points.iter().map(|p| {
            (p.attributes.get("l").unwrap().to_string(), seconds(p.start), seconds(p.time), p.value.as_f64())
        }));
    }
    found
}

struct Adding {
    accumulator: Accumulator,
    report: Report,
}

impl Adding {
    fn new(config: DeltaConfig) -> Self {
        Self { accumulator: Accumulator::new(config), report: Report::default() }
    }

    /// Deltas that come at a time of our clock.
    fn add(&mut self, seconds: u64, points: Vec<NumberPoint>) -> Vec<(String, u64, u64, f64)> {
        self.report = Report::default();
        let batch = deltas(points);
        let live = self.accumulator.accumulate(LiveMetrics::from(&batch), at(seconds), &mut self.report);
        numbers(&live)
    }

    fn dropped(&self) -> Vec<(usize, DropReason)> {
        self.report.dropped.iter().map(|d| (d.series, d.reason.clone())).collect()
    }
}

fn row(label: &str, start: u64, time: u64, value: f64) -> (String, u64, u64, f64) {
    (label.to_owned(), start, time, value)
}

#[test]
fn a_total_keeps_its_start_and_goes_on_over_gaps() {
    let mut adding = Adding::new(DeltaConfig::default());
    assert_eq!(adding.add(1, vec![number("a", (10, 20), 3)]), [row("a", 10, 20, 3.0)]);
    assert_eq!(adding.add(2, vec![number("a", (20, 30), 4)]), [row("a", 10, 30, 7.0)]);
    assert_eq!(adding.add(3, vec![number("a", (50, 60), 0.5)]), [row("a", 10, 60, 7.5)]);
    assert_eq!(adding.add(4, vec![number("a", (55, 65), 1)]), [row("a", 10, 65, 8.5)]);
    let counts = adding.accumulator.counts();
    assert_eq!((counts.added, counts.begun, counts.gaps, counts.overlaps), (4, 1, 1, 1));
}

#[test]
fn a_series_at_rest_holds_at_the_time_of_the_others() {
    let mut adding = Adding::new(DeltaConfig::default());
    adding.add(1, vec![number("a", (10, 20), 3), number("b", (10, 20), 1)]);
    let found = adding.add(2, vec![number("b", (20, 30), 1)]);
    assert_eq!(found, [row("a", 10, 30, 3.0), row("b", 10, 30, 2.0)]);
    assert_eq!(adding.add(3, vec![number("a", (30, 40), 1)]), [row("a", 10, 40, 4.0), row("b", 10, 40, 2.0)]);
}

#[test]
fn the_same_deltas_once_more_change_nothing() {
    let mut adding = Adding::new(DeltaConfig::default());
    adding.add(1, vec![number("a", (10, 20), 3)]);
    let first = adding.add(2, vec![number("a", (20, 30), 4)]);
    assert_eq!(adding.add(3, vec![number("a", (20, 30), 4)]), first);
    assert_eq!((adding.accumulator.counts().repeated, adding.dropped()), (1, vec![]));
}

#[test]
fn what_comes_out_of_order_or_contradicts_itself_is_counted() {
    let mut adding = Adding::new(DeltaConfig::default());
    adding.add(1, vec![number("a", (20, 30), 3)]);
    // Before the last one; another value for its end; before the series; backwards; without a time; below zero.
    let wrong = [
        number("a", (10, 20), 1),
        number("a", (25, 30), 1),
        number("a", (10, 40), 1),
        number("a", (50, 40), 1),
        number("a", (0, 0), 1),
        number("a", (30, 40), -1),
        number("a", (30, 40), f64::NAN),
    ];
    assert_eq!(adding.add(2, wrong.to_vec())[0].3, 3.0);
    assert_eq!(adding.dropped(), [(3, DropReason::OutOfOrder), (4, DropReason::MalformedDelta)]);
    let counts = adding.accumulator.counts();
    assert_eq!((counts.out_of_order, counts.malformed, counts.added), (3, 4, 1));
}

#[test]
fn a_delta_without_a_start_goes_on_where_the_last_one_ended() {
    let mut adding = Adding::new(DeltaConfig::default());
    assert_eq!(adding.add(1, vec![number("a", (0, 20), 3)]), [row("a", 0, 20, 3.0)]);
    assert_eq!(adding.add(2, vec![number("a", (0, 30), 3)]), [row("a", 0, 30, 6.0)]);
    assert_eq!(adding.accumulator.counts().gaps, 0);
}

#[test]
fn series_past_the_limit_are_left_out_and_stale_ones_forgotten() {
    let mut adding = Adding::new(config(2, 60_000));
    adding.add(1000, vec![number("a", (10, 20), 1), number("b", (10, 20), 1), number("c", (10, 20), 1)]);
    assert_eq!(adding.dropped(), [(1, DropReason::TooManySeries)]);
    assert_eq!(adding.add(1050, vec![number("b", (20, 70), 1)]).len(), 2);
    // The first is stale: there is room for another one from now on.
    assert_eq!(adding.add(1066, vec![number("b", (70, 80), 1)]), [row("b", 10, 80, 3.0)]);
    let found = adding.add(1067, vec![number("c", (10, 90), 5)]);
    assert_eq!(found, [row("b", 10, 90, 3.0), row("c", 10, 90, 5.0)]);
    let counts = adding.accumulator.counts();
    assert_eq!((counts.series, counts.forgotten, counts.over_limit), (2, 1, 1));
    // Who was away for long is not forgotten for that.
    assert_eq!(adding.add(9000, vec![number("b", (80, 8000), 1)]), [row("b", 10, 8000, 4.0)]);
    assert_eq!(adding.add(9001, vec![number("c", (90, 8000), 1)])[1], row("c", 90, 8000, 1.0));
}

#[test]
fn a_source_is_told_apart_and_totals_pass_through() {
    let mut accumulator = Accumulator::new(DeltaConfig::default());
    let mut report = Report::default();
    let shop = deltas(vec![number("a", (10, 20), 3)]);
    let other = MetricBatch { resource: Arc::new(Resource::service("other")), ..shop.clone() };
    for (batch, expected) in [(&shop, 3.0), (&other, 3.0)] {
        let live = accumulator.accumulate(LiveMetrics::from(batch), at(1), &mut report);
        assert_eq!(numbers(&live), [row("a", 10, 20, expected)]);
    }
    let totals = shop::metrics();
    let shown = accumulator.accumulate(LiveMetrics::from(&totals), at(1), &mut report);
    let all: usize = totals.scopes.iter().map(|s| s.metrics.len()).sum();
    assert_eq!(shown.metrics.len(), all, "one of them was a delta");
    assert!(shown.metrics.iter().all(|m| m.temporality() == Temporality::Cumulative));
}

#[test]
fn a_histogram_with_other_bounds_begins_anew() {
    let point = |window: (u64, u64), bounds: &[f64], buckets: Vec<u64>| HistogramPoint {
        start: at(window.0),
        time: at(window.1),
        count: buckets.iter().sum(),
        bounds: Arc::from(bounds),
        buckets,
        ..shop::histogram(&[], vec![])
    };
    let mut accumulator = Accumulator::new(DeltaConfig::default());
    let mut add = |point| {
        let data = MetricData::Histogram { points: vec![point], temporality: Temporality::Delta };
        let batch = batch(vec![("h", data)]);
        let live = accumulator.accumulate(LiveMetrics::from(&batch), at(1), &mut Report::default());
        let MetricData::Histogram { points, .. } = &live.metrics[0].as_collected().unwrap().data else {
            panic!()
        };
        points[0].clone()
    };
    add(point((10, 20), &[1.0, 2.0], vec![1, 2, 3]));
    let total = add(point((20, 30), &[1.0, 2.0], vec![1, 0, 1]));
    assert_eq!((total.start, total.buckets, total.count, total.sum), (at(10), vec![2, 2, 4], 8, 3.0));
    assert_eq!(total.exemplars.len(), 1, "the latest of each bucket");
    let anew = add(point((30, 40), &[1.0, 3.0], vec![0, 0, 7]));
    assert_eq!((anew.start, anew.time, anew.count), (at(30), at(40), 7));
}

#[test]
fn a_scrape_of_deltas_shows_totals_and_what_was_left_out() {
    let turns = Mutex::new(vec![
        deltas(vec![number("a", (20, 30), 4)]),
        deltas(vec![number("a", (10, 20), 3)]),
        deltas(vec![]),
    ]);
    let scrape = Scrape::new(move || {
        let mut turns = turns.lock().unwrap();
        if turns.len() > 1 { turns.remove(0) } else { turns[0].clone() }
    });
    let mut expected_drops = [0, 1, 0].into_iter();
    for _ in 0..3 {
        let request = http::Request::get("/metrics").body(()).unwrap();
        let body = scrape.respond(&request).into_body();
        let bytes = text_of(body);
        assert!(bytes.contains("n_total{l=\"a\",otel_scope_name=\"lib\"} 4\n"), "{bytes}");
        assert_eq!(scrape.report().dropped_series(), expected_drops.next().unwrap());
    }
    assert_eq!(scrape.accumulated().out_of_order, 1);
}

fn text_of(body: impl http_body_util::BodyExt<Data: Send, Error: std::fmt::Debug>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Something that is done to the instruments.
#[derive(Clone, Debug)]
enum Step {
    Add(u8, u32),
    Shift(u8, i32),
    Record(u8, u16),
    /// The reader of deltas looks.
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0u8..3, any::<u32>()).prop_map(|(l, v)| Step::Add(l, v)),
        1 => (0u8..3, any::<i32>()).prop_map(|(l, v)| Step::Shift(l, v)),
        4 => (0u8..3, any::<u16>()).prop_map(|(l, v)| Step::Record(l, v)),
        2 => Just(Step::Look),
    ]
}

proptest! {
    #[test]
    fn a_cumulative_stream_that_is_cut_into_deltas_comes_back(steps in prop::collection::vec(step(), 1..120)) {
        let views = vec![View::of("fine").aggregation(Aggregation::EXPONENTIAL)];
        let options = RegistryOptions { views, start: at(1), ..RegistryOptions::default() };
        let registry = MeterRegistry::with_options(Arc::new(Resource::service("shop")), options).unwrap();
        let meter = registry.meter(Scope::named("lib"));
        let counter = meter.counter("counter").build().unwrap();
        let shift = meter.up_down_counter("shift").build().unwrap();
        let wide = meter.histogram("wide").bounds([10.0, 100.0, 1000.0]).build().unwrap();
        let fine = meter.histogram("fine").build().unwrap();
        let reader = registry.reader(TemporalityPreference::LowMemory);
        // Up-down counters are cumulative there, and pass through.
        let mut accumulator = Accumulator::new(DeltaConfig::default());
        let label = |l: &u8| [KeyValue::new("l", i64::from(*l))];
        for (i, step) in steps.iter().chain([&Step::Look]).enumerate() {
            match step {
                Step::Add(l, v) => counter.add(*v, &label(l)),
                Step::Shift(l, v) => shift.add(*v, &label(l)),
                Step::Record(l, v) => {
                    wide.record(f64::from(*v), &label(l));
                    fine.record(f64::from(*v) / 16.0, &label(l));
                }
                Step::Look => {
                    let now = at(2 + i as u64);
                    let deltas = reader.collect(now);
                    let mut report = Report::default();
                    let found = accumulator.accumulate(LiveMetrics::from(&deltas), now, &mut report);
                    prop_assert_eq!(report, Report::default());
                    let expected = registry.collect(now);
                    // Before the first measurement there is nothing to add up.
                    prop_assert_eq!(all(&found), all(&LiveMetrics::from(&expected)));
                }
            }
        }
        prop_assert_eq!(accumulator.counts().malformed, 0);
    }
}

/// Every point as text, in an order of its own, without its times.
fn all(live: &LiveMetrics<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for metric in live.metrics.iter().filter_map(|m| m.as_collected()) {
        let name = &metric.name;
        match &metric.data {
            MetricData::Sum { points, .. } => {
                found.extend(points.iter().map(|p| format!("{name} {:?} {:?}", p.attributes, p.value)));
            }
            MetricData::Histogram { points, .. } => found.extend(points.iter().map(|p| {
                let HistogramPoint { count, sum, min, max, buckets, .. } = p;
                format!("{name} {:?} {count} {sum} {min:?} {max:?} {buckets:?}", p.attributes)
            })),
            MetricData::ExponentialHistogram { points, .. } => {
                found.extend(points.iter().map(|p| format!("{name} {}", exponential(p))));
            }
            _ => {}
        }
    }
    found.sort();
    found
}

/// With the buckets that hold something, at a scale that both sides have.
fn exponential(p: &ExponentialPoint) -> String {
    let by = u32::try_from(p.scale + 4).unwrap();
    let buckets: Vec<_> = p.positive.downscaled(by).iter().filter(|(_, n)| *n > 0).collect();
    let ExponentialPoint { count, sum, min, max, zero_count, scale, .. } = p;
    format!("{:?} {count} {sum} {min:?} {max:?} {zero_count} {scale} {buckets:?}", p.attributes)
}
