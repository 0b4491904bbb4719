//! What the kinds of points have in common, and how each takes a delta.

use std::sync::Arc;

use trace_core::model::{
    AttributeSet, Exemplar, ExponentialPoint, HistogramPoint, Number, NumberPoint, Timestamp,
};

use super::exponential;
use crate::prometheus::exemplar;
use crate::prometheus::exponential::is_well_formed;
use crate::prometheus::text;
use trace_core::metric::HistogramView;

/// Exemplars that an exponential histogram keeps: the latest.
const MAX_EXEMPLARS: usize = 16;

/// A point that deltas can be added to.
pub(super) trait Total: Clone {
    fn attributes(&self) -> &Arc<AttributeSet>;
    fn times(&self) -> (Timestamp, Timestamp);
    fn set_times(&mut self, start: Timestamp, time: Timestamp);
    /// Whether the parts of the point fit each other. A total never decreases if it is `monotonic`.
    fn is_valid(&self, monotonic: bool) -> bool;
    /// Adds the value of a valid delta. `false`, with the total in disorder, if they do not go together, or no number
    /// holds their sum: the delta is then the beginning of a new total.
    fn add(&mut self, delta: &Self) -> bool;
}

impl Total for NumberPoint {
    fn attributes(&self) -> &Arc<AttributeSet> {
        &self.attributes
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.start, self.time)
    }

    fn set_times(&mut self, start: Timestamp, time: Timestamp) {
        (self.start, self.time) = (start, time);
    }

    fn is_valid(&self, monotonic: bool) -> bool {
        let value = self.value.as_f64();
        value.is_finite() && (value >= 0.0 || !monotonic)
    }

    fn add(&mut self, delta: &Self) -> bool {
        let sum = match (self.value, delta.value) {
            (Number::I64(a), Number::I64(b)) => a.checked_add(b).map(Number::I64),
            _ => None,
        };
        let sum = sum.unwrap_or_else(|| Number::F64(self.value.as_f64() + delta.value.as_f64()));
        self.value = sum;
        self.exemplars =
            exemplar::latest(self.exemplars.iter().chain(&delta.exemplars)).cloned().into_iter().collect();
        sum.as_f64().is_finite()
    }
}

impl Total for HistogramPoint {
    fn attributes(&self) -> &Arc<AttributeSet> {
        &self.attributes
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.start, self.time)
    }

    fn set_times(&mut self, start: Timestamp, time: Timestamp) {
        (self.start, self.time) = (start, time);
    }

    fn is_valid(&self, _: bool) -> bool {
        let (count, sum) = (self.count, self.sum);
        text::is_well_formed(&HistogramView { count, sum, bounds: &self.bounds, buckets: &self.buckets })
    }

    fn add(&mut self, delta: &Self) -> bool {
        if self.bounds != delta.bounds {
            return false;
        }
        let Some(count) = self.count.checked_add(delta.count) else { return false };
        self.count = count;
        // Each bucket holds at most the count. Without bounds, it may be left out.
        if self.buckets.len() == delta.buckets.len() {
            self.buckets.iter_mut().zip(&delta.buckets).for_each(|(a, b)| *a += b);
        } else {
            self.buckets.clear();
        }
        self.sum += delta.sum;
        (self.min, self.max) = extremes((self.min, self.max), (delta.min, delta.max));
        let all: Vec<Exemplar> = self.exemplars.iter().chain(&delta.exemplars).cloned().collect();
        self.exemplars = exemplar::by_bucket(&all, &self.bounds).into_iter().flatten().cloned().collect();
        true
    }
}

impl Total for ExponentialPoint {
    fn attributes(&self) -> &Arc<AttributeSet> {
        &self.attributes
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.start, self.time)
    }

    fn set_times(&mut self, start: Timestamp, time: Timestamp) {
        (self.start, self.time) = (start, time);
    }

    fn is_valid(&self, _: bool) -> bool {
        is_well_formed(self) && self.zero_threshold.is_finite() && self.zero_threshold >= 0.0
    }

    fn add(&mut self, delta: &Self) -> bool {
        let Some(count) = self.count.checked_add(delta.count) else { return false };
        if !exponential::add(self, delta) {
            return false;
        }
        self.count = count;
        self.sum += delta.sum;
        (self.min, self.max) = extremes((self.min, self.max), (delta.min, delta.max));
        self.exemplars.extend(delta.exemplars.iter().cloned());
        self.exemplars.sort_by_key(|e| e.time);
        let surplus = self.exemplars.len().saturating_sub(MAX_EXEMPLARS);
        self.exemplars.drain(..surplus);
        true
    }
}

type Extremes = (Option<f64>, Option<f64>);

/// Known only if both are.
fn extremes(a: Extremes, b: Extremes) -> Extremes {
    (a.0.zip(b.0).map(|(a, b)| a.min(b)), a.1.zip(b.1).map(|(a, b)| a.max(b)))
}
