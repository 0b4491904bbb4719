//! Tests of the forest.

use proptest::prelude::*;

use super::*;
use crate::error::FitError;
use crate::random::SplitMix64;

const SMALL: ForestConfig = ForestConfig { trees: 25, sample_size: 64, window: 256, refit_every: 4 };

/// Rows of `features` uniform values around 0; every 50th is moved far out in feature 1.
fn planted(rows: usize, features: usize) -> Vec<f64> {
    let mut random = SplitMix64::new(9);
    (0..rows * features)
        .map(|i| {
            let odd = (i / features).is_multiple_of(50) && i % features == 1;
            random.unit() + random.unit() - 1.0 + if odd { 4.0 } else { 0.0 }
        })
        .collect()
}

/// The share of (odd, ordinary) pairs in which the odd row has the higher score.
fn separation(forest: &IsolationForest, table: &[f64], features: usize) -> f64 {
    let scores: Vec<f64> = table.chunks(features).map(|row| forest.score(row)).collect();
    let (mut right, mut all) = (0.0, 0.0);
    for (_, odd) in scores.iter().enumerate().filter(|(i, _)| i % 50 == 0) {
        for (_, ordinary) in scores.iter().enumerate().filter(|(i, _)| i % 50 != 0) {
            right += f64::from(u8::from(odd > ordinary));
            all += 1.0;
        }
    }
    right / all
}

#[test]
fn planted_outliers_score_higher_than_the_rest() {
    let table = planted(2000, 5);
    let forest = IsolationForest::fit(&table, 5, &ForestConfig::default(), 1).unwrap();
    let separation = separation(&forest, &table, 5);
    assert!(separation > 0.98, "{separation}");
}

#[test]
fn the_order_of_the_rows_hardly_matters() {
    let table = planted(1000, 3);
    let reversed: Vec<f64> = table.chunks(3).rev().flatten().copied().collect();
    let a = IsolationForest::fit(&table, 3, &ForestConfig::default(), 1).unwrap();
    let b = IsolationForest::fit(&reversed, 3, &ForestConfig::default(), 1).unwrap();
    let (a, b) = (separation(&a, &table, 3), separation(&b, &table, 3));
    assert!((a - b).abs() < 0.02, "{a} {b}");
}

#[test]
fn the_same_seed_gives_the_same_forest_and_another_seed_another() {
    let table = planted(500, 4);
    let score = |seed| IsolationForest::fit(&table, 4, &SMALL, seed).unwrap().score(&table[..4]);
    assert_eq!(score(7), score(7));
    assert_ne!(score(7), score(8));
}

#[test]
fn an_average_row_scores_about_one_half_and_a_far_one_well_above() {
    let table = planted(2000, 4);
    let forest = IsolationForest::fit(&table, 4, &ForestConfig::default(), 1).unwrap();
    let mean = table.chunks(4).map(|row| forest.score(row)).sum::<f64>() / 500.0 / 4.0;
    assert!((0.4..0.5).contains(&mean), "{mean}");
    assert!(forest.score(&[9.0, 9.0, 9.0, 9.0]) > 0.7);
}

#[test]
fn the_feature_that_isolates_a_row_gets_the_largest_share() {
    let table = planted(2000, 5);
    let forest = IsolationForest::fit(&table, 5, &ForestConfig::default(), 1).unwrap();
    for odd in 0..5 {
        let mut row = [0.0; 5];
        row[odd] = 4.0;
        let mut shares = [0.0; 5];
        forest.contributions(&row, &mut shares);
        let others = (0..5).filter(|i| *i != odd).map(|i| shares[i]).fold(0.0, f64::max);
        assert!(shares[odd] > 0.5 && shares[odd] > 2.0 * others, "feature {odd}: {shares:?}");
    }
}

#[test]
fn a_missing_value_does_not_make_a_row_rare() {
    let table = planted(2000, 4);
    let forest = IsolationForest::fit(&table, 4, &ForestConfig::default(), 1).unwrap();
    let ordinary = forest.score(&[0.0; 4]);
    assert!(forest.score(&[f64::NAN; 4]) < ordinary + 0.03);
    assert!(forest.score(&[0.0, f64::NAN, 0.0, 0.0]) < ordinary + 0.03);
    assert_eq!(forest.score(&[0.0, 0.1]), forest.score(&[0.0, 0.1, f64::NAN, f64::NAN]));
}

#[test]
fn a_forest_grows_from_rows_with_missing_values() {
    let mut table = planted(1000, 3);
    for (i, value) in table.iter_mut().enumerate() {
        if i % 7 == 0 {
            *value = if i % 2 == 0 { f64::NAN } else { f64::INFINITY };
        }
    }
    let forest = IsolationForest::fit(&table, 3, &SMALL, 1).unwrap();
    assert!(forest.score(&[0.0, 9.0, 0.0]) > forest.score(&[0.0; 3]) + 0.1);
}

#[test]
fn rows_that_are_all_the_same_are_ordinary() {
    let forest = IsolationForest::fit(&[1.0; 300], 3, &SMALL, 1).unwrap();
    assert!((forest.score(&[1.0; 3]) - 0.5).abs() < 1e-6);
    let mut shares = [0.0; 3];
    forest.contributions(&[1.0; 3], &mut shares);
    assert_eq!(shares, [1.0 / 3.0; 3]);
}

#[test]
fn a_table_that_is_none_is_refused_with_the_reason() {
    let fit = |rows: &[f64], features| IsolationForest::fit(rows, features, &SMALL, 1).map(|_| ());
    assert_eq!(fit(&[], 2), Err(FitError::Empty));
    assert_eq!(fit(&[1.0], 0), Err(FitError::Empty));
    assert_eq!(fit(&[1.0; 5], 2), Err(FitError::Ragged { values: 5, features: 2 }));
    let bad = ForestConfig { sample_size: 1, ..SMALL };
    let error = IsolationForest::fit(&[1.0; 4], 2, &bad, 1).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "forest.sampleSize must be 2 to 4096, got 1");
}

#[test]
fn a_sliding_forest_is_silent_until_its_trees_have_grown() {
    let mut forest = SlidingForest::new(2, &SMALL, 1).unwrap();
    let mut random = SplitMix64::new(4);
    let mut silent = 0;
    while forest.score(&[0.5, 0.5]).is_none() {
        forest.learn(&[random.unit(), random.unit()]);
        silent += 1;
        assert!(silent <= 200);
    }
    assert_eq!(silent, 64 + SMALL.trees - 1);
}

#[test]
fn a_sliding_forest_forgets_what_has_left_the_window() {
    let mut forest = SlidingForest::new(2, &SMALL, 1).unwrap();
    let mut random = SplitMix64::new(4);
    for _ in 0..500 {
        forest.learn(&[random.unit(), random.unit()]);
    }
    let before = forest.score(&[5.5, 0.5]).unwrap();
    for _ in 0..500 {
        forest.learn(&[5.0 + random.unit(), random.unit()]);
    }
    let after = forest.score(&[5.5, 0.5]).unwrap();
    assert!(before > after + 0.04, "{before} -> {after}");
    assert!(forest.score(&[0.5, 0.5]).unwrap() > after + 0.04, "the old place is rare now");
}

#[test]
fn a_sliding_forest_ignores_rows_without_a_value() {
    let mut forest = SlidingForest::new(2, &SMALL, 1).unwrap();
    for _ in 0..1000 {
        forest.learn(&[f64::NAN, f64::INFINITY]);
        forest.learn(&[]);
    }
    assert!(!forest.is_ready());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn scores_stay_between_0_and_1_and_shares_make_1_for_any_numbers(
        table in prop::collection::vec(prop::num::f64::ANY, 1..120),
        features in 1..4_usize,
        row in prop::collection::vec(prop::num::f64::ANY, 0..5),
        seed: u64,
    ) {
        let whole = table.len() / features * features;
        prop_assume!(whole > 0);
        let forest = IsolationForest::fit(&table[..whole], features, &SMALL, seed).unwrap();
        let score = forest.score(&row);
        prop_assert!(score > 0.0 && score < 1.0, "{}", score);
        let mut shares = vec![0.0; features];
        forest.contributions(&row, &mut shares);
        prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 && shares.iter().all(|s| *s >= 0.0));
    }
}
