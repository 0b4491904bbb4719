//! Tests of scales, baselines and the reference distribution.

use proptest::prelude::*;

use super::*;
use crate::random::SplitMix64;

/// Roughly normal: the sum of twelve uniform numbers.
fn normal(random: &mut SplitMix64) -> f64 {
    (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
}

fn learned(scale: FeatureScale, values: impl IntoIterator<Item = f64>) -> RobustBaseline {
    let mut baseline = RobustBaseline::new(scale, 20, 512);
    for value in values {
        baseline.learn(value, Pace::Normal);
    }
    baseline
}

#[test]
fn the_reference_agrees_with_tables_of_students_t() {
    // Two-sided critical values for eight degrees of freedom.
    for (t, p) in [(0.0, 1.0), (1.8595, 0.1), (2.3060, 0.05), (3.3554, 0.01), (5.0413, 0.001)] {
        let got = (-residual_surprise(t)).exp();
        assert!((got / p - 1.0).abs() < 2e-4, "t = {t}: {got}");
    }
}

#[test]
fn the_reference_is_smooth_where_its_formula_changes_and_bounded() {
    let (below, above) = (residual_surprise(28.14), residual_surprise(28.15));
    assert!((0.0..0.01).contains(&(above - below)), "{below} {above}");
    assert_eq!(residual_surprise(f64::MAX), 60.0);
    assert!(residual_surprise(f64::NAN).is_nan());
}

#[test]
fn the_inverse_of_the_reference_is_its_inverse() {
    for residual in [0.5, 2.0, 10.0, 500.0] {
        let back = surprise_to_residual(residual_surprise(residual));
        assert!((back / residual - 1.0).abs() < 1e-6, "{residual}: {back}");
    }
}

#[test]
fn names_choose_the_scale() {
    assert_eq!(FeatureScale::of("self_time_p95_ms").axis, Axis::Logarithmic { offset: 0.1 });
    assert_eq!(FeatureScale::of("error_rate_percent").absolute_floor, 1.0);
    assert_eq!(FeatureScale::of("rate_per_s").relative_floor, 0.1);
    assert_eq!(FeatureScale::of("cache_ratio").absolute_floor, 0.01);
    assert_eq!(FeatureScale::of("temperature"), FeatureScale::LINEAR);
}

#[test]
fn center_and_spread_are_those_of_the_data() {
    let mut random = SplitMix64::new(1);
    let baseline = learned(FeatureScale::LINEAR, (0..5000).map(|_| 50.0 + 3.0 * normal(&mut random)));
    let (low, high) = baseline.band(1.0).unwrap();
    assert!((baseline.expected().unwrap() - 50.0).abs() < 0.5);
    assert!(((high - low) / 2.0 - 3.0).abs() < 0.4, "{low} {high}");
}

#[test]
fn latencies_are_compared_by_ratio() {
    let mut random = SplitMix64::new(2);
    let scale = FeatureScale::of("latency_ms");
    let baseline = learned(scale, (0..2000).map(|_| 45.0 * (0.3 * normal(&mut random)).exp()));
    let (up, down) = (baseline.residual(90.0), baseline.residual(22.5));
    assert!((up + down).abs() < 0.3 && up > 1.8, "{up} {down}");
    let (low, high) = baseline.band(100.0).unwrap();
    assert!(low >= 0.0 && high > 1e6);
}

#[test]
fn a_third_of_wild_values_in_the_warm_up_does_not_move_the_start() {
    let baseline =
        learned(FeatureScale::LINEAR, (0..20).map(|i| if i % 3 == 0 { 1e6 } else { 10.0 + (i % 5) as f64 }));
    assert!((baseline.expected().unwrap() - 12.0).abs() <= 2.0);
}

#[test]
fn an_incident_is_not_learned_but_a_lasting_change_is() {
    let mut random = SplitMix64::new(3);
    let mut baseline = learned(FeatureScale::LINEAR, (0..600).map(|_| 45.0 + normal(&mut random)));
    for _ in 0..60 {
        baseline.learn(340.0, Pace::Anomalous);
    }
    assert!((baseline.expected().unwrap() - 45.0).abs() < 0.5);
    assert!(baseline.residual(340.0) > 200.0);
    for _ in 0..5000 {
        baseline.learn(340.0 + normal(&mut random), Pace::Normal);
    }
    assert!((baseline.expected().unwrap() - 340.0).abs() < 2.0);
}

#[test]
fn the_first_departure_of_a_constant_is_moderate_whatever_its_size() {
    for (constant, step) in [(0.0, 1.0), (5.0, 1.0), (0.0, 1e-6), (1e9, 1e12)] {
        let mut baseline = learned(FeatureScale::LINEAR, vec![constant; 100]);
        assert_eq!(baseline.residual(constant), 0.0);
        assert_eq!(baseline.residual(constant - step), -2.5);
        baseline.learn(constant + step, Pace::Normal);
        let again = baseline.residual(constant + step);
        assert!((2.4..2.6).contains(&again), "{again}");
        assert!(baseline.residual(constant + 10.0 * step) > 20.0);
    }
}

#[test]
fn a_floor_keeps_tremors_of_a_steady_feature_small() {
    let latency = learned(FeatureScale::of("x_ms"), vec![45.0; 100]);
    assert!(latency.residual(46.0) < 0.3);
    assert!(latency.residual(340.0) > 15.0);
    let errors = learned(FeatureScale::of("x_percent"), vec![0.0; 100]);
    assert_eq!(errors.residual(1.0), 1.0);
}

#[test]
fn missing_values_have_no_residual_and_change_nothing() {
    let mut baseline = learned(FeatureScale::LINEAR, (0..100).map(f64::from));
    let before = (baseline.expected(), baseline.band(1.0));
    for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(baseline.residual(missing).is_nan());
        assert_eq!(baseline.learn(missing, Pace::Normal), None);
    }
    assert_eq!((baseline.expected(), baseline.band(1.0)), before);
}

#[test]
fn the_end_of_the_warm_up_gives_its_values_back_once() {
    let mut baseline = RobustBaseline::new(FeatureScale::LINEAR, 3, 10);
    assert!(baseline.residual(1.0).is_nan() && baseline.expected().is_none() && baseline.band(1.0).is_none());
    assert_eq!(baseline.learn(1.0, Pace::Normal), None);
    assert_eq!(baseline.learn(2.0, Pace::Normal), None);
    assert_eq!(baseline.learn(3.0, Pace::Normal), Some(vec![1.0, 2.0, 3.0]));
    assert_eq!(baseline.learn(4.0, Pace::Normal), None);
    assert!(baseline.is_ready());
}

proptest! {
    #[test]
    fn residuals_of_finite_values_are_finite(
        values in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 20..80),
        name in prop::sample::select(vec!["x", "x_ms", "x_percent", "x_per_s"]),
    ) {
        let baseline = learned(FeatureScale::of(name), values.iter().copied());
        for value in values {
            prop_assert!(baseline.residual(value).is_finite());
        }
    }
}
