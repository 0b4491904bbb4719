//! Native histograms: spans of buckets, with differences or counts.
//!
//! Format: Prometheus, "Native Histograms" (<https://prometheus.io/docs/specs/native_histograms/>).

use std::sync::Arc;

use trace_core::model::{AttributeSet, ExponentialBuckets, ExponentialPoint, HistogramPoint, Timestamp};

use super::series::{is_stale, time};
use super::{Budget, Fault};
use crate::wire_reader::{Field, Malformed, fields, fixed64s, varints};

/// The finest and the coarsest schema with exponential buckets.
const SCHEMAS: std::ops::RangeInclusive<i32> = -4..=8;
/// The schema whose bounds are listed.
const CUSTOM: i32 = -53;
/// `ResetHint` of a histogram whose counts may fall.
const GAUGE: u64 = 3;

/// A histogram as it stands in a request.
#[derive(Debug, Default)]
pub(super) struct Native {
    count: Count,
    sum: f64,
    schema: i32,
    zero_threshold: f64,
    zero: Count,
    negative: Side,
    positive: Side,
    hint: u64,
    pub(super) time: i64,
    bounds: Vec<f64>,
    pub(super) start: i64,
}

/// How many, as either version of the histogram says it.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    whole: u64,
    float: f64,
}

#[derive(Debug, Default)]
struct Side {
    /// Offset and length.
    spans: Vec<(i32, u32)>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// A histogram of ours.
#[derive(Debug)]
pub(super) enum Point {
    Exponential(ExponentialPoint),
    Explicit(HistogramPoint),
    /// It says that the series has ended.
    Ended,
}

pub(super) fn read(bytes: &[u8], budget: &mut Budget) -> Result<Native, Fault> {
    let mut out = Native::default();
    for field in fields(bytes) {
        let field = field?;
        if let (8..=13 | 16, Field::Bytes(v)) = &field {
            // Each byte may be a number of eight.
            budget.bytes((v.len() + 1).saturating_mul(8))?;
        }
        match field {
            (1, Field::Varint(v)) => out.count.whole = v,
            (2, Field::Fixed64(v)) => out.count.float = f64::from_bits(v),
            (3, Field::Fixed64(v)) => out.sum = f64::from_bits(v),
            (4, Field::Varint(v)) => out.schema = small(v)?,
            (5, Field::Fixed64(v)) => out.zero_threshold = f64::from_bits(v),
            (6, Field::Varint(v)) => out.zero.whole = v,
            (7, Field::Fixed64(v)) => out.zero.float = f64::from_bits(v),
            (8, Field::Bytes(v)) => out.negative.spans.push(span(v)?),
            (9, v) => out.negative.deltas(&v)?,
            (10, v) => out.negative.counts(&v)?,
            (11, Field::Bytes(v)) => out.positive.spans.push(span(v)?),
            (12, v) => out.positive.deltas(&v)?,
            (13, v) => out.positive.counts(&v)?,
            (14, Field::Varint(v)) => out.hint = v,
            (15, Field::Varint(v)) => out.time = v.cast_signed(),
            (16, v) => out.bounds.extend(fixed64s(&v)?.into_iter().map(f64::from_bits)),
            (17, Field::Varint(v)) => out.start = v.cast_signed(),
            (1..=17, _) => return Err(Malformed.into()),
            _ => {}
        }
    }
    Ok(out)
}

fn unzigzag(v: u64) -> i64 {
    (v >> 1).cast_signed() ^ -(v & 1).cast_signed()
}

fn small(v: u64) -> Result<i32, Malformed> {
    i32::try_from(unzigzag(v)).map_err(|_| Malformed)
}

fn span(bytes: &[u8]) -> Result<(i32, u32), Malformed> {
    let mut out = (0, 0);
    for field in fields(bytes) {
        match field? {
            (1, Field::Varint(v)) => out.0 = small(v)?,
            (2, Field::Varint(v)) => out.1 = u32::try_from(v).map_err(|_| Malformed)?,
            (1..=2, _) => return Err(Malformed),
            _ => {}
        }
    }
    Ok(out)
}

const FRACTIONS: &str = "a native histogram has counts that are no whole numbers";
const BUCKETS: &str = "the buckets of a native histogram do not fit together";

impl Count {
    /// The count as a whole number, if it is one.
    fn get(self) -> Result<u64, &'static str> {
        if self.float == 0.0 { Ok(self.whole) } else { whole(self.float) }
    }
}

fn whole(v: f64) -> Result<u64, &'static str> {
    // Beyond 2^53 a double is a whole number by accident.
    let exact = 0.0..=9_007_199_254_740_992.0;
    if exact.contains(&v) && v.fract() == 0.0 { Ok(v as u64) } else { Err(FRACTIONS) }
}

impl Side {
    fn deltas(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if !matches!(field, Field::Varint(_) | Field::Bytes(_)) {
            return Err(Malformed);
        }
        for v in varints(field) {
            self.deltas.push(unzigzag(v?));
        }
        Ok(())
    }

    fn counts(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        self.counts.extend(fixed64s(field)?.into_iter().map(f64::from_bits));
        Ok(())
    }

    fn filled(&self) -> Result<Vec<u64>, &'static str> {
        if !self.counts.is_empty() {
            return self.counts.iter().map(|v| whole(*v)).collect();
        }
        let mut count = 0_i64;
        let add = |delta: &i64| {
            count = count.checked_add(*delta)?;
            u64::try_from(count).ok()
        };
        self.deltas.iter().map(add).collect::<Option<_>>().ok_or(BUCKETS)
    }

    /// The buckets from the first one on, with those between spans.
    fn buckets(&self, budget: &mut Budget) -> Result<Result<ExponentialBuckets, &'static str>, Fault> {
        let filled = match self.filled() {
            Ok(filled) => filled,
            Err(why) => return Ok(Err(why)),
        };
        let named: u64 = self.spans.iter().map(|(_, length)| u64::from(*length)).sum();
        if named != filled.len() as u64 {
            return Ok(Err(BUCKETS));
        }
        let (mut out, mut index, mut first, mut gap) = (Vec::new(), 0_i64, None, 0_i64);
        let mut filled = filled.into_iter();
        for (offset, length) in self.spans.iter().copied() {
            gap += i64::from(offset);
            if length == 0 {
                // It only moves the next one.
                continue;
            }
            index += gap;
            if first.is_some() {
                let Ok(gap) = usize::try_from(gap) else { return Ok(Err(BUCKETS)) };
                budget.bytes(gap.saturating_mul(8))?;
                out.resize(out.len() + gap, 0);
            }
            first.get_or_insert(index);
            out.extend(filled.by_ref().take(length as usize));
            index += i64::from(length);
            gap = 0;
        }
        let first = first.unwrap_or(0);
        match (i32::try_from(first), i32::try_from(index)) {
            (Ok(offset), Ok(_)) => Ok(Ok(ExponentialBuckets { offset, counts: out })),
            _ => Ok(Err(BUCKETS)),
        }
    }
}

impl Native {
    /// The point, or why it cannot be kept.
    pub(super) fn point(
        self,
        attributes: &Arc<AttributeSet>,
        created: i64,
        budget: &mut Budget,
    ) -> Result<Result<Point, &'static str>, Fault> {
        if is_stale(self.sum) {
            return Ok(Ok(Point::Ended));
        }
        let start = if self.start == 0 { created } else { self.start };
        let Some(at) = time(self.time) else { return Ok(Err("a time is before 1970")) };
        let start = time(start).filter(|start| *start <= at).unwrap_or_default();
        if self.hint == GAUGE {
            return Ok(Err("a histogram whose counts may fall has no place here"));
        }
        if self.schema == CUSTOM {
            return self.explicit(attributes, (start, at), budget);
        }
        if !SCHEMAS.contains(&self.schema) {
            return Ok(Err("a native histogram has a schema that is not known"));
        }
        let (positive, negative) = (self.positive.buckets(budget)?, self.negative.buckets(budget)?);
        let exponential = || {
            let (mut positive, mut negative) = (positive?, negative?);
            let (count, zero_count) = (self.count.get()?, self.zero.get()?);
            let in_sides = positive.counts.iter().chain(&negative.counts);
            let in_buckets = in_sides.copied().try_fold(zero_count, u64::checked_add);
            // There may be fewer: NaN is in no bucket.
            if in_buckets.is_none_or(|sum| sum > count) {
                return Err(BUCKETS);
            }
            // Theirs are named by the upper bound's exponent, ours by the lower's.
            for side in [&mut positive, &mut negative] {
                let empty = side.counts.is_empty();
                side.offset = if empty { 0 } else { side.offset.checked_sub(1).ok_or(BUCKETS)? };
            }
            Ok(Point::Exponential(ExponentialPoint {
                attributes: attributes.clone(),
                start,
                time: at,
                count,
                sum: self.sum,
                min: None,
                max: None,
                scale: self.schema,
                zero_count,
                zero_threshold: self.zero_threshold,
                positive,
                negative,
                exemplars: Vec::new(),
            }))
        };
        Ok(exponential())
    }

    /// Buckets at listed bounds: the one with the index `i` ends at the bound `i`, the last one is open.
    fn explicit(
        &self,
        attributes: &Arc<AttributeSet>,
        (start, time): (Timestamp, Timestamp),
        budget: &mut Budget,
    ) -> Result<Result<Point, &'static str>, Fault> {
        budget.bytes((self.bounds.len() + 1) * 16)?;
        let found = self.positive.buckets(budget)?;
        let explicit = || {
            let found = found?;
            let ascending = self.bounds.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending || !self.bounds.iter().all(|b| b.is_finite()) {
                return Err("the bounds of a native histogram do not ascend");
            }
            let mut buckets = vec![0; self.bounds.len() + 1];
            let first = usize::try_from(found.offset).map_err(|_| BUCKETS)?;
            for (i, n) in found.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                *buckets.get_mut(first + i).ok_or(BUCKETS)? = *n;
            }
            let count = self.count.get()?;
            if buckets.iter().copied().try_fold(0, u64::checked_add) != Some(count) {
                return Err(BUCKETS);
            }
            Ok(Point::Explicit(HistogramPoint {
                attributes: attributes.clone(),
                start,
                time,
                count,
                sum: self.sum,
                min: None,
                max: None,
                bounds: self.bounds.as_slice().into(),
                buckets,
                exemplars: Vec::new(),
            }))
        };
        Ok(explicit())
    }
}
