//! The expected number of cuts.

/// Euler's constant.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// `c(n)`: the average path length of an unsuccessful search in a binary search tree of `n` rows (equation 1 of
/// the paper), the yardstick for path lengths. 0 for one row, 1 for two.
pub(super) fn average_path(rows: usize) -> f64 {
    match rows {
        0 | 1 => 0.0,
        2 => 1.0,
        n => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

/// `2^(-E(h)/c(n))` from the sum over trees of `h / c(n)`.
pub(super) fn score_of(sum_of_normalised_paths: f64, trees: usize) -> f64 {
    if trees == 0 {
        return 0.5;
    }
    (-sum_of_normalised_paths / trees as f64).exp2()
}
