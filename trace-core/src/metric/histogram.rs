//! Histograms: distributions in explicit buckets.

use std::sync::Arc;

use super::InvalidInstrument;
use super::instrument::{Bound, Instrument};
use super::shard::Shards;
use crate::model::{KeyValue, Number};

/// The bounds of a histogram that names none: for durations in seconds, from 5 ms to 10 s (OpenTelemetry semantic
/// conventions, `http.server.request.duration`).
pub const DEFAULT_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// More buckets than this are a mistake: each series holds all of them, once a shard.
const MAX_BOUNDS: usize = 1024;

/// Counts values in buckets, such as the durations of requests.
#[derive(Clone, Debug)]
pub struct Histogram(pub(super) Arc<Instrument>);

impl Histogram {
    /// Counts a value in the series with these attributes, in any order. NaN and infinities are refused and
    /// counted.
    #[inline]
    pub fn record(&self, value: f64, attributes: &[KeyValue]) {
        self.0.record(Number::F64(value), attributes);
    }

    /// A handle to one series, which is exported from now on, empty if nothing is recorded.
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundHistogram {
        BoundHistogram(Bound::new(&self.0, attributes))
    }
}

/// One series of a [`Histogram`].
#[derive(Clone, Debug)]
pub struct BoundHistogram(Bound);

impl BoundHistogram {
    /// Counts a value. NaN and infinities are refused and counted.
    #[inline]
    pub fn record(&self, value: f64) {
        self.0.record(Number::F64(value));
    }
}

/// Checks that bounds are finite, ascending and not too many.
pub(super) fn validate_bounds(name: &str, bounds: &[f64]) -> Result<(), InvalidInstrument> {
    let reason = if bounds.len() > MAX_BOUNDS {
        format!("{} bounds are more than the {MAX_BOUNDS} allowed", bounds.len())
    } else if let Some(b) = bounds.iter().find(|b| !b.is_finite()) {
        format!("{b} is not finite; the bucket above the last bound is always there")
    } else if let Some(w) = bounds.windows(2).find(|w| w[0] >= w[1]) {
        format!("{} must not come before {}: each bound must be greater than the one before", w[0], w[1])
    } else {
        return Ok(());
    };
    Err(InvalidInstrument::Bounds { name: name.to_owned(), reason })
}

const SUM: usize = 0;
const MIN: usize = 1;
const MAX: usize = 2;
const FIRST_BUCKET: usize = 3;

/// Sum, extremes and buckets that threads add to at once.
pub(super) struct HistogramCell {
    bounds: Arc<[f64]>,
    shards: Shards,
}

/// The state of a [`HistogramCell`] at one moment. The count is that of the buckets.
pub(super) struct Distribution {
    pub(super) bounds: Arc<[f64]>,
    pub(super) buckets: Vec<u64>,
    pub(super) sum: f64,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

impl HistogramCell {
    pub(super) fn new(bounds: Arc<[f64]>, shards: usize) -> Self {
        let shards = Shards::new(FIRST_BUCKET + bounds.len() + 1, shards, |word| match word {
            MIN => f64::INFINITY.to_bits(),
            MAX => f64::NEG_INFINITY.to_bits(),
            _ => 0,
        });
        Self { bounds, shards }
    }

    /// Counts a finite value and returns its bucket; `None` if the sum would leave the finite range.
    #[inline]
    pub(super) fn record(&self, value: f64) -> Option<usize> {
        let shard = self.shards.mine();
        if !shard.update_f64(SUM, |sum| Some(sum + value).filter(|s| s.is_finite())) {
            return None;
        }
        shard.update_f64(MIN, |min| (value < min).then_some(value));
        shard.update_f64(MAX, |max| (value > max).then_some(value));
        let bucket = self.bucket(value);
        // Last, so that a collection that sees the count sees the extremes.
        shard.add(FIRST_BUCKET + bucket, 1);
        Some(bucket)
    }

    /// How many bounds lie below the value: a bound belongs to the bucket that it closes.
    #[inline]
    fn bucket(&self, value: f64) -> usize {
        if self.bounds.len() <= 32 {
            // Without branches this is faster than a binary search for the usual few bounds.
            self.bounds.iter().map(|b| usize::from(value > *b)).sum()
        } else {
            self.bounds.partition_point(|b| *b < value)
        }
    }

    pub(super) fn snapshot(&self) -> Distribution {
        let mut buckets = vec![0; self.bounds.len() + 1];
        let (mut sum, mut min, mut max) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
        for shard in self.shards.iter() {
            for (i, bucket) in buckets.iter_mut().enumerate() {
                *bucket += shard.get(FIRST_BUCKET + i);
            }
            sum += shard.get_f64(SUM);
            min = f64::min(min, shard.get_f64(MIN));
            max = f64::max(max, shard.get_f64(MAX));
        }
        let any = buckets.iter().any(|b| *b > 0);
        Distribution {
            bounds: self.bounds.clone(),
            buckets,
            sum: sum.clamp(f64::MIN, f64::MAX),
            min: any.then_some(min),
            max: any.then_some(max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_that_it_closes() {
        for n in [3, 100] {
            let bounds: Arc<[f64]> = (0..n).map(f64::from).collect();
            let cell = HistogramCell::new(bounds, 1);
            assert_eq!(cell.record(0.0), Some(0));
            assert_eq!(cell.record(0.5), Some(1));
            assert_eq!(cell.record(1.0), Some(1));
            assert_eq!(cell.record(1e9), Some(n as usize));
        }
    }

    #[test]
    fn bounds_must_ascend_and_be_finite() {
        assert_eq!(validate_bounds("h", &[]), Ok(()));
        assert_eq!(validate_bounds("h", &DEFAULT_BOUNDS), Ok(()));
        for bad in [vec![1.0, 1.0], vec![2.0, 1.0], vec![f64::NAN], vec![1.0, f64::INFINITY], vec![0.0; 2000]]
        {
            assert!(matches!(validate_bounds("h", &bad), Err(InvalidInstrument::Bounds { .. })), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_distribution_has_no_extremes() {
        let empty = HistogramCell::new(Arc::from([1.0]), 2).snapshot();
        assert_eq!((empty.min, empty.max, empty.sum), (None, None, 0.0));
        assert_eq!(empty.buckets, [0, 0]);
    }
}
