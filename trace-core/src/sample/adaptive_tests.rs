//! Adaptive sampling in virtual time.

use super::*;
use crate::clock::ManualClock;
use crate::model::{Resource, SpanContext, SpanData, SpanId, SpanKind, Timestamp, TraceFlags, TraceId};
use crate::sample::OtelTraceState;

/// A service under load: traces of some spans, which end 200 ms later.
struct Load {
    sampler: Adaptive,
    time: ManualClock,
    random: u64,
    under_way: std::collections::VecDeque<usize>,
    offered: f64,
    adjusted: f64,
}

impl Load {
    fn new(budget: f64) -> Self {
        let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
        let sampler = Adaptive::with_config(AdaptiveConfig { clock, ..AdaptiveConfig::new(budget) }).unwrap();
        Self { sampler, time, random: 1, under_way: [0; 20].into(), offered: 0.0, adjusted: 0.0 }
    }

    fn random_id(&mut self) -> TraceId {
        let mut next = || {
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = self.random;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        TraceId::from_random(u128::from(next()) << 64 | u128::from(next()))
    }

    /// Spans a second that were sampled during this time.
    fn run(&mut self, seconds: u64, traces_per_second: u64, spans_per_trace: usize) -> f64 {
        let counter = self.sampler.counter();
        let mut total = 0;
        for _ in 0..seconds * 100 {
            let mut spans = 0;
            for _ in 0..traces_per_second / 100 {
                let id = self.random_id();
                let decision = self.sampler.sample(&SamplingInput::new(id, "op", SpanKind::Server));
                self.offered += 1.0;
                if decision.is_sampled() {
                    spans += spans_per_trace;
                    let state = decision.trace_state.unwrap();
                    self.adjusted += OtelTraceState::threshold_of(&state).unwrap().adjusted_count();
                }
            }
            self.under_way.push_back(spans);
            let ended = self.under_way.pop_front().unwrap();
            total += ended;
            counter.process(&mut batch(ended));
            self.time.advance(Duration::from_millis(10));
        }
        total as f64 / seconds as f64
    }
}

fn batch(n: usize) -> SpanBatchMut {
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
    let at = Timestamp::from_unix_secs(1);
    let context = SpanContext::new(TraceId::MIN, SpanId::MAX, TraceFlags::SAMPLED);
    batch.extend((0..n).map(|_| SpanData::new(context.clone(), "op", at, at)));
    batch
}

#[test]
fn the_budget_is_met_whatever_the_traffic_and_the_size_of_traces() {
    let mut load = Load::new(200.0);
    for (traces, spans) in [(1000, 10), (5000, 10), (500, 40), (2000, 3)] {
        load.run(20, traces, spans);
        let rate = load.run(60, traces, spans);
        assert!((rate / 200.0 - 1.0).abs() < 0.15, "{rate} spans/s of {traces} x {spans}");
    }
}

#[test]
fn less_traffic_than_the_budget_is_sampled_whole() {
    let mut load = Load::new(200.0);
    load.run(30, 2000, 10);
    assert!(load.sampler.probability() < 0.02);
    load.run(30, 100, 1);
    assert_eq!(load.run(10, 100, 1), 100.0);
    assert_eq!(load.sampler.probability(), 1.0);
}

#[test]
fn counts_stay_right_while_the_probability_moves() {
    let mut load = Load::new(300.0);
    for (traces, spans) in [(200, 10), (4000, 5), (1000, 20), (3000, 2), (500, 10)] {
        load.run(20, traces, spans);
    }
    // Some 60,000 spans of sampled traces: the standard deviation of the estimate is below 1 %.
    let off = load.adjusted / load.offered - 1.0;
    assert!(off.abs() < 0.04, "{off}");
}

#[test]
fn one_adjustment_changes_the_probability_by_a_bounded_factor() {
    let mut load = Load::new(10.0);
    let mut before = load.sampler.probability();
    for second in 0..30 {
        load.run(1, if second < 15 { 10_000 } else { 100 }, 10);
        let now = load.sampler.probability();
        assert!(now / before <= 1.51 && before / now <= 4.01, "{before} {now}");
        before = now;
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let config = |f: fn(&mut AdaptiveConfig)| {
        let mut config = AdaptiveConfig::new(10.0);
        f(&mut config);
        Adaptive::with_config(config).unwrap_err().to_string()
    };
    assert!(Adaptive::new(0.0).unwrap_err().to_string().contains("spans_per_second must be above 0, got 0"));
    assert!(config(|c| c.max_rise = 1.0).contains("max_rise must be above 1, got 1"));
    assert!(config(|c| c.min_probability = f64::NAN).contains("min_probability"));
    assert!(config(|c| c.interval = Duration::ZERO).contains("interval"));
}
