//! Our forest separates the labelled tables of ADBench as well as scikit-learn's.
//!
//! The data are not part of the project. `MPLP_DATASETS` names their folder; the default is `../shared/datasets`
//! beside the workspace. Without them the test says `SKIPPED`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use support::auroc;
use trace_anomaly::{ForestConfig, IsolationForest};

/// Small sets on which scikit-learn's result varies little from seed to seed.
const SETS: [&str; 6] = ["4_breastw", "6_cardio", "18_Ionosphere", "20_letter", "28_pendigits", "43_WDBC"];
const SEEDS: u64 = 5;

fn datasets() -> PathBuf {
    std::env::var_os("MPLP_DATASETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/datasets"), PathBuf::from)
}

/// scikit-learn's AUROC in percent.
fn reference(table: &str, set: &str) -> f64 {
    let row = table.lines().find(|l| l.split(',').next() == Some(set)).unwrap_or_else(|| panic!("no {set}"));
    row.split(',').nth(4).unwrap().parse().unwrap()
}

/// The values row by row, how many there are in a row, and which rows are odd.
fn read(path: &Path) -> (Vec<f64>, usize, Vec<bool>) {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let (mut values, mut odd, mut features) = (Vec::new(), Vec::new(), 0);
    for line in text.lines().skip(1) {
        let mut row: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        odd.push(row.pop().unwrap() > 0.5);
        features = row.len();
        values.extend(row);
    }
    (values, features, odd)
}

#[test]
fn the_forest_is_within_three_points_of_scikit_learn() {
    let datasets = datasets();
    let Ok(table) = std::fs::read_to_string(datasets.join("tools/adbench_sklearn_iforest.csv")) else {
        println!("SKIPPED adbench: no data in {}; set MPLP_DATASETS", datasets.display());
        return;
    };
    for set in SETS {
        let (values, features, odd) = read(&datasets.join(format!("adbench/{set}.csv.gz")));
        let config = ForestConfig::default();
        let mean = (0..SEEDS)
            .map(|seed| {
                let forest = IsolationForest::fit(&values, features, &config, seed).unwrap();
                let scores: Vec<f64> = values.chunks(features).map(|row| forest.score(row)).collect();
                100.0 * auroc(&scores, &odd)
            })
            .sum::<f64>()
            / SEEDS as f64;
        let expected = reference(&table, set);
        println!("{set:14} ours {mean:.1} scikit-learn {expected:.1}");
        assert!((mean - expected).abs() <= 3.0, "{set}: {mean:.1} against {expected:.1}");
    }
}
