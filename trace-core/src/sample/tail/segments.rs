//! Batches as they came, kept until all their traces are decided.

use std::collections::VecDeque;

use crate::batch::{SpanBatchMut, SpanRef};

/// Where a span lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) row: u32,
}

struct Segment {
    /// Gone when no span of it is wanted any more.
    batch: Option<SpanBatchMut>,
    live: usize,
    bytes: usize,
}

/// Batches as they came, oldest first. Nothing is copied in; a batch is freed when the last of its spans has left, and
/// since traces leave in the order in which they came, that is soon.
#[derive(Default)]
pub(super) struct Segments {
    segments: VecDeque<Segment>,
    /// The number of the first one.
    first: u32,
    bytes: usize,
}

impl Segments {
    /// The number of the next batch.
    pub(super) fn next(&self) -> u32 {
        self.first.wrapping_add(self.segments.len() as u32)
    }

    /// Keeps a batch, of which so many spans are wanted.
    pub(super) fn push(&mut self, batch: SpanBatchMut, live: usize) {
        // A recording buffer may be mostly spare capacity, which would count as long as it is kept.
        let batch = batch.without_spare();
        let bytes = batch.capacity_bytes();
        self.bytes += bytes;
        self.segments.push_back(Segment { batch: Some(batch), live, bytes });
    }

    /// Bytes allocated.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn batch(&self, segment: u32) -> Option<&SpanBatchMut> {
        self.segments.get(segment.wrapping_sub(self.first) as usize)?.batch.as_ref()
    }

    pub(super) fn get(&self, place: Place) -> Option<SpanRef<'_>> {
        self.batch(place.segment)?.get(place.row as usize)
    }

    /// A span is not wanted any more.
    pub(super) fn release(&mut self, place: Place) {
        let Some(segment) = self.segments.get_mut(place.segment.wrapping_sub(self.first) as usize) else {
            return;
        };
        segment.live = segment.live.saturating_sub(1);
        if segment.live == 0 && segment.batch.take().is_some() {
            self.bytes -= segment.bytes;
        }
        while self.segments.front().is_some_and(|s| s.batch.is_none()) {
            self.segments.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }
}
