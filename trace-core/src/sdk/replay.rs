//! Measurements that make a given histogram.
//!
//! The SDK's histograms can only be made by measuring. So a histogram is re-enacted: as many measurements as it counts,
//! each inside of its bucket, the smallest and the largest among them, and the others so placed that the sum
//! comes out.

use crate::model::HistogramPoint;

/// What one series of a histogram has been told so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    buckets: Vec<u64>,
    /// As the SDK adds it up: in the order of the measurements.
    sum: f64,
    min: Option<f64>,
    max: Option<f64>,
}

/// Why a histogram cannot be re-enacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Refusal {
    /// Its counts, bounds or sum contradict each other or are not finite.
    Malformed,
    /// It counts less than before.
    Restarted,
    /// It counts too much for one collection.
    TooMany,
}

/// Measurements of one bucket: how many, and the range they may take.
#[derive(Clone, Copy, Debug)]
struct Group {
    n: u64,
    low: f64,
    high: f64,
}

impl Told {
    /// Makes the measurements that are missing to `point`, at most `budget`, and says how many they were.
    pub(super) fn catch_up(
        &mut self,
        point: &HistogramPoint,
        budget: u64,
        mut measure: impl FnMut(f64),
    ) -> Result<u64, Refusal> {
        let (mut groups, total) = self.missing(point)?;
        if total > budget {
            return Err(Refusal::TooMany);
        }
        if total == 0 {
            return Ok(0);
        }
        let mut made = 0;
        let mut sum = self.sum;
        let mut tell = |v: f64| {
            sum += v;
            made += 1;
            measure(v);
            sum
        };
        let mut now = self.sum;
        let is_new_min = point.min.filter(|min| self.min.is_none_or(|known| *min < known));
        let is_new_max = point.max.filter(|max| self.max.is_none_or(|known| *max > known));
        for extreme in [is_new_min, is_new_max.filter(|max| Some(*max) != is_new_min)].into_iter().flatten() {
            let group = &mut groups[point.bounds.partition_point(|bound| *bound < extreme)];
            if group.n > 0 {
                group.n -= 1;
                now = tell(extreme);
            }
        }
        // The one with most freedom comes last, and its last measurement settles the sum.
        groups.sort_by(|a, b| (a.high - a.low).total_cmp(&(b.high - b.low)));
        let share = share(&groups, point.sum - now);
        let last = groups.iter().rposition(|g| g.n > 0);
        for (i, group) in groups.iter().enumerate() {
            let usual = (group.low + share * (group.high - group.low)).clamp(group.low, group.high);
            for left in (1..=group.n).rev() {
                let settles = Some(i) == last && left == 1;
                let v = if settles { (point.sum - now).clamp(group.low, group.high) } else { usual };
                now = tell(v);
            }
        }
        *self = Self { buckets: point.buckets.clone(), sum: now, min: point.min, max: point.max };
        Ok(made)
    }

    /// What each bucket lacks, and the sum of that.
    fn missing(&self, point: &HistogramPoint) -> Result<(Vec<Group>, u64), Refusal> {
        let bounds = &*point.bounds;
        let counted = point.buckets.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n));
        let finite = |v: Option<f64>| v.is_none_or(f64::is_finite);
        if point.buckets.len() != bounds.len() + 1
            || counted != Some(point.count)
            || !point.sum.is_finite()
            || !finite(point.min)
            || !finite(point.max)
        {
            return Err(Refusal::Malformed);
        }
        let mut total = 0;
        let mut groups = Vec::with_capacity(point.buckets.len());
        for (i, now) in point.buckets.iter().enumerate() {
            let before = self.buckets.get(i).copied().unwrap_or(0);
            let n = now.checked_sub(before).ok_or(Refusal::Restarted)?;
            total += n;
            let (low, high) = range(bounds, i, point);
            groups.push(Group { n, low, high });
        }
        Ok((groups, total))
    }
}

/// The values that a measurement in this bucket may have, both ends included.
fn range(bounds: &[f64], i: usize, point: &HistogramPoint) -> (f64, f64) {
    // A bucket excludes its lower bound.
    let below = i.checked_sub(1).and_then(|i| bounds.get(i)).map(|b| b.next_up());
    let above = bounds.get(i).copied();
    // Without a bound or an extreme a bucket has no end; any will do.
    let low = below.or(point.min).unwrap_or_else(|| above.unwrap_or(0.0).min(0.0) - 1.0);
    let high = above.or(point.max).unwrap_or_else(|| low.max(0.0) * 2.0 + 1.0);
    let (low_in, high_in) = (point.min.map_or(low, |m| m.max(low)), point.max.map_or(high, |m| m.min(high)));
    if low_in <= high_in { (low_in, high_in) } else { (low.min(high), high.max(low)) }
}

/// How far up in their ranges, from 0 to 1, the measurements have to be to make this sum.
fn share(groups: &[Group], sum: f64) -> f64 {
    let of = |end: fn(&Group) -> f64| groups.iter().map(|g| g.n as f64 * end(g)).sum::<f64>();
    let (low, high) = (of(|g| g.low), of(|g| g.high));
    let share = (sum - low) / (high - low);
    if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
}
