//! From a score to a probability, by the history of such scores.

/// Buckets of the histogram.
const BUCKETS: usize = 256;
/// The reference counts as this many observations at first.
const PRIOR_WEIGHT: f64 = 30.0;
/// The tail is modelled above the score that this share of the history reaches,
const TAIL_SHARE: f64 = 0.02;
/// or that this many observations reach, whichever are more.
const TAIL_COUNT: f64 = 10.0;
/// The slope of the tail starts as if so many observations had shown the reference's.
const TAIL_PRIOR: f64 = 5.0;
/// The smallest probability that is told.
const LEAST_P: f64 = 1e-12;

/// Turns scores into p-values: the probability that a score of the same history is at least as high.
///
/// A histogram with exponential forgetting over `memory` observations gives the probability where there is
/// enough history, as in conformal prediction. Above the score that 2 % of the history (but at least ten
/// observations) reach, an exponential tail fitted to the mean excess takes over, so that a score higher than all
/// before can get a probability below `1/n`; within the seen range the tail never goes below the plain count.
///
/// Scores above the point where the p-value is `clip` are learned as that point: an incident cannot teach the tail
/// that incidents are normal, and the rate at which p-values fall below any level above `clip` stays right.
#[derive(Clone, Debug)]
pub struct Calibrator {
    low: f64,
    width: f64,
    counts: Box<[f32; BUCKETS]>,
    total: f64,
    /// The weight of an observation that is learned now. Growing it is cheaper than shrinking all others.
    unit: f64,
    growth: f64,
    learned: f64,
    clip: f64,
    has_reference: bool,
    tail: Tail,
}

#[derive(Clone, Copy, Debug)]
struct Tail {
    start: f64,
    share: f64,
    mean_excess: f64,
}

impl Calibrator {
    /// For scores that are surprises: `-ln p` under some reference, in nats. Starts as if it had seen 30
    /// observations that fit the reference.
    pub fn of_surprise(memory: usize, clip: f64) -> Self {
        let mut new = Self::empty(0.0, 32.0, memory, clip);
        new.has_reference = true;
        for (bucket, count) in new.counts.iter_mut().enumerate() {
            let edge = bucket as f64 * new.width;
            let above = if bucket + 1 == BUCKETS { 0.0 } else { (-(edge + new.width)).exp() };
            *count = (PRIOR_WEIGHT * ((-edge).exp() - above)) as f32;
        }
        new.total = PRIOR_WEIGHT;
        new.fit_tail();
        new
    }

    /// For scores between `low` and `high` of which nothing is known beforehand. Ask [`learned`](Self::learned)
    /// before relying on it.
    pub fn of_range(low: f64, high: f64, memory: usize, clip: f64) -> Self {
        Self::empty(low, high, memory, clip)
    }

    fn empty(low: f64, high: f64, memory: usize, clip: f64) -> Self {
        let memory = memory.max(2) as f64;
        Self {
            low,
            width: (high - low) / BUCKETS as f64,
            counts: Box::new([0.0; BUCKETS]),
            total: 0.0,
            unit: 1.0,
            growth: 1.0 / (memory - 1.0),
            learned: 0.0,
            clip: clip.clamp(LEAST_P, 0.5),
            has_reference: false,
            tail: Tail { start: low, share: 1.0, mean_excess: high - low },
        }
    }

    /// The weight of all observations so far.
    pub fn learned(&self) -> f64 {
        self.learned
    }

    /// The probability of a score at least this high, between 1e-12 and 1. NaN (no score) gives 1.
    pub fn p_value(&self, score: f64) -> f64 {
        if score.is_nan() || self.total <= 0.0 {
            return 1.0;
        }
        let counted = self.counted(score);
        let p = if score < self.tail.start {
            counted
        } else {
            counted.max(self.tail.share * (-(score - self.tail.start) / self.tail.mean_excess).exp())
        };
        p.clamp(LEAST_P, 1.0)
    }

    /// The lowest score whose p-value is about `p` or less.
    pub fn quantile(&self, p: f64) -> f64 {
        let p = p.clamp(LEAST_P, 1.0);
        if p <= self.tail.share {
            return self.tail.start + self.tail.mean_excess * (self.tail.share / p).ln();
        }
        let mut above = 0.0;
        for bucket in (0..BUCKETS).rev() {
            above += f64::from(self.counts[bucket]);
            if above > p * self.total {
                return self.edge(bucket + 1);
            }
        }
        self.low
    }

    /// Learns a score with a weight of 0 to 1. NaN is ignored.
    pub fn learn(&mut self, score: f64, weight: f64) {
        if score.is_nan() || weight.is_nan() || weight <= 0.0 {
            return;
        }
        let weight = weight.min(1.0);
        let clipped = if self.total > 0.0 { score.min(self.quantile(self.clip)) } else { score };
        let added = self.unit * weight;
        self.counts[self.bucket(clipped)] += added as f32;
        self.total += added;
        self.learned += weight;
        self.unit *= 1.0 + self.growth * weight;
        if self.unit > 1e9 {
            self.rescale();
        }
        self.fit_tail();
    }

    fn rescale(&mut self) {
        let factor = 1.0 / self.unit;
        for count in self.counts.iter_mut() {
            *count *= factor as f32;
        }
        // Summed anew, so that rounding cannot pile up.
        self.total = self.counts.iter().map(|c| f64::from(*c)).sum();
        self.unit = 1.0;
    }

    /// The share of the history in the score's bucket and above.
    fn counted(&self, score: f64) -> f64 {
        if score >= self.edge(BUCKETS) {
            return 0.0;
        }
        let from = self.bucket(score);
        self.counts[from..].iter().map(|c| f64::from(*c)).sum::<f64>() / self.total
    }

    fn fit_tail(&mut self) {
        let limit = (TAIL_SHARE * self.total).max(TAIL_COUNT * self.unit);
        let (mut mass, mut moment, mut first) = (0.0, 0.0, BUCKETS);
        for bucket in (0..BUCKETS).rev() {
            let count = f64::from(self.counts[bucket]);
            if mass + count > limit {
                break;
            }
            mass += count;
            moment += count * (self.edge(bucket) + self.width / 2.0);
            first = bucket;
        }
        let start = self.edge(first);
        let (prior, prior_excess) =
            if self.has_reference { (TAIL_PRIOR * self.unit, 1.0) } else { (0.0, 0.0) };
        let mean_excess = (moment - mass * start + prior * prior_excess) / (mass + prior);
        self.tail = Tail {
            start,
            // One observation at least: that none is above proves no more.
            share: mass.max(self.unit).min(self.total) / self.total,
            mean_excess: if mean_excess.is_finite() { mean_excess.max(self.width) } else { self.width },
        };
    }

    fn bucket(&self, score: f64) -> usize {
        // The cast takes what is below 0 to 0.
        (((score - self.low) / self.width) as usize).min(BUCKETS - 1)
    }

    fn edge(&self, bucket: usize) -> f64 {
        self.low + bucket as f64 * self.width
    }
}

#[cfg(test)]
mod tests;
