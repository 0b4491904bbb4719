//! What one series did in one slot of time: open, while spans are counted, or sealed into few bytes.

use std::sync::Arc;
use std::time::Duration;

use super::Observation;
use crate::analyze::QuantileSketch;
use crate::analyze::sketch::MergedSketch;
use crate::model::{SpanId, TraceId, TraceIds};

/// The largest value and the span that had it.
pub(super) type Slowest = Option<(f64, TraceIds)>;

/// A slot that spans are still counted in.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    pub(super) duration_ms: QuantileSketch,
    pub(super) self_time_ms: QuantileSketch,
    pub(super) slowest: Slowest,
    pub(super) slowest_self: Slowest,
}

/// A slot that is over. Readers share it, so that they need not hold up who writes.
pub(super) type Sealed = Arc<[u8]>;

const SAME: u8 = 1;
const HAS_SLOWEST: u8 = 2;
const HAS_SLOWEST_SELF: u8 = 4;

impl Bucket {
    pub(super) fn add(&mut self, o: &Observation<'_>) {
        // Divided last, whole milliseconds stay whole.
        // A `u64` holds 584 years, and is turned into a double by one instruction; a `u128` is not.
        let ms = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX) as f64 / 1e6;
        let (duration, own) = (ms(o.duration), ms(o.self_time));
        // The largest that is less than 1, or NaN, is one span.
        let weight = if o.weight >= 1.0 { o.weight } else { 1.0 };
        QuantileSketch::insert_both((&mut self.duration_ms, duration), (&mut self.self_time_ms, own), weight);
        larger(&mut self.slowest, o.trace.map(|t| (duration, t)));
        larger(&mut self.slowest_self, o.trace.map(|t| (own, t)));
    }

    pub(super) fn seal(&self, scratch: &mut Vec<u8>) -> Sealed {
        scratch.clear();
        self.pack(scratch);
        Arc::from(&scratch[..])
    }

    /// Appends the bytes of a sealed slot.
    pub(super) fn pack(&self, scratch: &mut Vec<u8>) {
        let same = self.duration_ms == self.self_time_ms && self.slowest == self.slowest_self;
        let mut form = if same { SAME } else { 0 };
        for (flag, slowest) in [(HAS_SLOWEST, self.slowest), (HAS_SLOWEST_SELF, self.slowest_self)] {
            form |= if slowest.is_some() { flag } else { 0 };
        }
        scratch.push(form);
        self.duration_ms.pack(scratch);
        put_slowest(scratch, self.slowest);
        if !same {
            self.self_time_ms.pack(scratch);
            put_slowest(scratch, self.slowest_self);
        }
    }

    /// The memory behind it.
    pub(super) fn byte_size(&self) -> usize {
        std::mem::size_of::<Self>() + self.duration_ms.byte_size() + self.self_time_ms.byte_size()
    }
}

pub(super) fn larger(kept: &mut Slowest, new: Slowest) {
    if let Some(new) = new
        && kept.is_none_or(|k| new.0 > k.0)
    {
        *kept = Some(new);
    }
}

fn put_slowest(out: &mut Vec<u8>, slowest: Slowest) {
    if let Some((value, ids)) = slowest {
        out.extend(value.to_le_bytes());
        out.extend(ids.trace_id.to_u128().to_le_bytes());
        out.extend(ids.span_id.map_or(0, SpanId::to_u64).to_le_bytes());
    }
}

fn take_slowest(from: &mut &[u8]) -> Option<(f64, TraceIds)> {
    let (bytes, rest) = from.split_first_chunk::<32>()?;
    *from = rest;
    let (value, rest) = bytes.split_first_chunk::<8>()?;
    let (trace, rest) = rest.split_first_chunk::<16>()?;
    let (span, _) = rest.split_first_chunk::<8>()?;
    let trace_id = TraceId::new(u128::from_le_bytes(*trace))?;
    let span_id = SpanId::new(u64::from_le_bytes(*span));
    Some((f64::from_le_bytes(*value), TraceIds { trace_id, span_id }))
}

/// The sum of slots. Kept and used again.
#[derive(Debug, Default)]
pub(super) struct Tally {
    duration_ms: MergedSketch,
    self_time_ms: MergedSketch,
    /// Slots of spans without children, which count as both.
    both: MergedSketch,
    slowest: Slowest,
    slowest_self: Slowest,
}

impl Tally {
    pub(super) fn add_sealed(&mut self, sealed: &[u8]) {
        // Sealed bytes are made by `seal` alone, so they are whole.
        let _ = self.try_add(sealed);
    }

    /// Adds how many spans there were and how long they took, and nothing else.
    pub(super) fn add_durations(&mut self, sealed: &[u8]) {
        if let Some(mut durations) = sealed.get(1..) {
            let _ = self.duration_ms.merge_packed(&mut durations);
        }
    }

    fn try_add(&mut self, sealed: &[u8]) -> Option<()> {
        let (&form, mut rest) = sealed.split_first()?;
        if form & SAME != 0 {
            self.both.merge_packed(&mut rest)?;
        } else {
            self.duration_ms.merge_packed(&mut rest)?;
        }
        let slowest = if form & HAS_SLOWEST != 0 { Some(take_slowest(&mut rest)?) } else { None };
        larger(&mut self.slowest, slowest);
        if form & SAME != 0 {
            larger(&mut self.slowest_self, slowest);
            return Some(());
        }
        self.self_time_ms.merge_packed(&mut rest)?;
        let slowest = if form & HAS_SLOWEST_SELF != 0 { Some(take_slowest(&mut rest)?) } else { None };
        larger(&mut self.slowest_self, slowest);
        Some(())
    }

    /// How many spans it stands for.
    pub(super) fn weight(&self) -> f64 {
        self.duration_ms.weight() + self.both.weight()
    }

    /// How many spans were seen.
    pub(super) fn count(&self) -> u64 {
        self.duration_ms.count() + self.both.count()
    }

    /// Adds slots, and returns the slowest span in them.
    pub(super) fn slowest_of(&mut self, add: impl FnOnce(&mut Self)) -> Slowest {
        let before = self.slowest.take();
        add(self);
        let slowest = self.slowest;
        larger(&mut self.slowest, before);
        slowest
    }

    /// The sum, which is empty afterwards.
    pub(super) fn take(&mut self) -> Bucket {
        self.take_into(Bucket::default())
    }

    /// The sum, which is empty afterwards, in the memory of another one.
    pub(super) fn take_into(&mut self, old: Bucket) -> Bucket {
        if self.both.count() > 0 {
            let both = self.both.take();
            self.duration_ms.merge(&both);
            self.self_time_ms.merge(&both);
        }
        Bucket {
            duration_ms: self.duration_ms.take_into(old.duration_ms),
            self_time_ms: self.self_time_ms.take_into(old.self_time_ms),
            slowest: self.slowest.take(),
            slowest_self: self.slowest_self.take(),
        }
    }
}
