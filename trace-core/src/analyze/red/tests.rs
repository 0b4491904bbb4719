//! Tests of the windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use std::time::Duration;

use super::*;
use crate::model::{SpanKind, TimeRange, TraceId, TraceIds};

const START: u64 = 1_756_900_000;

fn windows(max_series: usize, max_bytes: usize) -> (RedWindows, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(START * 1000));
    let clock = now.clone();
    let clock: TimeSource = Arc::new(move || Timestamp::from_unix_nanos(clock.load(Relaxed) * 1_000_000));
    (RedWindows::new(RedConfig { max_series, max_bytes, clock, ..RedConfig::default() }), now)
}

fn seconds(from: u64, to: u64) -> TimeRange {
    TimeRange { start: Timestamp::from_unix_secs(START + from), end: Timestamp::from_unix_secs(START + to) }
}

fn call(operation: &str, second: u64, ms: u64) -> Observation<'_> {
    Observation {
        status: if ms >= 1000 { SpanOutcome::Error } else { SpanOutcome::Unset },
        self_time: Duration::from_millis(ms / 2),
        trace: Some(TraceIds { trace_id: TraceId::new(u128::from(ms) + 1).unwrap(), span_id: None }),
        ..Observation::call(
            "s",
            operation,
            Timestamp::from_unix_secs(START + second),
            Duration::from_millis(ms),
        )
    }
}

#[test]
fn a_range_has_its_own_rate_errors_and_percentiles() {
    let (red, now) = windows(10, 1 << 20);
    for second in 0..100 {
        now.store((START + second) * 1000, Relaxed);
        red.record([call("a", second, 10), call("a", second, 1000), call("b", second, 20)]);
    }
    let r = red.summary(&RedQuery::operation(seconds(50, 60), "s", "a"));
    assert_eq!((r.count, r.errors, r.error_rate_percent), (20, 10, 50.0));
    assert!((r.rate_per_sec - 2.0).abs() < 1e-9, "{r:?}");
    assert_eq!((r.duration_ms.min, r.duration_ms.max), (10.0, 1000.0));
    assert!((r.self_time_ms.p99 - 500.0).abs() <= 5.0);
    assert_eq!(r.slowest.unwrap().trace_id, TraceId::new(1001).unwrap());
    assert_eq!(red.summary(&RedQuery::all(seconds(0, 100))).count, 300);
    let rows = red.rows(&RedQuery::all(seconds(0, 100)));
    assert_eq!(
        rows.iter().map(|r| (r.operation.as_str(), r.summary.count)).collect::<Vec<_>>(),
        [("a", 200), ("b", 100)]
    );
    let points = red.points(&RedQuery::all(seconds(0, 100)), Duration::from_secs(10));
    assert_eq!(points.iter().map(|p| p.count).collect::<Vec<_>>(), [30; 10]);
    let window = red.window(seconds(7, 8));
    assert_eq!(
        window.iter().map(|w| (w.operation.as_str(), w.count)).collect::<Vec<_>>(),
        [("a", 2), ("b", 1)]
    );
}

#[test]
fn a_long_range_is_answered_from_the_minutes() {
    let (red, now) = windows(10, 4 << 20);
    for second in (0..7200).step_by(10) {
        now.store((START + second) * 1000, Relaxed);
        red.observe(call("a", second, 10));
    }
    now.store((START + 7200) * 1000, Relaxed);
    let hour = red.summary(&RedQuery::all(seconds(3600, 7200)));
    assert!((360..=366).contains(&hour.count), "{}", hour.count);
    assert_eq!(red.summary(&RedQuery::all(seconds(7100, 7200))).count, 10);
    let points = red.points(&RedQuery::all(seconds(0, 7200)), Duration::from_secs(1));
    assert!(points.len() <= 122 && points.iter().map(|p| p.count).sum::<u64>() == 720);
}

#[test]
fn only_entries_count_as_requests_if_asked() {
    let (red, _) = windows(10, 1 << 20);
    red.record([call("a", 0, 10), Observation { entry: true, ..call("a", 0, 10) }, call("b", 0, 10)]);
    let query = RedQuery { entries_only: true, ..RedQuery::all(seconds(0, 1)) };
    assert_eq!(red.summary(&query).count, 1);
    assert_eq!(red.rows(&RedQuery::all(seconds(0, 1))).len(), 2, "a row is an operation");
}

#[test]
fn series_past_the_limit_are_counted_together_until_others_fall_silent() {
    let (red, now) = windows(2, 1 << 20);
    for operation in ["a", "b", "c", "d"] {
        red.observe(call(operation, 0, 10));
    }
    red.observe(call("e", 0, 1000));
    let stats = red.stats();
    assert_eq!((stats.series, stats.overflowed), (4, 3), "one of the others for each outcome");
    let all = red.summary(&RedQuery::all(seconds(0, 1)));
    assert_eq!((all.count, all.errors), (5, 1), "the total stays true");
    assert_eq!(red.window(seconds(0, 1)).len(), 2);
    now.store((START + 700) * 1000, Relaxed);
    red.observe(call("e", 700, 10));
    assert_eq!(red.stats().overflowed, 3);
    assert_eq!(red.rows(&RedQuery::all(seconds(700, 701)))[0].operation, "e");
}

#[test]
fn late_spans_are_counted_and_future_ones_move_nothing() {
    let (red, now) = windows(10, 1 << 20);
    now.store((START + 1000) * 1000, Relaxed);
    red.observe(call("a", 10, 5));
    assert_eq!(red.stats().late, 1);
    assert_eq!(red.summary(&RedQuery::all(seconds(0, 20))).count, 1, "too late for the seconds alone");
    red.observe(call("a", 1_000_000, 5));
    assert_eq!(red.summary(&RedQuery::all(seconds(1000, 1001))).count, 1);
    now.store((START + 2_000_000) * 1000, Relaxed);
    red.observe(call("a", 10, 5));
    assert_eq!(red.stats().late, 2, "older than anything kept");
    assert_eq!(red.summary(&RedQuery::all(seconds(0, 2_000_000))).count, 0, "the week has passed");
}

#[test]
fn a_sampled_span_counts_as_often_as_it_stands_for() {
    let (red, _) = windows(10, 1 << 20);
    red.record([Observation { weight: 10.0, ..call("a", 0, 10) }, call("a", 0, 20), call("a", 0, 1000)]);
    let all = red.summary(&RedQuery::all(seconds(0, 1)));
    assert_eq!((all.count, all.errors, all.observed), (12, 1, 3));
    assert!((all.error_rate_percent - 100.0 / 12.0).abs() < 1e-3);
    assert!((all.duration_ms.p50 - 10.0).abs() < 0.1, "{all:?}");
    red.observe(Observation { weight: f64::NAN, ..call("b", 0, 10) });
    assert_eq!(red.summary(&RedQuery::operation(seconds(0, 1), "s", "b")).count, 1);
}

#[test]
fn kinds_and_outcomes_can_be_asked_for() {
    let (red, _) = windows(10, 1 << 20);
    let client = Observation { kind: SpanKind::Client, status: SpanOutcome::Ok, ..call("a", 0, 10) };
    red.record([client, call("a", 0, 10), call("a", 0, 1000)]);
    let all = RedQuery::all(seconds(0, 1));
    assert_eq!(
        red.rows(&all).iter().map(|r| (r.kind, r.summary.count)).collect::<Vec<_>>(),
        [(SpanKind::Internal, 2), (SpanKind::Client, 1)]
    );
    let count = |query| red.summary(&query).count;
    assert_eq!(count(RedQuery { kind: Some(SpanKind::Client), ..all }), 1);
    assert_eq!(count(RedQuery { status: Some(SpanOutcome::Error), ..all }), 1);
    assert_eq!(count(RedQuery { status: Some(SpanOutcome::Ok), service: Some("s"), ..all }), 1);
    assert_eq!(count(RedQuery { service: Some("t"), ..all }), 0);
    let profile = &red.profiles(&all)[0];
    assert_eq!((profile.errors, profile.observed_errors), (1.0, 1));
    assert_eq!(profile.slowest_error.unwrap().trace_id, TraceId::new(1001).unwrap());
    assert_eq!(profile.duration_ms.histogram(&[100.0]), [1.0, 1.0]);
}

#[test]
fn the_byte_bound_shortens_the_past_and_is_what_is_held() {
    let max_bytes = 256 << 10;
    let (red, now) = windows(100, max_bytes);
    for second in 0..3000 {
        now.store((START + second) * 1000, Relaxed);
        red.record((1..50).map(|ms| call(if ms % 2 == 0 { "a" } else { "b" }, second, ms * 7)));
        assert!(red.stats().bytes <= max_bytes, "{second}");
    }
    let recent = red.summary(&RedQuery::all(seconds(2990, 3000)));
    assert_eq!(recent.count, 490, "the present is whole");
    let all = red.summary(&RedQuery::all(seconds(0, 3000)));
    assert_eq!(all.count, 49 * 3000, "the past is there in wider slots");
}

#[test]
fn a_noisy_tenant_neither_shows_in_the_answers_of_another_nor_takes_its_room() {
    let max_bytes = 512 << 10;
    let (red, now) = windows(200, max_bytes);
    let (quiet, noisy) = (TenantId::new("quiet").unwrap(), TenantId::new("noisy").unwrap());
    let names: Vec<String> = (0..1000).map(|n| format!("op{n}")).collect();
    for second in 0..600 {
        now.store((START + second) * 1000, Relaxed);
        red.observe(Observation { tenant: "quiet", ..call("q", second, 10) });
        let flood = names.iter().skip(second as usize % 7 * 100).take(100);
        red.record(flood.map(|name| Observation { tenant: "noisy", ..call(name, second, 1000) }));
        assert!(red.stats().bytes <= max_bytes);
    }
    let all = RedQuery::all(seconds(0, 600));
    let own = red.summary(&all.of(&quiet));
    assert_eq!((own.count, own.errors), (600, 0));
    assert_eq!(
        red.points(&all.of(&quiet), Duration::from_secs(10)).iter().map(|p| p.count).sum::<u64>(),
        600
    );
    assert_eq!(red.summary(&RedQuery::all(seconds(500, 510)).of(&quiet)).count, 10, "still by the second");
    assert_eq!(red.rows(&all.of(&quiet)).len(), 1);
    assert_eq!((red.summary(&all).count, red.rows(&all).len()), (0, 0), "the default tenant did nothing");
    assert!(red.stats().overflowed > 0 && red.rows(&all.of(&noisy)).len() <= 201);
    let tenants: Vec<_> = red.window(seconds(599, 600)).into_iter().map(|w| w.tenant).collect();
    assert!(tenants.contains(&quiet) && tenants.contains(&noisy));
}

#[test]
fn tenants_past_the_limit_are_counted_and_left_out_until_one_falls_silent() {
    let (mut red, now) = windows(10, 1 << 20);
    red.config.max_tenants = 1;
    red.observe(Observation { tenant: "a", ..call("o", 0, 10) });
    red.observe(Observation { tenant: "b", ..call("o", 0, 10) });
    assert_eq!((red.stats().tenants, red.stats().refused), (1, 1));
    now.store((START + 600) * 1000, Relaxed);
    red.observe(Observation { tenant: "b", ..call("o", 600, 10) });
    assert_eq!(red.tenants(), [TenantId::new("b").unwrap()]);
}

mod model {
    //! The windows against a list of everything that happened.

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn any_range_is_answered_as_if_all_spans_were_kept(
            spans in proptest::collection::vec((0u64..40_000, 0u64..200, 1u64..5000, 0usize..3, 0usize..2), 50..300),
            ranges in proptest::collection::vec((0u64..40_000, 1u64..40_000), 20),
        ) {
            let (red, now) = windows(100, 64 << 20);
            let (names, tenants) = (["a", "b", "c"], [TenantId::DEFAULT, "other"]);
            let mut arrivals: Vec<_> =
                spans.iter().map(|&(end, late, ms, name, tenant)| (end + late, end, ms, name, tenant)).collect();
            arrivals.sort_unstable();
            for &(at, end, ms, name, tenant) in &arrivals {
                now.store((START + at) * 1000, Relaxed);
                red.observe(Observation { tenant: tenants[tenant], ..call(names[name], end, ms) });
            }
            now.store((START + 41_000) * 1000, Relaxed);
            let other = TenantId::new("other").unwrap();
            for (from, length) in ranges {
                let query = RedQuery::all(seconds(from, from + length)).of(&other);
                let got = red.summary(&query);
                // The covered part says which spans have to be there, exactly.
                let inside = |end: u64| {
                    let t = Timestamp::from_unix_secs(START + end);
                    got.covered.start <= t && t < got.covered.end
                };
                let mut want: Vec<f64> = arrivals
                    .iter()
                    .filter(|a| a.4 == 1 && inside(a.1))
                    .map(|a| a.2 as f64)
                    .collect();
                want.sort_by(f64::total_cmp);
                let more = got.covered.duration().as_secs();
                let slot = if from < 19_500 { 600 } else if from < 39_900 { 60 } else { 10 };
                prop_assert!(more < length + 2 * slot.max(length / 100), "{more} s instead of {length} s");
                prop_assert!(got.covered.start <= query.range.start);
                prop_assert_eq!(got.count as usize, want.len(), "{:?}", got.covered);
                if let (Some(min), Some(max)) = (want.first(), want.last()) {
                    prop_assert_eq!((got.duration_ms.min, got.duration_ms.max), (*min, *max));
                    let p95 = want[(0.95 * (want.len() - 1) as f64) as usize];
                    prop_assert!((got.duration_ms.p95 / p95 - 1.0).abs() <= 0.0101);
                }
                let points = red.points(&query, Duration::from_secs(60));
                let sum: u64 = points.iter().map(|p| p.count).sum();
                prop_assert!(points.len() <= 1000 && sum as usize <= arrivals.len());
            }
        }
    }
}
