//! Tests of the windows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::*;
use crate::model::TraceId;

const START: u64 = 1_756_900_000;

fn windows(max_series: usize, max_bytes: usize) -> (RedWindows, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(START * 1000));
    let clock = now.clone();
    let clock: TimeSource = Arc::new(move || Timestamp::from_unix_nanos(clock.load(Relaxed) * 1_000_000));
    (RedWindows::new(RedConfig { max_series, max_bytes, clock }), now)
}

fn seconds(from: u64, to: u64) -> TimeRange {
    TimeRange { start: Timestamp::from_unix_secs(START + from), end: Timestamp::from_unix_secs(START + to) }
}

fn call(operation: &str, second: u64, ms: u64) -> Observation<'_> {
    Observation {
        service: "s",
        operation,
        kind: SpanKind::Internal,
        entry: false,
        error: ms >= 1000,
        end: Timestamp::from_unix_secs(START + second),
        duration: Duration::from_millis(ms),
        self_time: Duration::from_millis(ms / 2),
        trace: Some(TraceIds { trace_id: TraceId::new(u128::from(ms) + 1).unwrap(), span_id: None }),
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
    assert_eq!(red.stats(), RedStats { series: 3, overflowed: 2, late: 0 });
    assert_eq!(red.summary(&RedQuery::all(seconds(0, 1))).count, 4, "the total stays true");
    assert_eq!(red.window(seconds(0, 1)).len(), 2);
    now.store((START + 700) * 1000, Relaxed);
    red.observe(call("e", 700, 10));
    assert_eq!(red.stats().overflowed, 2);
    assert_eq!(red.rows(&RedQuery::all(seconds(700, 701))).len(), 1);
}

#[test]
fn late_spans_are_counted_and_future_ones_move_nothing() {
    let (red, now) = windows(10, 1 << 20);
    now.store((START + 1000) * 1000, Relaxed);
    red.observe(call("a", 10, 5));
    assert_eq!(red.stats().late, 1);
    red.observe(call("a", 1_000_000, 5));
    assert_eq!(red.summary(&RedQuery::all(seconds(1000, 1001))).count, 1);
}

#[test]
fn the_byte_bound_shortens_the_past() {
    let (red, now) = windows(100, 64 << 10);
    for second in 0..300 {
        now.store((START + second) * 1000, Relaxed);
        red.record((1..50).map(|ms| call("a", second, ms * 7)));
    }
    let state = red.lock();
    assert!(state.levels.iter().all(|l| l.bins <= l.max_bins));
    let held: usize = state
        .series
        .iter()
        .flat_map(|s| &s.rings[0].0)
        .map(|b| b.bins() + crate::analyze::series::BUCKET_BINS)
        .sum();
    assert_eq!(held, state.levels[0].bins, "what is counted is what is held");
    assert!(!state.series[0].rings[0].0.is_empty());
}
