//! Tests of the calibration alone.

use proptest::prelude::*;

use super::*;
use crate::random::SplitMix64;

/// Exponential with this mean: a surprise if the mean is 1.
fn exponential(random: &mut SplitMix64, mean: f64) -> f64 {
    -mean * (1.0 - random.unit()).ln()
}

fn trained(mean: f64, observations: usize) -> Calibrator {
    let mut random = SplitMix64::new(5);
    let mut calibrator = Calibrator::of_surprise(2000, 0.001);
    for _ in 0..observations {
        calibrator.learn(exponential(&mut random, mean), 1.0);
    }
    calibrator
}

#[test]
fn before_any_history_a_surprise_is_taken_at_its_word() {
    let calibrator = Calibrator::of_surprise(2000, 0.001);
    for p in [0.5_f64, 0.1, 0.01, 1e-3, 1e-6] {
        let got = calibrator.p_value(-p.ln());
        assert!((got / p).ln().abs() < 0.35, "{p}: {got}");
    }
}

#[test]
fn after_some_history_the_history_counts() {
    for mean in [0.5, 2.0, 4.0] {
        let calibrator = trained(mean, 6000);
        for p in [0.3_f64, 0.05, 0.01, 0.002] {
            let got = calibrator.p_value(-mean * p.ln());
            assert!((got / p).ln().abs() < 0.7, "mean {mean}, {p}: {got}");
        }
    }
}

#[test]
fn a_score_above_all_history_gets_less_than_one_over_n() {
    let calibrator = trained(1.0, 30);
    assert!(calibrator.p_value(12.0) < 1e-3);
}

#[test]
fn an_extreme_score_is_learned_as_the_clip_point_only() {
    let mut calibrator = trained(1.0, 500);
    let clip_point = calibrator.quantile(0.001);
    let before = calibrator.p_value(20.0);
    calibrator.learn(1e9, 1.0);
    assert!(calibrator.p_value(clip_point + 1.0) < 0.002);
    assert!(calibrator.p_value(20.0) < before * 50.0, "{before} -> {}", calibrator.p_value(20.0));
}

#[test]
fn a_new_distribution_replaces_the_old_one_within_a_few_memories() {
    let mut random = SplitMix64::new(6);
    let mut calibrator = Calibrator::of_surprise(300, 0.001);
    for _ in 0..2000 {
        calibrator.learn(exponential(&mut random, 0.3), 1.0);
    }
    assert!(calibrator.p_value(4.6) < 1e-3);
    for _ in 0..2000 {
        calibrator.learn(exponential(&mut random, 2.0), 1.0);
    }
    let p = calibrator.p_value(4.6);
    assert!((0.05..0.2).contains(&p), "e^-2.3 = 0.1 is right: {p}");
}

#[test]
fn a_million_observations_do_not_wear_out_the_weights() {
    let calibrator = trained(1.0, 1_000_000);
    let p = calibrator.p_value(3.0);
    assert!((p / (-3.0_f64).exp()).ln().abs() < 0.4, "{p}");
}

proptest! {
    #[test]
    fn p_values_are_probabilities_and_never_rise_with_the_score(
        history in prop::collection::vec(prop::num::f64::ANY, 0..200),
        low in 0.0..40.0_f64,
        step in 0.0..10.0_f64,
    ) {
        let mut calibrator = Calibrator::of_surprise(100, 0.001);
        for score in history {
            calibrator.learn(score, 1.0);
        }
        let (at_low, at_high) = (calibrator.p_value(low), calibrator.p_value(low + step));
        prop_assert!((1e-12..=1.0).contains(&at_low) && (1e-12..=1.0).contains(&at_high));
        // Where the tail begins it may stand a little above the count.
        prop_assert!(at_high <= at_low.max(calibrator.tail.share), "{} {}", at_low, at_high);
    }
}
