//! The buckets of one series of spans.

use std::collections::VecDeque;

use super::QuantileSketch;
use super::red::Observation;
use crate::model::TraceIds;

/// What one series did in one slot of time.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) slot: u64,
    pub(super) count: u64,
    /// Spans seen, however many each stands for.
    pub(super) samples: u64,
    pub(super) errors: u64,
    pub(super) duration_ms: QuantileSketch,
    pub(super) self_time_ms: QuantileSketch,
    pub(super) slowest: Option<(f64, TraceIds)>,
    pub(super) slowest_self: Option<(f64, TraceIds)>,
}

impl Bucket {
    pub(super) const fn new(slot: u64) -> Self {
        Self {
            slot,
            count: 0,
            samples: 0,
            errors: 0,
            duration_ms: QuantileSketch::new(),
            self_time_ms: QuantileSketch::new(),
            slowest: None,
            slowest_self: None,
        }
    }

    /// Counts a span that stands for so many.
    pub(super) fn add(&mut self, o: &Observation<'_>, times: u64) {
        let (duration, own) = (o.duration.as_secs_f64() * 1e3, o.self_time.as_secs_f64() * 1e3);
        self.count += times;
        self.samples += 1;
        self.errors += if o.error { times } else { 0 };
        self.duration_ms.insert_many(duration, times);
        self.self_time_ms.insert_many(own, times);
        larger(&mut self.slowest, o.trace.map(|t| (duration, t)));
        larger(&mut self.slowest_self, o.trace.map(|t| (own, t)));
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.samples += other.samples;
        self.errors += other.errors;
        self.duration_ms.merge(&other.duration_ms);
        self.self_time_ms.merge(&other.self_time_ms);
        larger(&mut self.slowest, other.slowest);
        larger(&mut self.slowest_self, other.slowest_self);
    }

    pub(super) fn bins(&self) -> usize {
        self.duration_ms.bin_count() + self.self_time_ms.bin_count()
    }
}

fn larger(kept: &mut Option<(f64, TraceIds)>, new: Option<(f64, TraceIds)>) {
    if let Some(new) = new
        && kept.is_none_or(|k| new.0 > k.0)
    {
        *kept = Some(new);
    }
}

/// The slots of one width that are kept for every series, and how much they hold.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) width: u64,
    pub(super) keep: u64,
    pub(super) max_bins: usize,
    pub(super) bins: usize,
    /// The first slot that is kept.
    pub(super) floor: u64,
}

impl Level {
    pub(super) const fn new(width: u64, keep: u64, max_bins: usize) -> Self {
        Self { width, keep, max_bins, bins: 0, floor: 0 }
    }

    /// The slot of a point in time.
    pub(super) const fn slot(&self, nanos: u64) -> u64 {
        nanos / self.width
    }
}

/// The buckets of one series at one level, by slot; slots without spans have none.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring(pub(super) VecDeque<Bucket>);

impl Ring {
    pub(super) fn add(&mut self, slot: u64, o: &Observation<'_>, times: u64, level: &mut Level) {
        let at = self.0.partition_point(|b| b.slot < slot);
        if self.0.get(at).is_none_or(|b| b.slot != slot) {
            self.0.insert(at, Bucket::new(slot));
            // An empty bucket is as large as some forty bins.
            level.bins += BUCKET_BINS;
        }
        let bucket = &mut self.0[at];
        let before = bucket.bins();
        bucket.add(o, times);
        level.bins += bucket.bins() - before;
    }

    pub(super) fn drop_before(&mut self, level: &mut Level) {
        while self.0.front().is_some_and(|b| b.slot < level.floor) {
            if let Some(b) = self.0.pop_front() {
                level.bins -= b.bins() + BUCKET_BINS;
            }
        }
    }

    pub(super) fn between(&self, from: u64, to: u64) -> impl Iterator<Item = &Bucket> {
        let at = self.0.partition_point(|b| b.slot < from);
        self.0.range(at..).take_while(move |b| b.slot < to)
    }
}

/// The size of an empty bucket in bins of 8 bytes.
pub(super) const BUCKET_BINS: usize = std::mem::size_of::<Bucket>() / 8;
