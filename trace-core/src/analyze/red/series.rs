//! One series of spans: open seconds, and sealed slots of every width.
//!
//! Spans are counted in seconds. A few seconds later the second is sealed; when the ten seconds that it belongs to are
//! over, their seconds are added up into a slot of the next level, and so on. Until then a query reads the
//! finer slots instead, so it sees every span once, at any moment.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Observation;
use super::bucket::{Bucket, Sealed, Tally};
use super::level::{GRACE, Kept, LEVELS, WIDTH};
use super::series_key::SeriesKey;

/// What a sealed slot takes besides its bytes: number, pointer, length, two reference counts, the allocator's own.
const SLOT_BYTES: usize = 56;
/// What a series takes besides its slots and texts, in the list and in the table of names.
const SERIES_BYTES: usize = 640;

/// What is needed to add slots up. One is enough for all series of a tenant.
#[derive(Debug, Default)]
pub(super) struct Workbench {
    pub(super) tally: Tally,
    pub(super) bytes: Vec<u8>,
}

/// A slot, for reading.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    /// To be shared with the series.
    Sealed(&'a Sealed),
    /// To be copied.
    Open(&'a Bucket),
}

#[derive(Debug)]
pub(super) struct Series {
    pub(super) key: Arc<SeriesKey>,
    /// Seconds from `frontier[0]` on, in order.
    open: VecDeque<(u64, Bucket)>,
    levels: [VecDeque<(u64, Sealed)>; LEVELS],
    /// The first slot of each level that is not sealed. Levels never leave a gap: what lies before the frontier of
    /// a level and is not older than its floor is in it, what lies behind is in the finer levels or open.
    frontier: [u64; LEVELS],
    /// The second of the latest span.
    pub(super) latest: u64,
}

impl Series {
    /// An empty series at a moment.
    pub(super) fn new(key: SeriesKey, now: u64, kept: &mut Kept) -> Self {
        kept.other_bytes += SERIES_BYTES + key.byte_size();
        let sealed = now.saturating_sub(GRACE);
        Self {
            key: Arc::new(key),
            open: VecDeque::new(),
            levels: Default::default(),
            frontier: WIDTH.map(|w| sealed / w),
            latest: 0,
        }
    }

    /// Counts a span that ended in a second. Whether the seconds still have room for it.
    pub(super) fn observe(
        &mut self,
        second: u64,
        o: &Observation<'_>,
        kept: &mut Kept,
        work: &mut Workbench,
    ) -> bool {
        self.latest = self.latest.max(second);
        if second >= self.frontier[0] {
            let at = self.open.partition_point(|b| b.0 < second);
            if self.open.get(at).is_none_or(|b| b.0 != second) {
                self.open.insert(at, (second, Bucket::default()));
                kept.other_bytes += self.open[at].1.byte_size();
            }
            let bucket = &mut self.open[at].1;
            let before = bucket.byte_size();
            bucket.add(o);
            kept.other_bytes += bucket.byte_size() - before;
            return true;
        }
        // Late: into every level that has been made of its second already.
        for (l, width) in WIDTH.into_iter().enumerate() {
            let slot = second / width;
            if (kept.floor[l]..self.frontier[l]).contains(&slot) {
                self.amend(l, slot, o, kept, work);
            }
        }
        second >= kept.since(0)
    }

    fn amend(&mut self, l: usize, slot: u64, o: &Observation<'_>, kept: &mut Kept, work: &mut Workbench) {
        let at = self.levels[l].partition_point(|b| b.0 < slot);
        let known = self.levels[l].get(at).filter(|b| b.0 == slot).map(|b| b.1.clone());
        if let Some(known) = &known {
            work.tally.add_sealed(known);
            kept.bytes[l] -= known.len();
        } else {
            kept.bytes[l] += SLOT_BYTES;
        }
        let mut bucket = work.tally.take();
        bucket.add(o);
        let sealed = bucket.seal(&mut work.bytes);
        kept.bytes[l] += sealed.len();
        match known {
            Some(_) => self.levels[l][at].1 = sealed,
            None => self.levels[l].insert(at, (slot, sealed)),
        }
    }

    /// Seals what is over at this second, and lets go what is older than the floors.
    pub(super) fn roll(&mut self, now: u64, kept: &mut Kept, work: &mut Workbench) {
        let over = now.saturating_sub(GRACE);
        if over <= self.frontier[0] {
            return;
        }
        while let Some((second, bucket)) = self.open.pop_front_if(|b| b.0 < over) {
            kept.other_bytes -= bucket.byte_size();
            self.push(0, second, &bucket, kept, work);
        }
        self.frontier[0] = over;
        for l in 1..LEVELS {
            let parts = WIDTH[l] / WIDTH[l - 1];
            let over = self.frontier[l - 1] / parts;
            if over <= self.frontier[l] {
                break;
            }
            let mut at = self.levels[l - 1].partition_point(|b| b.0 < self.frontier[l] * parts);
            while let Some(slot) = self.levels[l - 1].get(at).map(|b| b.0 / parts).filter(|s| *s < over) {
                while let Some((_, sealed)) = self.levels[l - 1].get(at).filter(|b| b.0 / parts == slot) {
                    work.tally.add_sealed(sealed);
                    at += 1;
                }
                let bucket = work.tally.take();
                self.push(l, slot, &bucket, kept, work);
            }
            self.frontier[l] = over;
        }
        self.trim(kept);
    }

    fn push(&mut self, l: usize, slot: u64, bucket: &Bucket, kept: &mut Kept, work: &mut Workbench) {
        let sealed = bucket.seal(&mut work.bytes);
        kept.bytes[l] += sealed.len() + SLOT_BYTES;
        self.levels[l].push_back((slot, sealed));
    }

    /// Lets go what is older than the floors.
    pub(super) fn trim(&mut self, kept: &mut Kept) {
        for (l, slots) in self.levels.iter_mut().enumerate() {
            while let Some((_, sealed)) = slots.pop_front_if(|b| b.0 < kept.floor[l]) {
                kept.bytes[l] -= sealed.len() + SLOT_BYTES;
            }
        }
    }

    /// Lets go everything.
    pub(super) fn clear(&mut self, kept: &mut Kept) {
        for (_, bucket) in self.open.drain(..) {
            kept.other_bytes -= bucket.byte_size();
        }
        for (l, slots) in self.levels.iter_mut().enumerate() {
            kept.bytes[l] -= slots.drain(..).map(|b| b.1.len() + SLOT_BYTES).sum::<usize>();
        }
        kept.other_bytes -= SERIES_BYTES + self.key.byte_size();
    }

    /// Hands out the fewest slots of this level and finer ones that hold the seconds from `from` to `to`
    /// (exclusive), each with its first second. Where the finer levels do not reach back to an edge, the slot around it
    /// is handed out whole.
    pub(super) fn pieces(
        &self,
        level: usize,
        (from, to): (u64, u64),
        kept: &Kept,
        found: &mut impl FnMut(u64, Piece<'_>),
    ) {
        if from >= to {
            return;
        }
        let w = WIDTH[level];
        // Whole slots inside; an edge that finer levels do not have takes the slot around it.
        let finer_has = |second: u64| level > 0 && kept.since(level - 1) <= second;
        let first = if finer_has(from) { from.div_ceil(w) } else { from / w };
        let last = to / w;
        let last = if to > last * w && !finer_has(last * w) { last + 1 } else { last };
        let last = last.min(self.frontier[level]);
        if first >= last {
            return self.finer(level, (from, to), kept, found);
        }
        self.finer(level, (from, first * w), kept, found);
        let slots = &self.levels[level];
        let at = slots.partition_point(|b| b.0 < first);
        for (slot, sealed) in slots.range(at..).take_while(|b| b.0 < last) {
            found(slot * w, Piece::Sealed(sealed));
        }
        self.finer(level, (last * w, to), kept, found);
    }

    fn finer(&self, level: usize, range: (u64, u64), kept: &Kept, found: &mut impl FnMut(u64, Piece<'_>)) {
        if level > 0 {
            return self.pieces(level - 1, range, kept, found);
        }
        for (second, bucket) in self.open.iter().filter(|b| range.0 <= b.0 && b.0 < range.1) {
            found(*second, Piece::Open(bucket));
        }
    }
}
