//! Exponential histograms: buckets whose bounds are powers of one base.
//!
//! OpenTelemetry metrics data model, "ExponentialHistogram".

use std::sync::Arc;

use super::{AttributeSet, Exemplar, Timestamp};

/// One series of an exponential histogram at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ExponentialPoint {
    /// The series.
    pub attributes: Arc<AttributeSet>,
    /// The start of the interval.
    pub start: Timestamp,
    /// The moment of collection.
    pub time: Timestamp,
    /// How many measurements.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest, if known.
    pub min: Option<f64>,
    /// The largest, if known.
    pub max: Option<f64>,
    /// The resolution: the base of the bounds is `2^(2^-scale)`.
    pub scale: i32,
    /// Measurements whose magnitude is at most [`Self::zero_threshold`].
    pub zero_count: u64,
    /// The largest magnitude that counts as zero.
    pub zero_threshold: f64,
    /// Measurements above zero.
    pub positive: ExponentialBuckets,
    /// Measurements below zero, by their magnitude.
    pub negative: ExponentialBuckets,
    /// Sampled measurements behind it.
    pub exemplars: Vec<Exemplar>,
}

/// Neighbouring buckets. The bucket with the index `i` holds magnitudes over `base^i` and up to `base^(i+1)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExponentialBuckets {
    /// The index of the first bucket.
    pub offset: i32,
    /// The counts from there on.
    pub counts: Vec<u64>,
}

impl ExponentialBuckets {
    /// The same measurements at a resolution that is coarser by this many powers of two: each step joins two
    /// neighbours.
    #[must_use]
    pub fn downscaled(&self, by: u32) -> Self {
        // Indices are 32 bits wide: more steps than 31 change nothing.
        let by = by.min(31);
        let offset = self.offset >> by;
        let mut counts = Vec::new();
        for (index, count) in self.iter() {
            let at = usize::try_from((index >> by) - i64::from(offset)).unwrap_or(0);
            if counts.len() <= at {
                counts.resize(at + 1, 0u64);
            }
            counts[at] = counts[at].saturating_add(count);
        }
        Self { offset, counts }
    }

    /// Index and count of each bucket.
    pub fn iter(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.counts.iter().zip(i64::from(self.offset)..).map(|(count, index)| (index, *count))
    }
}

impl ExponentialPoint {
    /// The bound between the buckets `index - 1` and `index` at a scale: `base^index`. Zero or infinite where no
    /// double holds it.
    pub fn bound(scale: i32, index: i64) -> f64 {
        (index as f64 * f64::from(-scale).exp2()).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_are_powers_of_the_base() {
        assert_eq!(ExponentialPoint::bound(0, 3), 8.0);
        assert_eq!(ExponentialPoint::bound(1, 1), 2f64.sqrt());
        assert_eq!(ExponentialPoint::bound(-2, -1), 1.0 / 16.0);
        assert_eq!(ExponentialPoint::bound(-10, 1), f64::INFINITY);
    }

    #[test]
    fn neighbours_join_also_below_zero() {
        let fine = ExponentialBuckets { offset: -3, counts: vec![1, 2, 3, 4, 5] };
        assert_eq!(fine.downscaled(0), fine);
        assert_eq!(fine.downscaled(1), ExponentialBuckets { offset: -2, counts: vec![1, 5, 9] });
        assert_eq!(fine.downscaled(40), ExponentialBuckets { offset: -1, counts: vec![6, 9] });
        assert_eq!(ExponentialBuckets::default().downscaled(3), ExponentialBuckets::default());
    }

    proptest! {
        #[test]
        fn steps_may_be_taken_one_by_one(offset: i32, counts in prop::collection::vec(0u64..9, 1..40), a in 0u32..9, b in 0u32..9) {
            let fine = ExponentialBuckets { offset: offset / 2, counts };
            let coarse = fine.downscaled(a + b);
            prop_assert_eq!(fine.downscaled(a).downscaled(b), coarse.clone());
            prop_assert_eq!(coarse.counts.iter().sum::<u64>(), fine.counts.iter().sum::<u64>());
        }
    }
}
