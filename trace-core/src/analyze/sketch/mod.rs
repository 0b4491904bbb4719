//! Quantiles of a stream in little memory.

mod merged;
mod packed;
#[cfg(test)]
mod tests;

pub(super) use merged::MergedSketch;

use crate::model::{Aggregate, Quantiles};

/// The promised relative error of a quantile.
pub(super) const RELATIVE_ERROR: f64 = 0.01;
/// The ratio of neighbouring bucket edges.
const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// From the first to the last bucket at most. Values below the range are counted in its first bucket.
pub(super) const MAX_BINS: i32 = 2048;
/// Weights are counted in parts of this, so that sums are the same in any order.
const ONE: u64 = 1 << 16;
/// No value counts for more than this.
const MAX_WEIGHT: f64 = 4_294_967_296.0;

/// A mergeable sketch of non-negative values, each of which may stand for many.
///
/// Quantiles have a relative error of at most 1 %. Count, minimum and maximum are exact, the sum is as exact as
/// floating point. Merging gives the same buckets as inserting everything into one sketch, in any order.
///
/// It is a DDSketch: logarithmic buckets (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch
/// with relative-error guarantees", PVLDB 12(12), 2019). Only buckets in use are stored, 16 bytes each, in a range of
/// at most 2048 buckets that ends at the largest value: it spans a factor of 6e17. Only below that range values are
/// collapsed: into its first bucket, which makes them larger than they were. Zero has a bucket of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantileSketch {
    /// Bucket number and weight in parts of [`ONE`], by number.
    bins: Vec<(i32, u64)>,
    zeros: u64,
    weight: u64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

fn bin_of(value: f64) -> i32 {
    // -37221 to 35489 for all positive numbers.
    (value.ln() / GAMMA.ln()).ceil() as i32
}

fn value_of(bin: i32) -> f64 {
    2.0 / (GAMMA + 1.0) * (f64::from(bin) * GAMMA.ln()).exp()
}

/// A weight in parts of [`ONE`]; `None` if it is none.
fn units(weight: f64) -> Option<u64> {
    // At least one part, so that a value is never counted without weight.
    (weight > 0.0).then(|| ((weight.min(MAX_WEIGHT) * ONE as f64).round() as u64).max(1))
}

impl QuantileSketch {
    /// The ratio of neighbouring edges of buckets: what counts in the same buckets elsewhere can be put in without loss.
    pub const GAMMA: f64 = GAMMA;

    /// An empty sketch; allocates nothing.
    pub const fn new() -> Self {
        Self { bins: Vec::new(), zeros: 0, weight: 0, count: 0, sum: 0.0, min: 0.0, max: 0.0 }
    }

    /// Adds a value. `false` if it is negative or not finite and was left out.
    pub fn insert(&mut self, value: f64) -> bool {
        self.insert_weighted(value, 1.0)
    }

    /// Adds a value that stands for `weight` values; the weight is kept to 1/65536 and at most 2^32. `false` if the
    /// value is negative or not finite, or the weight is not positive, and it was left out.
    pub fn insert_weighted(&mut self, value: f64, weight: f64) -> bool {
        if !value.is_finite() || value < 0.0 {
            return false;
        }
        let Some(n) = units(weight) else { return false };
        self.put(value, if value == 0.0 { 0 } else { bin_of(value) }, n);
        true
    }

    /// Adds `times` values of the same size, each of which stands for `weight`. `false` if they were left out, as
    /// [`QuantileSketch::insert_weighted`] would have done.
    pub fn insert_times(&mut self, value: f64, weight: f64, times: u64) -> bool {
        if times == 0 || !self.insert_weighted(value, weight) {
            return false;
        }
        let more = times - 1;
        let n = units(weight).unwrap_or(0);
        let weight = n.saturating_mul(more);
        self.count = self.count.saturating_add(more);
        self.sum += value * (n as f64 / ONE as f64) * more as f64;
        self.weight = self.weight.saturating_add(weight);
        match (value == 0.0, more) {
            (_, 0) => {}
            (true, _) => self.zeros = self.zeros.saturating_add(weight),
            (false, _) => self.add(bin_of(value), weight),
        }
        true
    }

    /// Adds a value to each of two sketches. They are often the same, and then there is one logarithm.
    pub(super) fn insert_both((one, a): (&mut Self, f64), (other, b): (&mut Self, f64), weight: f64) {
        let is_valid = a.is_finite() && a >= 0.0;
        match units(weight).filter(|_| is_valid && a == b) {
            Some(n) => {
                let bin = if a == 0.0 { 0 } else { bin_of(a) };
                one.put(a, bin, n);
                other.put(b, bin, n);
            }
            None => {
                one.insert_weighted(a, weight);
                other.insert_weighted(b, weight);
            }
        }
    }

    /// Adds a value whose bucket is known; zero has one of its own.
    fn put(&mut self, value: f64, bin: i32, n: u64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.sum += value * (n as f64 / ONE as f64);
        self.count = self.count.saturating_add(1);
        self.weight = self.weight.saturating_add(n);
        if value == 0.0 {
            self.zeros = self.zeros.saturating_add(n);
        } else {
            self.add(bin, n);
        }
    }

    fn add(&mut self, bin: i32, n: u64) {
        let lowest = self.bins.last().map_or(bin, |top| top.0.max(bin)) - (MAX_BINS - 1);
        let bin = bin.max(lowest);
        match self.bins.binary_search_by_key(&bin, |b| b.0) {
            // The range is as it was: nothing has fallen out of it.
            Ok(i) => return self.bins[i].1 = self.bins[i].1.saturating_add(n),
            Err(i) => self.bins.insert(i, (bin, n)),
        }
        self.collapse(lowest);
    }

    /// Moves what lies below a bucket into it.
    fn collapse(&mut self, lowest: i32) {
        let below = self.bins.partition_point(|b| b.0 < lowest);
        if below > 0 {
            let moved = self.bins.drain(..below).fold(0_u64, |sum, b| sum.saturating_add(b.1));
            match self.bins.first_mut() {
                Some(first) if first.0 == lowest => first.1 = first.1.saturating_add(moved),
                _ => self.bins.insert(0, (lowest, moved)),
            }
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
        self.count = self.count.saturating_add(other.count);
        self.weight = self.weight.saturating_add(other.weight);
        self.zeros = self.zeros.saturating_add(other.zeros);
        // The largest first: it says at once where the range ends.
        for &(bin, n) in other.bins.iter().rev() {
            self.add(bin, n);
        }
    }

    /// How many values were inserted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many values they stand for.
    pub fn weight(&self) -> f64 {
        self.weight as f64 / ONE as f64
    }

    /// Their sum, each times its weight.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Their weighted mean; `None` if there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.weight())
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
        let rank = q.clamp(0.0, 1.0) * self.weight.saturating_sub(ONE) as f64;
        let mut seen = self.zeros;
        if rank < seen as f64 {
            return Some(0.0);
        }
        for &(bin, n) in &self.bins {
            seen = seen.saturating_add(n);
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
        let own = if value <= 0.0 { None } else { Some(bin_of(value)) };
        let mut below = if own.is_some() { self.zeros as f64 } else { self.zeros as f64 / 2.0 };
        for &(bin, n) in &self.bins {
            match own {
                Some(own) if bin < own => below += n as f64,
                Some(own) if bin == own => below += n as f64 / 2.0,
                _ => {}
            }
        }
        Some(below / self.weight as f64)
    }

    /// The median absolute deviation from the median; `None` if there are no values.
    pub fn mad(&self) -> Option<f64> {
        let median = self.quantile(0.5)?;
        let zeros = (median, self.zeros);
        let bins = self.bins.iter().map(|&(bin, n)| ((value_of(bin) - median).abs(), n));
        let mut deviations: Vec<(f64, u64)> = std::iter::once(zeros).chain(bins).collect();
        deviations.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = self.weight.div_ceil(2);
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

    /// The usual summary, with the number of values that those inserted stand for; zeros if there are none.
    pub fn aggregate(&self) -> Aggregate {
        let Quantiles { p50, p95, p99 } = self.quantiles();
        let avg = self.mean().unwrap_or(0.0);
        Aggregate { count: self.weight().round() as u64, min: self.min, avg, max: self.max, p50, p95, p99 }
    }

    /// Its buckets, by value: lower edge (exclusive), upper edge (inclusive), weight. Zero is the bucket of `0, 0`.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let edge = |bin: i32| (f64::from(bin) * GAMMA.ln()).exp();
        let zeros = (self.zeros > 0).then_some((0.0, 0.0, self.zeros as f64 / ONE as f64));
        let bins = self.bins.iter().map(move |&(bin, n)| (edge(bin - 1), edge(bin), n as f64 / ONE as f64));
        zeros.into_iter().chain(bins)
    }

    /// The weights between ascending bounds, as an explicit-bucket histogram counts them: up to the first bound,
    /// from there up to the second, and so on, and beyond the last. A value is placed to within 1 %.
    pub fn histogram(&self, bounds: &[f64]) -> Vec<f64> {
        let mut counts = vec![0.0; bounds.len() + 1];
        let mut place = |value: f64, n: u64| {
            counts[bounds.partition_point(|b| *b < value)] += n as f64 / ONE as f64;
        };
        place(0.0, self.zeros);
        self.bins.iter().for_each(|&(bin, n)| place(value_of(bin).clamp(self.min, self.max), n));
        counts
    }

    /// Bucket numbers and weights, zero as the smallest number there is.
    pub(super) fn weights(&self) -> impl Iterator<Item = (i32, f64)> {
        let zeros = (self.zeros > 0).then_some((i32::MIN, self.zeros));
        zeros.into_iter().chain(self.bins.iter().copied()).map(|(bin, n)| (bin, n as f64 / ONE as f64))
    }

    /// The memory behind it.
    pub(super) fn byte_size(&self) -> usize {
        self.bins.capacity() * std::mem::size_of::<(i32, u64)>()
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
