//! Tests of comparisons.

use super::*;
use crate::analyze::QuantileSketch;
use crate::model::{Timestamp, TraceId};

fn range(from: u64) -> TimeRange {
    TimeRange { start: Timestamp::from_unix_secs(from), end: Timestamp::from_unix_secs(from + 100) }
}

fn profile(operation: &str, calls: u32, ms: f64, failures: u64) -> OperationProfile {
    let durations: QuantileSketch =
        (0..calls).map(|i| ms * (1.0 + f64::from(i * 7919 % calls) / f64::from(calls))).collect();
    OperationProfile {
        service: "s".into(),
        operation: operation.into(),
        kind: SpanKind::Server,
        covered: range(0),
        observed_errors: failures,
        errors: failures as f64,
        self_time_ms: durations.clone(),
        duration_ms: durations,
        slowest: Some(TraceIds { trace_id: TraceId::new(7).unwrap(), span_id: None }),
        slowest_error: None,
    }
}

fn compare(now: &[OperationProfile], then: &[OperationProfile]) -> Comparison {
    compare_periods((range(1000), now), (range(0), then))
}

#[test]
fn every_change_is_found_with_its_numbers_and_the_worst_comes_first() {
    let then = [
        profile("same", 1000, 10.0, 5),
        profile("slower", 1000, 10.0, 0),
        profile("failing", 1000, 10.0, 5),
        profile("faster", 1000, 10.0, 0),
        profile("gone", 100, 10.0, 0),
        profile("busier", 200, 10.0, 0),
        profile("rare", 5, 10.0, 0),
    ];
    let now = [
        profile("same", 1000, 10.0, 7),
        profile("slower", 1000, 15.0, 0),
        profile("failing", 1000, 10.0, 60),
        profile("faster", 1000, 7.0, 0),
        profile("new", 100, 10.0, 0),
        profile("busier", 400, 10.0, 0),
        profile("rare", 5, 90.0, 0),
    ];
    let c = compare(&now, &then);
    let found: BTreeMap<&str, ChangeKind> =
        c.operations.iter().map(|o| (o.operation.as_str(), o.change)).collect();
    let expected = [
        ("same", ChangeKind::Same),
        ("slower", ChangeKind::Worse),
        ("failing", ChangeKind::Worse),
        ("faster", ChangeKind::Better),
        ("gone", ChangeKind::Vanished),
        ("new", ChangeKind::New),
        ("busier", ChangeKind::Load),
        ("rare", ChangeKind::Unknown),
    ];
    assert_eq!(found, BTreeMap::from(expected));
    assert_eq!(c.operations[0].operation, "slower", "the largest impact of what got worse");
    let slower = &c.operations[0];
    let latency = slower.latency.unwrap();
    assert!((latency.delta_percent.p50 - 50.0).abs() < 3.0 && latency.p_value < 1e-9, "{latency:?}");
    // Ten calls a second, each 7.5 ms longer on average.
    assert!((slower.impact_ms_per_sec - 75.0).abs() < 2.0, "{slower:?}");
    assert_eq!((slower.exemplars.len(), slower.throughput_percent), (1, Some(0.0)));
    let failing = c.operations.iter().find(|o| o.operation == "failing").unwrap();
    let errors = failing.errors.unwrap();
    assert!(errors.low_percent > 2.0 && errors.high_percent < 9.0 && errors.percent == 5.5, "{errors:?}");
    assert!(matches!(c.operations.last().unwrap().change, ChangeKind::Same | ChangeKind::Unknown));
}

#[test]
fn a_small_but_certain_shift_is_nothing_to_act_on() {
    let c = compare(&[profile("a", 100_000, 10.5, 0)], &[profile("a", 100_000, 10.0, 0)]);
    let latency = c.operations[0].latency.unwrap();
    assert!(latency.p_value < 1e-9 && !latency.significant, "{latency:?}");
    assert_eq!(c.operations[0].change, ChangeKind::Same);
}

#[test]
fn nothing_compared_with_nothing_is_nothing() {
    assert!(compare(&[], &[]).operations.is_empty());
    let empty = OperationProfile { duration_ms: QuantileSketch::new(), ..profile("a", 0, 1.0, 0) };
    assert_eq!(
        compare(std::slice::from_ref(&empty), std::slice::from_ref(&empty)).operations[0].change,
        ChangeKind::Unknown
    );
}
