//! Counts values in buckets of base 2 whose resolution adapts to their range.
//!
//! OpenTelemetry metrics SDK, "Base2 Exponential Bucket Histogram Aggregation": when the buckets in use would become
//! more than allowed, the scale falls, and neighbours join. Every index is computed at the finest scale and shifted,
//! so that one order of measurements, or one division over threads, gives the same buckets as any other.

use std::f64::consts::LOG2_E;

use crate::model::ExponentialBuckets;

/// The finest scale: 1,048,576 buckets between a number and its double.
pub(super) const MAX_SCALE: i32 = 20;
/// The coarsest: two buckets hold all magnitudes of doubles, so two are always enough.
pub(super) const MIN_SCALE: i32 = -10;

/// The most buckets a sign may have, and the scale to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolution {
    /// At least 2.
    pub(super) max_size: u32,
    /// From [`MIN_SCALE`] to [`MAX_SCALE`].
    pub(super) max_scale: i32,
}

/// The distribution of finite values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exponential {
    resolution: Resolution,
    pub(super) scale: i32,
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) zero_count: u64,
    pub(super) positive: ExponentialBuckets,
    pub(super) negative: ExponentialBuckets,
}

impl Exponential {
    pub(super) fn new(resolution: Resolution) -> Self {
        Self {
            resolution,
            scale: resolution.max_scale,
            count: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            zero_count: 0,
            positive: ExponentialBuckets::default(),
            negative: ExponentialBuckets::default(),
        }
    }

    /// Counts a finite value. `false`, and no change, if the sum would leave the finite range.
    pub(super) fn record(&mut self, value: f64) -> bool {
        let sum = self.sum + value;
        if !sum.is_finite() {
            return false;
        }
        self.sum = sum;
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value == 0.0 {
            self.zero_count += 1;
            return true;
        }
        let mut at = index(value.abs()) >> (MAX_SCALE - self.scale);
        let side = if value > 0.0 { &self.positive } else { &self.negative };
        let by = excess(side, at, at, self.resolution.max_size);
        self.downscale(by);
        at >>= by;
        add(if value > 0.0 { &mut self.positive } else { &mut self.negative }, at, 1);
        true
    }

    /// Adds the measurements of another one.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let scale = self.scale.min(other.scale);
        self.downscale((self.scale - scale).unsigned_abs());
        let mut shift = (other.scale - scale).unsigned_abs();
        let needed = |mine: &ExponentialBuckets, theirs: &ExponentialBuckets| match theirs.counts.len() {
            0 => 0,
            n => {
                let last = theirs.offset + i32::try_from(n).unwrap_or(i32::MAX) - 1;
                excess(mine, theirs.offset >> shift, last >> shift, self.resolution.max_size)
            }
        };
        let by = needed(&self.positive, &other.positive).max(needed(&self.negative, &other.negative));
        self.downscale(by);
        shift += by;
        for (mine, theirs) in [(&mut self.positive, &other.positive), (&mut self.negative, &other.negative)] {
            for (count, at) in theirs.counts.iter().zip(theirs.offset..) {
                if *count > 0 {
                    add(mine, at >> shift, *count);
                }
            }
        }
        self.count += other.count;
        self.zero_count += other.zero_count;
        self.sum = (self.sum + other.sum).clamp(f64::MIN, f64::MAX);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    fn downscale(&mut self, by: u32) {
        if by > 0 {
            self.positive = self.positive.downscaled(by);
            self.negative = self.negative.downscaled(by);
            self.scale -= by.cast_signed();
        }
    }
}

/// By how many steps the scale must fall until the buckets from `low` to `high` fit beside those in use.
fn excess(used: &ExponentialBuckets, low: i32, high: i32, max_size: u32) -> u32 {
    let (mut low, mut high) = (low, high);
    if !used.counts.is_empty() {
        let last = used.offset + i32::try_from(used.counts.len()).unwrap_or(i32::MAX) - 1;
        (low, high) = (low.min(used.offset), high.max(last));
    }
    let mut by = 0;
    while i64::from(high) - i64::from(low) >= i64::from(max_size) {
        (low, high) = (low >> 1, high >> 1);
        by += 1;
    }
    by
}

/// Adds to a bucket, and makes those that lie between it and the ones in use.
fn add(buckets: &mut ExponentialBuckets, at: i32, n: u64) {
    if buckets.counts.is_empty() {
        buckets.offset = at;
    }
    if at < buckets.offset {
        let missing = at.abs_diff(buckets.offset) as usize;
        buckets.counts.splice(0..0, std::iter::repeat_n(0, missing));
        buckets.offset = at;
    }
    let place = buckets.offset.abs_diff(at) as usize;
    if place >= buckets.counts.len() {
        buckets.counts.resize(place + 1, 0);
    }
    buckets.counts[place] += n;
}

/// The index of the bucket of a positive, finite magnitude at [`MAX_SCALE`]: the magnitude is over `base^index` and
/// at most `base^(index + 1)`. Numbers below the smallest normal one count as that one.
fn index(magnitude: f64) -> i32 {
    let bits = magnitude.max(f64::MIN_POSITIVE).to_bits();
    // `magnitude = fraction * 2^exponent`, with a fraction from one half to below one.
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1022;
    let fraction = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0x3fe0_0000_0000_0000);
    let whole = (exponent - 1) << MAX_SCALE;
    if fraction == 0.5 {
        // A power of two is the upper bound of its bucket; a logarithm need not be that exact.
        return whole - 1;
    }
    // 2^20 times the logarithm, from -2^20 to 0: truncation rounds it up, as upper bounds belong to buckets.
    let steps = (fraction.ln() * (LOG2_E * f64::from(1 << MAX_SCALE))) as i32;
    whole + (1 << MAX_SCALE) + steps - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::model::ExponentialPoint;

    const DEFAULT: Resolution = Resolution { max_size: 160, max_scale: MAX_SCALE };

    fn of(resolution: Resolution, values: &[f64]) -> Exponential {
        let mut e = Exponential::new(resolution);
        values.iter().for_each(|v| assert!(e.record(*v)));
        e
    }

    #[test]
    fn a_power_of_two_closes_its_bucket() {
        for k in -1022..1024 {
            let at = index(2f64.powi(k));
            assert_eq!(at, (k << MAX_SCALE) - 1);
            assert_eq!(index(2f64.powi(k) * 1.000_001) >> MAX_SCALE, k);
        }
        assert_eq!(index(f64::MAX), (1024 << MAX_SCALE) - 1);
        assert_eq!(index(5e-324), index(f64::MIN_POSITIVE));
    }

    #[test]
    fn two_buckets_hold_all_doubles() {
        let tiny = Resolution { max_size: 2, max_scale: MAX_SCALE };
        let e = of(tiny, &[5e-324, f64::MAX / 2.0, -5e-324, -f64::MAX / 2.0, 1.0, 0.0, -0.0]);
        assert!(e.scale >= MIN_SCALE, "{e:?}");
        assert_eq!((e.count, e.zero_count), (7, 2));
        assert!(e.positive.counts.len() <= 2 && e.negative.counts.len() <= 2);
    }

    #[test]
    fn a_sum_that_would_become_infinite_is_refused() {
        let mut e = of(DEFAULT, &[f64::MAX]);
        let before = e.clone();
        assert!(!e.record(f64::MAX));
        assert_eq!(e, before);
    }

    #[test]
    fn one_value_keeps_the_finest_scale() {
        let e = of(DEFAULT, &[3.0, 3.0]);
        assert_eq!((e.scale, e.positive.counts.as_slice()), (MAX_SCALE, &[2u64][..]));
    }

    fn values() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![
            Just(0.0),
            (-1000i32..1000).prop_map(|v| f64::from(v) / 8.0),
            (0.001f64..10.0),
            prop::num::f64::NORMAL.prop_map(|v| if v.abs() < 1e-290 { 1.0 } else { v / 1e10 }),
        ];
        prop::collection::vec(value, 0..60)
    }

    proptest! {
        #[test]
        fn buckets_hold_their_values_and_no_finer_scale_would_do(values in values(), max_size in 2u32..200) {
            let resolution = Resolution { max_size, max_scale: MAX_SCALE };
            let e = of(resolution, &values);
            prop_assert_eq!(e.count, values.len() as u64);
            let counted: u64 = e.positive.counts.iter().chain(&e.negative.counts).sum();
            prop_assert_eq!(counted + e.zero_count, e.count);
            for (buckets, sign) in [(&e.positive, 1.0), (&e.negative, -1.0)] {
                prop_assert!(buckets.counts.len() <= max_size as usize);
                for (at, count) in buckets.iter() {
                    let (low, high) = (ExponentialPoint::bound(e.scale, at), ExponentialPoint::bound(e.scale, at + 1));
                    // At a bound, the last digits of the logarithm decide.
                    let within = |slack: f64| values.iter().map(|v| v * sign)
                        .filter(|v| *v > low * (1.0 + slack) && *v <= high * (1.0 - slack)).count() as u64;
                    prop_assert!(within(1e-12) <= count && count <= within(-1e-12), "bucket {at}: {count}");
                }
            }
            if e.scale < MAX_SCALE {
                let finer = |b: &ExponentialBuckets, sign: f64| {
                    let at: Vec<i32> = values.iter().map(|v| v * sign).filter(|v| *v > 0.0)
                        .map(|v| index(v) >> (MAX_SCALE - e.scale - 1)).collect();
                    match (at.iter().min(), at.iter().max()) {
                        (Some(a), Some(z)) => { assert!(!b.counts.is_empty()); (z - a) as u32 >= max_size }
                        _ => false,
                    }
                };
                prop_assert!(finer(&e.positive, 1.0) || finer(&e.negative, -1.0));
            }
        }

        #[test]
        fn a_merge_equals_recording_everything_in_one(a in values(), b in values(), max_size in 2u32..200) {
            let resolution = Resolution { max_size, max_scale: MAX_SCALE };
            let mut merged = of(resolution, &a);
            merged.merge(&of(resolution, &b));
            let whole = of(resolution, &[a, b].concat());
            prop_assert!((merged.sum - whole.sum).abs() <= 1e-9 * whole.sum.abs().max(1.0) || merged.sum.abs() > 1e100);
            prop_assert_eq!(Exponential { sum: 0.0, ..merged }, Exponential { sum: 0.0, ..whole });
        }
    }
}
