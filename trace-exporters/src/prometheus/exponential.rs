//! Exponential histograms as histograms with explicit bounds, for formats without native ones.
//!
//! The bounds of a coarse scale are among those of every finer one, so a series keeps its `le` labels when its own
//! scale falls, and only gains some as its range grows.

use std::sync::Arc;

use trace_core::model::{ExponentialPoint, HistogramPoint};

/// Two buckets between a number and its double: quantiles within 20 %, some 30 lines a series.
const FINEST: i32 = 1;

/// Whether the counts add up, and are few enough to show.
pub(crate) fn is_well_formed(point: &ExponentialPoint) -> bool {
    let counts = point.positive.counts.iter().chain(&point.negative.counts).chain([&point.zero_count]);
    let total = counts.into_iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
    total == Some(point.count) && (-20..=30).contains(&point.scale)
}

/// The same measurements with explicit bounds. A negative value that is exactly a bound counts below it, too.
pub(super) fn with_bounds(point: &ExponentialPoint) -> HistogramPoint {
    let scale = point.scale.min(FINEST);
    let by = (point.scale - scale).unsigned_abs();
    let (mut bounds, mut buckets) = (Vec::new(), Vec::new());
    let mut put = |bound: f64, count: u64| {
        // Beyond the range of doubles bounds coincide.
        let bound = bound.clamp(f64::MIN, f64::MAX);
        match (bounds.last(), buckets.last_mut()) {
            (Some(last), Some(before)) if *last >= bound => *before += count,
            _ => {
                bounds.push(bound);
                buckets.push(count);
            }
        }
    };
    let negative = point.negative.downscaled(by);
    for (index, count) in negative.iter().collect::<Vec<_>>().into_iter().rev() {
        put(-ExponentialPoint::bound(scale, index), count);
    }
    if point.zero_count > 0 {
        put(point.zero_threshold.max(0.0), point.zero_count);
    }
    let positive = point.positive.downscaled(by);
    if !positive.counts.is_empty() {
        // The lower end of the first bucket: without it, a quantile would be interpolated from zero.
        put(ExponentialPoint::bound(scale, positive.offset.into()), 0);
    }
    let mut above = 0;
    for (index, count) in positive.iter() {
        match ExponentialPoint::bound(scale, index + 1) {
            bound if bound.is_finite() => put(bound, count),
            _ => above += count,
        }
    }
    buckets.push(above);
    HistogramPoint {
        attributes: point.attributes.clone(),
        start: point.start,
        time: point.time,
        count: point.count,
        sum: point.sum,
        min: point.min,
        max: point.max,
        bounds: Arc::from(bounds),
        buckets,
        exemplars: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trace_core::model::ExponentialBuckets;

    use super::*;

    fn point(
        scale: i32,
        zero_count: u64,
        positive: ExponentialBuckets,
        negative: ExponentialBuckets,
    ) -> ExponentialPoint {
        let counted: u64 = positive.counts.iter().chain(&negative.counts).sum();
        ExponentialPoint {
            attributes: Arc::default(),
            start: Default::default(),
            time: Default::default(),
            count: counted + zero_count,
            sum: 0.0,
            min: None,
            max: None,
            scale,
            zero_count,
            zero_threshold: 0.0,
            positive,
            negative,
            exemplars: vec![],
        }
    }

    #[test]
    fn buckets_on_both_sides_of_zero_become_one_row() {
        let positive = ExponentialBuckets { offset: 0, counts: vec![3, 0, 4] };
        let negative = ExponentialBuckets { offset: 1, counts: vec![5, 6] };
        let found = with_bounds(&point(0, 2, positive, negative));
        assert_eq!(found.bounds.as_ref(), [-4.0, -2.0, 0.0, 1.0, 2.0, 4.0, 8.0]);
        assert_eq!(found.buckets, [6, 5, 2, 0, 3, 0, 4, 0]);
    }

    #[test]
    fn fine_buckets_are_joined_to_two_in_each_power_of_two() {
        let positive = ExponentialBuckets { offset: 0, counts: vec![1; 16] };
        let found = with_bounds(&point(3, 0, positive, ExponentialBuckets::default()));
        assert_eq!(found.bounds.as_ref(), [1.0, 2f64.sqrt(), 2.0, 8f64.sqrt(), 4.0]);
        assert_eq!(found.buckets, [0, 4, 4, 4, 4, 0]);
    }

    proptest! {
        #[test]
        fn any_point_becomes_a_histogram_that_can_be_shown(
            scale in -12i32..22, zero in 0u64..9, offsets: (i32, i32),
            positive in prop::collection::vec(0u64..9, 0..20), negative in prop::collection::vec(0u64..9, 0..20),
        ) {
            let side = |offset: i32, counts| ExponentialBuckets { offset: offset / 2, counts };
            let point = point(scale, zero, side(offsets.0, positive), side(offsets.1, negative));
            prop_assert!(is_well_formed(&point));
            let found = with_bounds(&point);
            prop_assert!(found.bounds.windows(2).all(|w| w[0] < w[1]), "{:?}", found.bounds);
            prop_assert!(found.bounds.iter().all(|b| b.is_finite()));
            prop_assert_eq!(found.buckets.len(), found.bounds.len() + 1);
            prop_assert_eq!(found.buckets.iter().sum::<u64>(), point.count);
        }
    }
}
