//! Whether two samples differ by more than chance.

use serde::Serialize;

use super::QuantileSketch;

/// How two shares of failures differ, in percentage points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RateDifference {
    /// Now minus then.
    pub percent: f64,
    /// The lower end of the 99 % confidence interval. Above zero: it fails more.
    pub low_percent: f64,
    /// The upper end. Below zero: it fails less.
    pub high_percent: f64,
}

/// The normal quantile of a two-sided confidence of 99 %.
const Z: f64 = 2.576;

/// The interval that holds a share with a confidence of 99 % (Wilson, 1927): right for few and no failures, too.
fn wilson((failed, all): (u64, u64)) -> (f64, f64, f64) {
    let (n, p) = (all as f64, failed as f64 / all as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (p, (middle - half).max(0.0), (middle + half).min(1.0))
}

/// The difference of two shares, each failed of all, with its confidence interval by the method of Newcombe ("Interval
/// estimation for the difference between independent proportions", 1998, method 10). `None` if one of them has
/// nothing, or neither has a failure.
pub(super) fn rate_difference(now: (u64, u64), then: (u64, u64)) -> Option<RateDifference> {
    if now.1 == 0 || then.1 == 0 || now.0 + then.0 == 0 {
        return None;
    }
    let ((p, p_low, p_high), (q, q_low, q_high)) = (wilson(now), wilson(then));
    let difference = p - q;
    let low = difference - ((p - p_low).powi(2) + (q_high - q).powi(2)).sqrt();
    let high = difference + ((p_high - p).powi(2) + (q - q_low).powi(2)).sqrt();
    Some(RateDifference { percent: 100.0 * difference, low_percent: 100.0 * low, high_percent: 100.0 * high })
}

/// The shares of both below each bucket of either, bucket by bucket: bucket share of a, of b.
fn shares(a: &QuantileSketch, b: &QuantileSketch) -> Vec<(f64, f64)> {
    let (all_a, all_b) = (a.weight(), b.weight());
    let (mut a, mut b) = (a.weights().peekable(), b.weights().peekable());
    let mut shares = Vec::new();
    loop {
        let bin = match (a.peek(), b.peek()) {
            (None, None) => return shares,
            (Some(x), Some(y)) => x.0.min(y.0),
            (Some(x), None) | (None, Some(x)) => x.0,
        };
        let of_a = a.next_if(|x| x.0 == bin).map_or(0.0, |x| x.1 / all_a);
        let of_b = b.next_if(|x| x.0 == bin).map_or(0.0, |x| x.1 / all_b);
        shares.push((of_a, of_b));
    }
}

/// The largest distance of two distributions, and the chance of such a one if they are the same (two-sample test of
/// Kolmogorov and Smirnov; the asymptotic distribution with Stephens' correction, as in Press et al., "Numerical
/// Recipes", section 14.3). Buckets of a sketch are values that are the same, which makes the test
/// milder. Counts are of the spans that were seen.
pub(super) fn kolmogorov_smirnov(a: &QuantileSketch, b: &QuantileSketch) -> (f64, f64) {
    let (mut x, mut y, mut distance) = (0.0, 0.0, 0.0_f64);
    for (of_a, of_b) in shares(a, b) {
        x += of_a;
        y += of_b;
        distance = distance.max(f64::abs(x - y));
    }
    let (n, m) = (a.count() as f64, b.count() as f64);
    let root = (n * m / (n + m)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    // The series converges slowly where the chance is one to a dozen digits.
    if lambda.is_nan() || lambda < 0.3 {
        return (distance, 1.0);
    }
    let term = |k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    (distance, (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0))
}

/// The chance that a value of `a` is larger than one of `b`, counting ties half (the statistic of Mann and Whitney over
/// the number of pairs, also called the common-language effect size).
pub(super) fn superiority(a: &QuantileSketch, b: &QuantileSketch) -> f64 {
    let mut below = 0.0;
    let mut chance = 0.0;
    for (of_a, of_b) in shares(a, b) {
        chance += of_a * (below + of_b / 2.0);
        below += of_b;
    }
    // Sums of shares are one but for rounding.
    chance.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(n: u32, scale: f64) -> QuantileSketch {
        (0..n).map(|i| scale * (1.0 + f64::from(i * 7919 % n) / f64::from(n))).collect()
    }

    #[test]
    fn the_same_distribution_is_no_surprise_and_a_shifted_one_is() {
        let (distance, p) = kolmogorov_smirnov(&sample(500, 10.0), &sample(400, 10.0));
        assert!(distance < 0.05 && p > 0.9, "{distance} {p}");
        let (distance, p) = kolmogorov_smirnov(&sample(500, 10.0), &sample(400, 13.0));
        assert!(distance > 0.25 && p < 1e-9, "{distance} {p}");
        let (_, few) = kolmogorov_smirnov(&sample(8, 10.0), &sample(8, 13.0));
        assert!(few > 0.1, "eight say little: {few}");
    }

    #[test]
    fn superiority_is_a_half_for_equals_and_goes_with_the_larger() {
        assert!((superiority(&sample(500, 10.0), &sample(300, 10.0)) - 0.5).abs() < 0.02);
        assert_eq!(superiority(&sample(50, 30.0), &sample(50, 10.0)), 1.0);
        assert!(superiority(&sample(50, 8.0), &sample(50, 10.0)) < 0.3);
    }

    #[test]
    fn the_interval_of_a_difference_is_that_of_newcombes_example() {
        // Newcombe 1998, table II, row (a): 56/70 and 48/80, at 95 %: 0.0524 to 0.3339. At 99 % it is wider.
        let d = rate_difference((56, 70), (48, 80)).unwrap();
        assert!((d.percent - 20.0).abs() < 1e-9);
        assert!(
            d.low_percent < 5.24 && d.low_percent > -1.0 && d.high_percent > 33.39 && d.high_percent < 39.0,
            "{d:?}"
        );
        assert!(rate_difference((30, 1000), (5, 1000)).unwrap().low_percent > 0.0);
        assert!(rate_difference((3, 100), (1, 100)).unwrap().low_percent < 0.0, "two more are chance");
        assert_eq!(rate_difference((0, 100), (0, 100)), None);
    }
}
