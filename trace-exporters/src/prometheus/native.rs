//! Exponential histograms as native ones: the same buckets, named by their upper bounds, as spans and differences.
//!
//! Format: Prometheus, "Native Histograms" (<https://prometheus.io/docs/specs/native_histograms/>).

use trace_core::model::{ExponentialBuckets, ExponentialPoint};

/// The finest and the coarsest schema that there are.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;
/// What counts as zero if the point does not say (OpenTelemetry specification, "Exponential Histograms").
const ZERO_THRESHOLD: f64 = 1e-128;
/// So many empty buckets in a row are written, since a new span costs about as much.
const FILLED_GAP: u32 = 2;

/// Neighbouring buckets: how many are left out before them, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: i32,
    pub(crate) length: u32,
}

/// One half of a native histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Side {
    pub(crate) spans: Vec<Span>,
    /// Each bucket's difference to the one before it.
    pub(crate) deltas: Vec<i64>,
}

/// A native histogram with integer counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Native {
    pub(crate) schema: i32,
    pub(crate) zero_threshold: f64,
    pub(crate) zero_count: u64,
    pub(crate) positive: Side,
    pub(crate) negative: Side,
}

impl Native {
    /// `None` if the buckets are wider than the coarsest schema has them.
    pub(crate) fn new(point: &ExponentialPoint) -> Option<Self> {
        let schema = point.scale.min(*SCHEMAS.end());
        if !SCHEMAS.contains(&schema) {
            return None;
        }
        let by = (point.scale - schema).unsigned_abs();
        let zero_threshold = if point.zero_threshold > 0.0 { point.zero_threshold } else { ZERO_THRESHOLD };
        Some(Self {
            schema,
            zero_threshold,
            zero_count: point.zero_count,
            positive: Side::new(&point.positive.downscaled(by)),
            negative: Side::new(&point.negative.downscaled(by)),
        })
    }
}

impl Side {
    fn new(buckets: &ExponentialBuckets) -> Self {
        let mut side = Self::default();
        let (mut before, mut next) = (0i64, 0i64);
        for (index, count) in buckets.iter().filter(|(_, count)| *count > 0) {
            // Ours are named by the lower bound's exponent, theirs by the upper's.
            let index = index + 1;
            let gap = index - next;
            match (side.spans.last_mut(), u32::try_from(gap)) {
                (Some(span), Ok(gap)) if gap <= FILLED_GAP => {
                    for _ in 0..gap {
                        side.deltas.push(-before);
                        before = 0;
                    }
                    span.length += gap + 1;
                }
                _ => {
                    // Indices are 32 bits wide, and so is what lies between two of one side at most 160 buckets.
                    let offset = i32::try_from(gap).unwrap_or(i32::MAX);
                    side.spans.push(Span { offset, length: 1 });
                }
            }
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            side.deltas.push(count - before);
            (before, next) = (count, index + 1);
        }
        side
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn point(scale: i32, positive: ExponentialBuckets) -> ExponentialPoint {
        ExponentialPoint {
            attributes: Default::default(),
            start: Default::default(),
            time: Default::default(),
            count: positive.counts.iter().sum(),
            sum: 0.0,
            min: None,
            max: None,
            scale,
            zero_count: 0,
            zero_threshold: 0.0,
            positive,
            negative: ExponentialBuckets::default(),
            exemplars: vec![],
        }
    }

    /// What a reader makes of a side: counts by index.
    fn read(side: &Side) -> BTreeMap<i64, u64> {
        let (mut index, mut count) = (0i64, 0i64);
        let mut deltas = side.deltas.iter();
        let mut found = BTreeMap::new();
        for span in &side.spans {
            index += i64::from(span.offset);
            for _ in 0..span.length {
                count += deltas.next().unwrap();
                if count != 0 {
                    found.insert(index, u64::try_from(count).unwrap());
                }
                index += 1;
            }
        }
        assert!(deltas.next().is_none());
        found
    }

    #[test]
    fn scales_beyond_the_schemas_are_coarsened_or_refused() {
        let buckets = || ExponentialBuckets { offset: 0, counts: vec![1; 8] };
        let native = Native::new(&point(10, buckets())).unwrap();
        assert_eq!((native.schema, read(&native.positive)), (8, BTreeMap::from([(1, 4), (2, 4)])));
        assert_eq!(Native::new(&point(-4, buckets())).unwrap().schema, -4);
        assert_eq!(Native::new(&point(-5, buckets())), None);
    }

    #[test]
    fn short_gaps_are_filled_and_long_ones_begin_a_span() {
        let counts = vec![3, 0, 0, 1, 0, 0, 0, 2];
        let side = Native::new(&point(0, ExponentialBuckets { offset: -2, counts })).unwrap().positive;
        assert_eq!(side.spans, [Span { offset: -1, length: 4 }, Span { offset: 3, length: 1 }]);
        assert_eq!(side.deltas, [3, -3, 0, 1, 1]);
    }

    proptest! {
        #[test]
        fn a_reader_finds_every_count(
            scale in -4i32..9, offset in -2000i32..2000, counts in prop::collection::vec(prop_oneof![3 => Just(0u64), 2 => 1u64..1_000_000], 0..40),
        ) {
            let expected: BTreeMap<i64, u64> = counts.iter().enumerate().filter(|(_, n)| **n > 0)
                .map(|(i, n)| (i64::from(offset) + i as i64 + 1, *n)).collect();
            let native = Native::new(&point(scale, ExponentialBuckets { offset, counts })).unwrap();
            prop_assert_eq!(read(&native.positive), expected);
        }
    }
}
