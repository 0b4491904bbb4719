//! Where many sketches are added up: one word for every bucket of the range, so that adding is an index.

use super::{MAX_BINS, QuantileSketch};

/// Buckets that are made room for around the first one.
const MARGIN: i32 = 256;

/// The sum of sketches. Kept and used again: it keeps its memory.
#[derive(Clone, Debug, Default)]
pub(in crate::analyze) struct MergedSketch {
    /// Weights from bucket `base` on.
    weights: Vec<u64>,
    base: i32,
    /// The buckets in use: from, to (exclusive).
    used: (i32, i32),
    pub(super) zeros: u64,
    pub(super) weight: u64,
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl MergedSketch {
    pub(in crate::analyze) fn merge(&mut self, s: &QuantileSketch) {
        if s.count == 0 {
            return;
        }
        self.seen(s.count, s.weight, s.zeros, (s.sum, s.min, s.max));
        for &(bin, n) in &s.bins {
            self.add(bin, n);
        }
    }

    /// Everything but the buckets.
    pub(super) fn seen(&mut self, count: u64, weight: u64, zeros: u64, (sum, min, max): (f64, f64, f64)) {
        self.min = if self.count == 0 { min } else { self.min.min(min) };
        self.max = self.max.max(max);
        self.sum += sum;
        self.count = self.count.saturating_add(count);
        self.weight = self.weight.saturating_add(weight);
        self.zeros = self.zeros.saturating_add(zeros);
    }

    #[inline]
    pub(super) fn add(&mut self, bin: i32, n: u64) {
        self.add_from(bin, bin, n);
        self.use_to(bin, bin + 1);
    }

    /// Adds one of several buckets, of which `first` was the first. The caller notes with [`MergedSketch::use_to`]
    /// which they were when all are there.
    #[inline(always)]
    pub(super) fn add_from(&mut self, first: i32, bin: i32, n: u64) {
        match self.weights.get_mut(bin.wrapping_sub(self.base) as usize) {
            Some(weight) => *weight = weight.saturating_add(n),
            None => {
                self.use_to(first, bin);
                self.add_outside(bin, n);
            }
        }
    }

    /// Notes that buckets from `first` to `end` (exclusive) are in use.
    pub(super) fn use_to(&mut self, first: i32, end: i32) {
        // What was collapsed on the way lies at the base, and there is nothing past the end of the memory.
        let end = end.min(self.base + self.weights.len() as i32);
        if first < end {
            self.used = (self.used.0.min(first).max(self.base), self.used.1.max(end));
        }
    }

    #[cold]
    fn add_outside(&mut self, bin: i32, n: u64) {
        if self.used.0 >= self.used.1 {
            self.used = (bin, bin);
        }
        let (from, to) = (self.used.0.min(bin) - MARGIN, self.used.1.max(bin + 1) + MARGIN);
        // What is further below the top than a sketch reaches is collapsed in the end; it need not be held.
        let from = from.max(to - MARGIN - MAX_BINS);
        let mut wider = vec![0; (to - from) as usize];
        let mut place = |bin: i32, n: u64| {
            let w: &mut u64 = &mut wider[(bin.max(from) - from) as usize];
            *w = w.saturating_add(n);
        };
        for b in self.used.0..self.used.1 {
            place(b, self.weights[(b - self.base) as usize]);
        }
        place(bin, n);
        self.used = (self.used.0.min(bin).max(from), self.used.1.max(bin + 1));
        (self.weights, self.base) = (wider, from);
    }

    /// The sum, which is empty afterwards.
    pub(in crate::analyze) fn take(&mut self) -> QuantileSketch {
        self.take_into(QuantileSketch::new())
    }

    /// The sum, which is empty afterwards, in the memory of another sketch.
    pub(in crate::analyze) fn take_into(&mut self, old: QuantileSketch) -> QuantileSketch {
        let (from, to) = self.used;
        let mut bins = old.bins;
        bins.clear();
        if from < to {
            let weights = &mut self.weights[(from - self.base) as usize..(to - self.base) as usize];
            bins.reserve_exact(weights.iter().filter(|w| **w > 0).count());
            bins.extend((from..to).zip(weights.iter().copied()).filter(|b| b.1 > 0));
            weights.fill(0);
        }
        let mut sketch = QuantileSketch {
            bins,
            zeros: self.zeros,
            weight: self.weight,
            count: self.count,
            sum: self.sum,
            min: self.min,
            max: self.max,
        };
        sketch.collapse(to.saturating_sub(MAX_BINS));
        let weights = std::mem::take(&mut self.weights);
        *self = Self { weights, base: self.base, used: (i32::MAX, i32::MIN), ..Self::default() };
        sketch
    }

    pub(in crate::analyze) fn count(&self) -> u64 {
        self.count
    }

    pub(in crate::analyze) fn weight(&self) -> f64 {
        self.weight as f64 / super::ONE as f64
    }
}
