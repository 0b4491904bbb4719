//! Quantiles of a stream in little memory.

use crate::model::{Aggregate, Quantiles};

/// The promised relative error of a quantile.
const RELATIVE_ERROR: f64 = 0.01;
/// The ratio of neighbouring bucket edges.
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// Values up to here count as zero.
const SMALLEST: f64 = 1e-6;
/// Values from here on share a bucket.
const LARGEST: f64 = 1e12;

/// A mergeable sketch of non-negative values. Quantiles have a relative error of at most 1 % for values between
/// 1e-6 and 1e12; count, sum, minimum and maximum are exact.
///
/// It is a DDSketch: logarithmic buckets (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch
/// with relative-error guarantees", PVLDB 12(12), 2019). The range above takes at most 2073 buckets of 8 bytes,
/// so no buckets need to be collapsed; only those in use are stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantileSketch {
    /// Bucket number and count, by number.
    bins: Vec<(i16, u32)>,
    zeros: u64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

fn bin_of(value: f64) -> i16 {
    // -691 to 1382 within the limits.
    (value.min(LARGEST).ln() / GAMMA.ln()).ceil() as i16
}

fn value_of(bin: i16) -> f64 {
    2.0 * GAMMA.powi(bin.into()) / (GAMMA + 1.0)
}

impl QuantileSketch {
    /// An empty sketch; allocates nothing.
    pub const fn new() -> Self {
        Self { bins: Vec::new(), zeros: 0, count: 0, sum: 0.0, min: 0.0, max: 0.0 }
    }

    /// Adds a value. `false` if it is negative or not finite and was left out.
    pub fn insert(&mut self, value: f64) -> bool {
        self.insert_many(value, 1)
    }

    /// Adds a value that occurred so many times. `false` if it is negative or not finite and was left out.
    pub fn insert_many(&mut self, value: f64, times: u64) -> bool {
        if !value.is_finite() || value < 0.0 {
            return false;
        }
        if times == 0 {
            return true;
        }
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.sum += value * times as f64;
        self.count += times;
        if value <= SMALLEST {
            self.zeros += times;
        } else {
            self.add(bin_of(value), u32::try_from(times).unwrap_or(u32::MAX));
        }
        true
    }

    fn add(&mut self, bin: i16, n: u32) {
        match self.bins.binary_search_by_key(&bin, |b| b.0) {
            Ok(i) => self.bins[i].1 = self.bins[i].1.saturating_add(n),
            Err(i) => self.bins.insert(i, (bin, n)),
        }
    }

    /// Adds everything that another sketch has seen.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count += other.count;
        self.zeros += other.zeros;
        for &(bin, n) in &other.bins {
            self.add(bin, n);
        }
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Their mean; `None` if there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// The smallest; `None` if there are none.
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest; `None` if there are none.
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    /// The value that the share `q` (0 to 1, else clamped) of the values does not exceed; `None` if there are none.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 || q.is_nan() {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * (self.count - 1) as f64;
        let mut seen = self.zeros;
        if rank < seen as f64 {
            return Some(self.min);
        }
        for &(bin, n) in &self.bins {
            seen += u64::from(n);
            if rank < seen as f64 {
                return Some(value_of(bin).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// The share of the values below this one, 0 to 1; half of those in the same bucket count.
    pub fn rank(&self, value: f64) -> Option<f64> {
        if self.count == 0 || value.is_nan() {
            return None;
        }
        let own = if value <= SMALLEST { None } else { Some(bin_of(value)) };
        let mut below = if own.is_some() { self.zeros as f64 } else { self.zeros as f64 / 2.0 };
        for &(bin, n) in &self.bins {
            match own {
                Some(own) if bin < own => below += f64::from(n),
                Some(own) if bin == own => below += f64::from(n) / 2.0,
                _ => {}
            }
        }
        Some(below / self.count as f64)
    }

    /// The median absolute deviation from the median; `None` if there are no values.
    pub fn mad(&self) -> Option<f64> {
        let median = self.quantile(0.5)?;
        let zeros = (median, self.zeros);
        let bins = self.bins.iter().map(|&(bin, n)| ((value_of(bin) - median).abs(), u64::from(n)));
        let mut deviations: Vec<(f64, u64)> = std::iter::once(zeros).chain(bins).collect();
        deviations.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = self.count.div_ceil(2);
        for (deviation, n) in deviations {
            if left <= n {
                return Some(deviation);
            }
            left -= n;
        }
        None
    }

    /// Median, 95th and 99th percentile; zeros if there are no values.
    pub fn quantiles(&self) -> Quantiles {
        let at = |q| self.quantile(q).unwrap_or(0.0);
        Quantiles { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }

    /// The usual summary; zeros if there are no values.
    pub fn aggregate(&self) -> Aggregate {
        let Quantiles { p50, p95, p99 } = self.quantiles();
        let avg = self.mean().unwrap_or(0.0);
        Aggregate { count: self.count, min: self.min, avg, max: self.max, p50, p95, p99 }
    }

    /// Buckets in use: the measure of its memory, 8 bytes each.
    pub(crate) fn bin_count(&self) -> usize {
        self.bins.len()
    }
}

impl Extend<f64> for QuantileSketch {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, iter: T) {
        for value in iter {
            self.insert(value);
        }
    }
}

impl FromIterator<f64> for QuantileSketch {
    fn from_iter<T: IntoIterator<Item = f64>>(iter: T) -> Self {
        let mut sketch = Self::new();
        sketch.extend(iter);
        sketch
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(sorted: &[f64], q: f64) -> f64 {
        sorted[(q * (sorted.len() - 1) as f64) as usize]
    }

    proptest! {
        #[test]
        fn quantiles_stay_within_one_percent(
            mut values in proptest::collection::vec((-13.0f64..26.0).prop_map(f64::exp), 1..300),
            q in 0.0f64..=1.0,
        ) {
            let sketch: QuantileSketch = values.iter().copied().collect();
            values.sort_by(f64::total_cmp);
            let (want, got) = (exact(&values, q), sketch.quantile(q).unwrap());
            prop_assert!((got - want).abs() <= want * (RELATIVE_ERROR + 1e-9), "{got} instead of {want}");
        }

        #[test]
        fn merging_equals_seeing_everything(
            a in proptest::collection::vec(0.0f64..1e4, 0..50),
            b in proptest::collection::vec(0.0f64..1e4, 0..50),
        ) {
            let mut merged: QuantileSketch = a.iter().copied().collect();
            merged.merge(&b.iter().copied().collect());
            let mut all: QuantileSketch = a.into_iter().chain(b).collect();
            prop_assert!((merged.sum - all.sum).abs() < 1e-6);
            all.sum = merged.sum;
            prop_assert_eq!(merged, all);
        }
    }

    #[test]
    fn values_outside_of_the_domain_do_no_harm() {
        let mut sketch = QuantileSketch::new();
        assert_eq!((sketch.quantile(0.5), sketch.mad(), sketch.rank(1.0)), (None, None, None));
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(!sketch.insert(bad));
        }
        sketch.extend([0.0, 1e-9, 1e300]);
        assert_eq!((sketch.count(), sketch.min(), sketch.max()), (3, Some(0.0), Some(1e300)));
        assert_eq!(sketch.quantile(0.0), Some(0.0));
    }

    #[test]
    fn rank_and_mad_describe_the_spread() {
        let sketch: QuantileSketch = (1..=100).map(f64::from).collect();
        assert!((sketch.rank(50.0).unwrap() - 0.5).abs() < 0.02);
        assert_eq!((sketch.rank(1000.0), sketch.rank(0.1)), (Some(1.0), Some(0.0)));
        assert!((sketch.mad().unwrap() - 25.0).abs() < 1.5);
        assert_eq!([7.0; 9].into_iter().collect::<QuantileSketch>().rank(7.0), Some(0.5));
    }
}
