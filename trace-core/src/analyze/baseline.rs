//! A duration held against what is normal.

use super::QuantileSketch;
use crate::model::BaselineComparison;

/// Observations that a baseline needs before anything is compared with it. With fewer, the 95th percentile is the
/// largest value seen.
pub const MIN_BASELINE_SIZE: u64 = 20;

/// The standard deviation of normal data over its median absolute deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// Holds a duration against the durations of the past, both in milliseconds.
///
/// `None` while the past is still being learned (fewer than [`MIN_BASELINE_SIZE`] observations), has a median of
/// zero, or the duration is no number. For the deviation, the spread of the past counts as at least 1 % of the
/// median, which is the resolution of the sketch.
pub fn compare_with_baseline(duration_ms: f64, past: &QuantileSketch) -> Option<BaselineComparison> {
    let baseline_ms = past.quantile(0.5).filter(|m| *m > 0.0)?;
    if past.count() < MIN_BASELINE_SIZE || !duration_ms.is_finite() {
        return None;
    }
    let ratio = duration_ms / baseline_ms;
    let sigma = (MAD_TO_SIGMA * past.mad()?).max(baseline_ms * 0.01);
    Some(BaselineComparison {
        baseline_ms,
        ratio,
        delta_percent: 100.0 * (ratio - 1.0),
        z_robust: (duration_ms - baseline_ms) / sigma,
        percentile: 100.0 * past.rank(duration_ms)?,
        sample_size: past.count(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_duration_is_reported_with_its_size() {
        let past: QuantileSketch = (0..100).map(|i| 95.0 + f64::from(i % 11)).collect();
        let c = compare_with_baseline(150.0, &past).unwrap();
        assert!((c.delta_percent - 50.0).abs() < 2.0, "{c:?}");
        assert!(c.z_robust > 5.0 && c.percentile == 100.0 && c.sample_size == 100);
        let same = compare_with_baseline(100.0, &past).unwrap();
        assert!(same.z_robust.abs() < 1.0 && (20.0..80.0).contains(&same.percentile));
    }

    #[test]
    fn nothing_is_compared_with_too_little() {
        let few: QuantileSketch = (0..19).map(|_| 100.0).collect();
        assert_eq!(compare_with_baseline(1.0, &few), None);
        let zeros: QuantileSketch = (0..50).map(|_| 0.0).collect();
        assert_eq!(compare_with_baseline(1.0, &zeros), None);
        let constant: QuantileSketch = (0..50).map(|_| 100.0).collect();
        assert_eq!(compare_with_baseline(f64::NAN, &constant), None);
        assert!(
            compare_with_baseline(101.0, &constant).unwrap().z_robust < 3.0,
            "a constant past has a floor"
        );
    }
}
