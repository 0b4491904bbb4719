//! The detector as the pipeline uses it: many series, slowdowns, gaps, limits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use proptest::prelude::*;
use support::{Source, auroc, feed, request_window};
use trace_anomaly::{AnomalyConfig, EnsembleDetector, SeriesDetector};
use trace_core::signal::{Detector, Verdict, VerdictState};

fn detector() -> EnsembleDetector {
    EnsembleDetector::new(AnomalyConfig::default()).unwrap()
}

/// A detector that has learned `windows` windows around 45 ms, and where its data come from.
fn learned(windows: u64, seed: u64) -> (EnsembleDetector, Source) {
    let (mut detector, mut source) = (detector(), Source::new(seed));
    for second in 0..windows {
        feed(&mut detector, "pay/charge", second, &request_window(&mut source, 45.0, 0.1));
    }
    (detector, source)
}

fn at_level(detector: &mut EnsembleDetector, source: &mut Source, level_ms: f64) -> Verdict {
    feed(detector, "pay/charge", 1000, &request_window(source, level_ms, 0.1))
}

#[test]
fn a_slowdown_from_45_to_340_ms_is_sure_in_its_first_window() {
    for windows in [20, 25, 30, 300] {
        for seed in 0..10 {
            let (mut detector, mut source) = learned(windows, seed);
            let verdict = at_level(&mut detector, &mut source, 340.0);
            assert_eq!(verdict.state, VerdictState::Anomalous, "after {windows} windows, seed {seed}");
            assert!(verdict.confidence > 0.95, "{} after {windows} windows, seed {seed}", verdict.confidence);
        }
    }
}

#[test]
fn the_verdict_says_which_feature_moved_and_what_is_normal() {
    let (mut detector, mut source) = learned(30, 1);
    let verdict = at_level(&mut detector, &mut source, 340.0);
    assert!(verdict.features[..2].iter().all(|f| f.name.ends_with("_ms")), "{:?}", verdict.features);
    let sum: f64 = verdict.features.iter().map(|f| f.contribution).sum();
    assert!((sum - 1.0).abs() < 1e-9);
    assert!(verdict.features.is_sorted_by(|a, b| a.contribution >= b.contribution));
    let median = verdict.features.iter().find(|f| f.name == "self_time_ms").unwrap();
    let (expected, (low, high)) = (median.expected.unwrap(), median.band.unwrap());
    assert!((38.0..52.0).contains(&expected), "{expected}");
    assert!(low < expected && expected < high && high < 200.0 && median.observed > high, "{low} {high}");
}

#[test]
fn a_slowdown_stays_anomalous_while_it_lasts_and_does_not_hide_the_next() {
    for seed in 0..10 {
        let (mut detector, mut source) = learned(30, seed);
        for window in 0..60 {
            let verdict = at_level(&mut detector, &mut source, 340.0);
            assert_eq!(verdict.state, VerdictState::Anomalous, "seed {seed}, window {window}");
        }
        for _ in 0..5 {
            at_level(&mut detector, &mut source, 45.0);
        }
        let again = at_level(&mut detector, &mut source, 340.0);
        assert_eq!(again.state, VerdictState::Anomalous, "seed {seed}: {}", again.confidence);
    }
}

#[test]
fn the_return_to_normal_is_normal_at_once() {
    let mut still_anomalous = 0;
    for seed in 0..20 {
        let (mut detector, mut source) = learned(30, seed);
        for _ in 0..60 {
            at_level(&mut detector, &mut source, 340.0);
        }
        for _ in 0..5 {
            let verdict = at_level(&mut detector, &mut source, 45.0);
            still_anomalous += u32::from(verdict.state == VerdictState::Anomalous);
        }
    }
    assert!(still_anomalous <= 4, "{still_anomalous} of 100, where chance makes one");
}

#[test]
fn a_lasting_change_of_level_is_accepted_in_the_end() {
    let (mut detector, mut source) = learned(600, 3);
    let last = (0..4000)
        .filter(|_| at_level(&mut detector, &mut source, 340.0).state == VerdictState::Anomalous)
        .count();
    assert!((600..3500).contains(&last), "anomalous in {last} windows");
    let tail = (0..200)
        .filter(|_| at_level(&mut detector, &mut source, 340.0).state == VerdictState::Anomalous)
        .count();
    assert!(tail < 20, "still {tail} of 200");
}

#[test]
fn errors_and_silence_are_found_as_well() {
    let (mut detector, mut source) = learned(300, 4);
    let mut window = request_window(&mut source, 45.0, 0.1);
    window[2].1 = 60.0;
    let failing = feed(&mut detector, "pay/charge", 1000, &window);
    assert_eq!((failing.state, failing.features[0].name), (VerdictState::Anomalous, "error_rate_percent"));
    let silent =
        [("self_time_ms", f64::NAN), ("self_time_p95_ms", f64::NAN), ("error_rate_percent", f64::NAN)];
    let silent = [silent[0], silent[1], silent[2], ("rate_per_s", 0.0)];
    let silent = feed(&mut detector, "pay/charge", 1001, &silent);
    assert_eq!((silent.state, silent.features[0].name), (VerdictState::Anomalous, "rate_per_s"));
    assert_eq!(silent.features.len(), 1, "missing features are not in the verdict");
}

#[test]
fn nothing_is_said_before_the_warm_up_is_over() {
    let mut detector = detector();
    for second in 0..20 {
        let wild = if second % 2 == 0 { 1.0 } else { 1e9 };
        assert_eq!(feed(&mut detector, "a", second, &[("x", wild), ("y", -wild)]), Verdict::learning());
    }
    let verdict = feed(&mut detector, "a", 20, &[("x", 1.0), ("y", -1.0)]);
    assert_ne!(verdict.state, VerdictState::Learning);
}

#[test]
fn missing_values_never_alert_and_are_not_learned() {
    let (mut detector, mut source) = learned(60, 5);
    for missing in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut window = request_window(&mut source, 45.0, 0.0);
        window.iter_mut().for_each(|f| f.1 = missing);
        let verdict = feed(&mut detector, "pay/charge", 1000, &window);
        assert_eq!((verdict.state, verdict.confidence), (VerdictState::Normal, 0.0));
        assert!(verdict.features.is_empty());
    }
    let mut untouched = learned(60, 5);
    for _ in 0..3 {
        request_window(&mut untouched.1, 45.0, 0.0);
    }
    assert_eq!(
        at_level(&mut detector, &mut source, 45.0),
        at_level(&mut untouched.0, &mut untouched.1, 45.0),
        "the gaps left no trace"
    );
}

#[test]
fn a_step_of_one_from_a_constant_is_not_sure() {
    for constant in [0.0, 5.0, 100.0] {
        let mut detector = SeriesDetector::default();
        for _ in 0..100 {
            assert!(detector.observe(constant).confidence < 0.5);
        }
        for _ in 0..100 {
            let confidence = detector.observe(constant + 1.0).confidence;
            assert!(confidence < 0.9, "{constant} + 1: {confidence}");
        }
    }
}

#[test]
fn a_combination_that_no_feature_shows_alone_is_found_by_the_forest() {
    // y follows x; an odd row has both in their ranges but apart.
    let (mut detector, mut source) = (detector(), Source::new(6));
    let (mut scores, mut odd) = (Vec::new(), Vec::new());
    for second in 0..3000 {
        let x = 1.5 * source.normal();
        let is_odd = second > 1000 && second % 20 == 0;
        let y = if is_odd { -1.5 * x.signum() } else { x } + 0.1 * source.normal();
        let x = if is_odd { 1.5 * x.signum() } else { x };
        let verdict = feed(&mut detector, "a", second, &[("x", x), ("y", y)]);
        if second > 1000 {
            scores.push(verdict.score);
            odd.push(is_odd);
        }
    }
    let auroc = auroc(&scores, &odd);
    assert!(auroc > 0.75, "{auroc}");
}

#[test]
fn no_more_series_are_kept_than_allowed_and_the_lost_are_counted() {
    let config = AnomalyConfig { max_series: 3, ..AnomalyConfig::default() };
    let mut detector = EnsembleDetector::new(config).unwrap();
    for second in 0..30 {
        feed(&mut detector, "steady", second, &[("x", second as f64)]);
        feed(&mut detector, &format!("passing {second}"), second, &[("x", 1.0)]);
    }
    let stats = detector.stats();
    assert_eq!((stats.series, stats.evicted_series), (3, 28));
    let kept = feed(&mut detector, "steady", 30, &[("x", 15.0)]);
    assert_eq!(kept.state, VerdictState::Normal, "the series in use is kept");
    let forgotten = feed(&mut detector, "passing 0", 30, &[("x", 1.0)]);
    assert_eq!(forgotten.state, VerdictState::Learning);
}

#[test]
fn forests_are_bounded_too() {
    const NAMES: [&str; 20] =
        ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"];
    let mut detector = detector();
    for name in NAMES {
        feed(&mut detector, name, 0, &[(name, 1.0), ("x", 1.0)]);
    }
    assert_eq!((detector.stats().forests, detector.stats().evicted_forests), (16, 4));
}

#[test]
fn a_series_whose_features_change_starts_anew() {
    let mut detector = detector();
    for second in 0..40 {
        feed(&mut detector, "a", second, &[("x", (second % 7) as f64)]);
    }
    let verdict = feed(&mut detector, "a", 40, &[("y", 3.0)]);
    assert_eq!(verdict.state, VerdictState::Learning);
    assert_eq!(detector.stats().restarted_series, 1);
    assert_eq!(feed(&mut detector, "a", 41, &[]), Verdict::learning());
}

#[test]
fn the_same_samples_give_the_same_verdicts() {
    let run = || {
        let (mut detector, mut source) = (detector(), Source::new(8));
        let mut verdicts = Vec::new();
        for second in 0..400 {
            for name in ["a", "b"] {
                verdicts.push(feed(&mut detector, name, second, &request_window(&mut source, 20.0, 0.3)));
            }
        }
        verdicts
    };
    assert_eq!(run(), run());
}

#[test]
fn it_is_a_detector_under_its_configured_name() {
    let boxed: Box<dyn Detector> = Box::new(detector());
    assert_eq!(boxed.name(), "isolation_forest");
    let bad = AnomalyConfig { warm_up: 1, ..AnomalyConfig::default() };
    assert_eq!(EnsembleDetector::new(bad).unwrap_err().to_string(), "warmUp must be 8 to 10000, got 1");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_numbers_give_a_verdict_within_its_bounds(
        rows in prop::collection::vec((prop::num::f64::ANY, -1e3..1e3_f64, prop::num::f64::ANY), 30..120),
    ) {
        let mut detector = detector();
        for (second, (x, y, z)) in rows.into_iter().enumerate() {
            let verdict = feed(&mut detector, "a", second as u64, &[("x", x), ("y_ms", y), ("z_percent", z)]);
            prop_assert!((0.0..=1.0).contains(&verdict.confidence), "{:?}", verdict);
            prop_assert!(verdict.score >= 0.0 && verdict.score.is_finite(), "{:?}", verdict);
            let sum: f64 = verdict.features.iter().map(|f| f.contribution).sum();
            prop_assert!(sum == 0.0 || (sum - 1.0).abs() < 1e-9, "{:?}", verdict);
        }
    }
}
