//! The cell of histograms with explicit buckets: sum, extremes and counts that threads add to at once.
//!
//! All words only ever accumulate, so any number of readers may look at them; what an interval added is a
//! difference. Extremes have no difference: once a reader asks for those of intervals, each shard also keeps the
//! extremes of the present interval, marked with its number, and the reader who ends the interval hands them to all.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::bounds::Bounds;
use super::shard::{Shard, Shards};

const SUM: usize = 0;
const MIN: usize = 1;
const MAX: usize = 2;
/// The number of the interval that the following two belong to.
const INTERVAL: usize = 3;
const INTERVAL_MIN: usize = 4;
const INTERVAL_MAX: usize = 5;
const FIRST_BUCKET: usize = 6;

/// The smallest and the largest of some measurements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extremes {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Extremes {
    /// Of no measurement.
    pub(super) const NONE: Self = Self { min: f64::INFINITY, max: f64::NEG_INFINITY };

    fn join(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// Both, if there was a measurement.
    pub(super) fn known(self) -> Option<(f64, f64)> {
        (self.min <= self.max).then_some((self.min, self.max))
    }
}

/// See the module. What a measurement needs comes first, to lie in one cache line.
#[repr(C)]
pub(super) struct HistogramCell {
    /// The number of the present interval; zero while nobody asks.
    interval: AtomicU64,
    bounds: Bounds,
    shards: Shards,
    /// The extremes that readers of intervals have not had yet, by the reader's slot.
    pending: Mutex<Vec<Extremes>>,
}

/// The state of a [`HistogramCell`] at one moment, or its growth between two. The count is that of the buckets.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distribution {
    pub(super) buckets: Vec<u64>,
    pub(super) sum: f64,
    pub(super) extremes: Extremes,
}

impl Distribution {
    /// What came since `before`, except for the extremes.
    pub(super) fn since(&self, before: &Self) -> Self {
        let pairs = self.buckets.iter().zip(&before.buckets);
        Self {
            buckets: pairs.map(|(now, before)| now.saturating_sub(*before)).collect(),
            sum: self.sum - before.sum,
            extremes: Extremes::NONE,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

impl HistogramCell {
    pub(super) fn new(bounds: Bounds, shards: usize) -> Self {
        let shards = Shards::new(FIRST_BUCKET + bounds.all().len() + 1, shards, |word| match word {
            MIN => f64::INFINITY.to_bits(),
            MAX => f64::NEG_INFINITY.to_bits(),
            _ => 0,
        });
        Self { bounds, shards, interval: AtomicU64::new(0), pending: Mutex::default() }
    }

    pub(super) fn shards(&self) -> &Shards {
        &self.shards
    }

    pub(super) fn bounds(&self) -> &Arc<[f64]> {
        self.bounds.all()
    }

    /// Counts a finite value and returns its bucket; `None` if the sum would leave the finite range.
    #[inline(always)]
    pub(super) fn record(&self, shard: Shard<'_>, value: f64) -> Option<usize> {
        if !shard.update_f64(SUM, |sum| Some(sum + value).filter(|s| s.is_finite())) {
            return None;
        }
        shard.update_f64(MIN, |min| (value < min).then_some(value));
        shard.update_f64(MAX, |max| (value > max).then_some(value));
        let interval = self.interval.load(Relaxed);
        if interval != 0 {
            note(shard, interval, value);
        }
        let bucket = self.bounds.bucket(value);
        // Last, so that a collection that sees the count sees the extremes.
        shard.add(FIRST_BUCKET + bucket, 1);
        Some(bucket)
    }

    /// Adds the counts since the beginning to `buckets`, one for each bound and one more, and returns the sum.
    pub(super) fn add_up(&self, buckets: &mut [u64]) -> f64 {
        let mut sum = 0.0;
        for shard in self.shards.iter() {
            for (i, bucket) in buckets.iter_mut().enumerate() {
                *bucket += shard.get(FIRST_BUCKET + i);
            }
            sum += shard.get_f64(SUM);
        }
        sum.clamp(f64::MIN, f64::MAX)
    }

    /// Everything since the beginning.
    pub(super) fn total(&self) -> Distribution {
        let mut buckets = vec![0; self.bounds().len() + 1];
        // Counts first: what is counted has its extremes in place.
        let sum = self.add_up(&mut buckets);
        let mut extremes = Extremes::NONE;
        for shard in self.shards.iter() {
            extremes.join(Extremes { min: shard.get_f64(MIN), max: shard.get_f64(MAX) });
        }
        if buckets.iter().all(|b| *b == 0) {
            extremes = Extremes::NONE;
        }
        Distribution { buckets, sum, extremes }
    }

    /// Ends the interval for the reader in `slot`, of so many slots, and returns the extremes since it last asked;
    /// none the first time. Called after [`Self::total`]: what that counted is in it, except for a measurement that
    /// was made at the very moment when an interval ended.
    pub(super) fn end_interval(&self, slot: usize, slots: usize) -> Extremes {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < slots.max(slot + 1) {
            pending.resize(slots.max(slot + 1), Extremes::NONE);
        }
        let ended = self.interval.load(Relaxed);
        self.interval.store(ended + 1, Relaxed);
        if ended != 0 {
            for shard in self.shards.iter().filter(|s| s.get(INTERVAL) == ended) {
                let found = Extremes { min: shard.get_f64(INTERVAL_MIN), max: shard.get_f64(INTERVAL_MAX) };
                pending.iter_mut().for_each(|p| p.join(found));
            }
        }
        std::mem::replace(&mut pending[slot], Extremes::NONE)
    }
}

#[inline]
fn note(shard: Shard<'_>, interval: u64, value: f64) {
    if shard.get(INTERVAL) == interval {
        shard.update_f64(INTERVAL_MIN, |min| (value < min).then_some(value));
        shard.update_f64(INTERVAL_MAX, |max| (value > max).then_some(value));
    } else {
        shard.set(INTERVAL_MIN, value.to_bits());
        shard.set(INTERVAL_MAX, value.to_bits());
        shard.set(INTERVAL, interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(cell: &HistogramCell, value: f64) -> Option<usize> {
        cell.record(cell.shards().mine(), value)
    }

    #[test]
    fn a_bound_belongs_to_the_bucket_that_it_closes() {
        for n in [3, 100] {
            let bounds: Vec<f64> = (0..n).map(f64::from).collect();
            let cell = HistogramCell::new(Bounds::new(&bounds), 1);
            assert_eq!(record(&cell, 0.0), Some(0));
            assert_eq!(record(&cell, 0.5), Some(1));
            assert_eq!(record(&cell, 1.0), Some(1));
            assert_eq!(record(&cell, 1e9), Some(n as usize));
        }
    }

    #[test]
    fn an_empty_distribution_has_no_extremes() {
        let empty = HistogramCell::new(Bounds::new(&[1.0]), 2).total();
        assert_eq!((empty.extremes.known(), empty.sum), (None, 0.0));
        assert_eq!(empty.buckets, [0, 0]);
    }

    #[test]
    fn each_reader_has_the_extremes_of_its_own_intervals() {
        let cell = HistogramCell::new(Bounds::new(&[1.0]), 2);
        record(&cell, 100.0);
        assert_eq!(cell.end_interval(0, 2).known(), None, "the first time the total tells them");
        record(&cell, 3.0);
        record(&cell, 2.0);
        assert_eq!(cell.end_interval(0, 2).known(), Some((2.0, 3.0)));
        assert_eq!(cell.end_interval(0, 2).known(), None);
        record(&cell, 7.0);
        assert_eq!(cell.end_interval(1, 2).known(), Some((2.0, 7.0)));
        assert_eq!(cell.end_interval(0, 2).known(), Some((7.0, 7.0)));
        assert_eq!(cell.total().extremes.known(), Some((2.0, 100.0)));
    }
}
