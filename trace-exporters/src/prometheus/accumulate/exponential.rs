//! Adding up exponential histograms whose resolution and zero bucket may differ.

use trace_core::model::{ExponentialBuckets, ExponentialPoint};

/// Buckets on a side; more make the resolution coarser (OpenTelemetry metrics SDK, "Base2 Exponential Bucket
/// Histogram", `MaxSize`).
const MAX_BUCKETS: i64 = 160;

/// Adds buckets and zero count of `delta` to those of `total`. `false`, with `total` in disorder, if a count leaves the
/// range of its type.
pub(super) fn add(total: &mut ExponentialPoint, delta: &ExponentialPoint) -> bool {
    let mut delta = delta.clone();
    let scale = total.scale.min(delta.scale);
    coarsen(total, scale);
    coarsen(&mut delta, scale);
    // A wider zero bucket may end inside of a bucket of the other, and then takes that one in and grows again.
    while total.zero_threshold != delta.zero_threshold {
        let threshold = total.zero_threshold.max(delta.zero_threshold);
        if !(widen_zero(total, threshold) && widen_zero(&mut delta, threshold)) {
            return false;
        }
    }
    let sides = [(&total.positive, &delta.positive), (&total.negative, &delta.negative)];
    let by = sides.iter().map(|(a, b)| steps(a, b)).max().unwrap_or(0);
    coarsen(total, scale - by as i32);
    coarsen(&mut delta, scale - by as i32);
    let zero = total.zero_count.checked_add(delta.zero_count);
    let positive = joined(&total.positive, &delta.positive);
    let negative = joined(&total.negative, &delta.negative);
    let (Some(zero), Some(positive), Some(negative)) = (zero, positive, negative) else { return false };
    (total.zero_count, total.positive, total.negative) = (zero, positive, negative);
    true
}

fn coarsen(point: &mut ExponentialPoint, scale: i32) {
    let by = point.scale.saturating_sub(scale).unsigned_abs();
    if by > 0 && point.scale > scale {
        point.positive = point.positive.downscaled(by);
        point.negative = point.negative.downscaled(by);
        point.scale = scale;
    }
}

/// Lets the zero bucket reach up to `threshold`, or to the end of the bucket that it lies in.
fn widen_zero(point: &mut ExponentialPoint, threshold: f64) -> bool {
    point.zero_threshold = point.zero_threshold.max(threshold);
    for side in [&mut point.positive, &mut point.negative] {
        let inside = |index: i64| ExponentialPoint::bound(point.scale, index) < threshold;
        let count = side.iter().take_while(|(index, _)| inside(*index)).count();
        for (index, count) in side.iter().take(count) {
            let Some(zero) = point.zero_count.checked_add(count) else { return false };
            point.zero_count = zero;
            if count > 0 {
                let end = ExponentialPoint::bound(point.scale, index + 1);
                point.zero_threshold = point.zero_threshold.max(end.min(f64::MAX));
            }
        }
        side.counts.drain(..count);
        side.offset = side.offset.saturating_add(i32::try_from(count).unwrap_or(i32::MAX));
    }
    true
}

/// The first and the last bucket that holds anything.
fn range(side: &ExponentialBuckets) -> Option<(i64, i64)> {
    let mut held = side.iter().filter(|(_, count)| *count > 0).map(|(index, _)| index);
    let first = held.next()?;
    Some((first, held.last().unwrap_or(first)))
}

/// The first and the last bucket that either holds anything in.
fn both(a: &ExponentialBuckets, b: &ExponentialBuckets) -> Option<(i64, i64)> {
    match (range(a), range(b)) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

/// How many times neighbours must be joined until both fit in one row.
fn steps(a: &ExponentialBuckets, b: &ExponentialBuckets) -> u32 {
    let Some((mut first, mut last)) = both(a, b) else { return 0 };
    let mut steps = 0;
    while last - first >= MAX_BUCKETS {
        (first, last) = (first >> 1, last >> 1);
        steps += 1;
    }
    steps
}

/// The counts of two rows of one scale that fit in one.
fn joined(a: &ExponentialBuckets, b: &ExponentialBuckets) -> Option<ExponentialBuckets> {
    let Some((first, last)) = both(a, b) else { return Some(ExponentialBuckets::default()) };
    let mut counts = vec![0u64; usize::try_from(last - first + 1).ok()?];
    for (index, count) in a.iter().chain(b.iter()).filter(|(_, count)| *count > 0) {
        let place = counts.get_mut(usize::try_from(index - first).ok()?)?;
        *place = place.checked_add(count)?;
    }
    Some(ExponentialBuckets { offset: i32::try_from(first).ok()?, counts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in super::super) fn point(
        scale: i32,
        zero: (u64, f64),
        sides: [(i32, Vec<u64>); 2],
    ) -> ExponentialPoint {
        let [positive, negative] = sides.map(|(offset, counts)| ExponentialBuckets { offset, counts });
        let counted: u64 = positive.counts.iter().chain(&negative.counts).sum();
        ExponentialPoint {
            attributes: Default::default(),
            start: Default::default(),
            time: Default::default(),
            count: counted + zero.0,
            sum: 0.0,
            min: None,
            max: None,
            scale,
            zero_count: zero.0,
            zero_threshold: zero.1,
            positive,
            negative,
            exemplars: vec![],
        }
    }

    #[test]
    fn the_coarser_scale_wins() {
        let mut total = point(1, (1, 0.0), [(0, vec![1, 2, 3, 4]), (0, vec![])]);
        assert!(add(&mut total, &point(0, (2, 0.0), [(-1, vec![10]), (3, vec![7])])));
        assert_eq!((total.scale, total.zero_count), (0, 3));
        assert_eq!(total.positive, ExponentialBuckets { offset: -1, counts: vec![10, 3, 7] });
        assert_eq!(total.negative, ExponentialBuckets { offset: 3, counts: vec![7] });
    }

    #[test]
    fn a_wider_zero_bucket_takes_in_what_it_reaches() {
        // Buckets (1, 2], (2, 4], (4, 8]; the zero bucket ends within the second.
        let mut total = point(0, (1, 0.0), [(0, vec![5, 6, 7]), (0, vec![3])]);
        assert!(add(&mut total, &point(0, (2, 3.0), [(1, vec![0, 1]), (0, vec![])])));
        assert_eq!((total.zero_count, total.zero_threshold), (1 + 5 + 6 + 3 + 2, 4.0));
        assert_eq!(total.positive, ExponentialBuckets { offset: 2, counts: vec![8] });
        assert!(total.negative.counts.is_empty());
    }

    #[test]
    fn rows_that_do_not_fit_become_coarser() {
        let mut total = point(3, (0, 0.0), [(0, vec![1]), (0, vec![])]);
        assert!(add(&mut total, &point(3, (0, 0.0), [(161, vec![1]), (0, vec![])])));
        assert_eq!((total.scale, total.positive.counts.len()), (2, 81));
        let mut far = point(20, (0, 0.0), [(i32::MIN, vec![1]), (0, vec![])]);
        assert!(add(&mut far, &point(20, (0, 0.0), [(i32::MAX, vec![1]), (0, vec![])])));
        assert!(far.positive.counts.len() <= 160 && far.positive.counts.iter().sum::<u64>() == 2);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_whatever_the_scales(
            scales in (-10i32..21, -10i32..21), zeros in ((0u64..9, 0f64..4.0), (0u64..9, prop_oneof![Just(0.0), 0f64..9.0])),
            offsets in prop::array::uniform4(-1000i32..1000), counts in prop::array::uniform4(prop::collection::vec(0u64..5, 0..30)),
        ) {
            let [a, b, c, d] = counts;
            let mut total = point(scales.0, zeros.0, [(offsets[0], a), (offsets[1], b)]);
            let delta = point(scales.1, zeros.1, [(offsets[2], c), (offsets[3], d)]);
            let before = total.count;
            prop_assert!(add(&mut total, &delta));
            let sides = total.positive.counts.iter().chain(&total.negative.counts);
            prop_assert_eq!(sides.sum::<u64>() + total.zero_count, before + delta.count);
            prop_assert!(total.positive.counts.len() <= 160 && total.negative.counts.len() <= 160);
        }
    }
}
