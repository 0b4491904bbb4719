//! How a draft ends: its row is completed and copied into the chunk of a slot.

use std::sync::MutexGuard;

use super::OverflowPolicy;
use super::chunk::{Chunk, Slot};
#[cfg(feature = "otel")]
use super::current::with_local;
use super::draft::Draft;
use super::handle::write_status;
use crate::batch::{Row, StatusCode};
use crate::model::Status;
#[cfg(feature = "otel")]
use crate::model::Timestamp;

const ROW: usize = Draft::ROW;

/// The moment at which a span ended.
#[derive(Clone, Copy)]
pub(super) enum End {
    Now,
    #[cfg(feature = "tracing")]
    Ticks(u64),
    #[cfg(feature = "otel")]
    At(Timestamp),
}

impl Draft {
    /// Writes the span, which has ended, to the thread that ends it.
    #[cfg(feature = "otel")]
    #[inline]
    pub(super) fn commit(self: Box<Self>, end: End) {
        let mut draft = Some(self);
        with_local(|l| {
            let Some(mut d) = draft.take() else { return };
            if let Some(own) = d.slot {
                // Nobody else wants this thread's chunk; where the span began, somebody might.
                let slot = match l.slots.first() {
                    Some(lease) if lease.slot.is_sibling_of(own) => lease.slot,
                    _ => own,
                };
                d.finish(own, end);
                d.write_waiting(slot);
            }
            d.give_back(l);
        });
        if let Some(mut d) = draft
            && let Some(slot) = d.slot
        {
            d.finish(slot, end);
            d.write_waiting(slot);
        }
    }

    /// Sets the end.
    #[inline]
    pub(super) fn finish(&mut self, slot: &Slot, end: End) {
        self.hide();
        let row = &mut self.columns.rows[ROW];
        row.bits |= Row::ENDED;
        match end {
            End::Now => row.end = slot.clock.ticks(),
            #[cfg(feature = "tracing")]
            End::Ticks(t) => row.end = t,
            #[cfg(feature = "otel")]
            End::At(t) => {
                row.bits |= Row::END_IS_UNIX;
                row.end = t.unix_nanos();
            }
        }
        if row.status == StatusCode::Unset && std::thread::panicking() {
            write_status(&mut self.columns, ROW, Status::Error("panicked".into()));
        }
    }

    /// Whether it may wait for room: then it must not be written under a lock that is held already.
    pub(super) fn may_wait(&self) -> bool {
        self.overflow != OverflowPolicy::Drop
    }

    /// Writes the span, whose end has been set, and waits for room if it may.
    #[inline]
    pub(super) fn write_waiting(&mut self, slot: &Slot) {
        let mut chunk = slot.lock();
        if self.may_wait() && !slot.consumer.is_gone() && !slot.has_room(&mut chunk) {
            drop(chunk);
            chunk = self.wait_for_room(slot);
        }
        self.write(slot, &mut chunk);
    }

    #[cold]
    fn wait_for_room<'s>(&self, slot: &'s Slot) -> MutexGuard<'s, Chunk> {
        let attempt = || {
            let mut chunk = slot.lock();
            (slot.consumer.is_gone() || slot.has_room(&mut chunk)).then_some(chunk)
        };
        self.overflow.wait(|| slot.consumer.wake(), attempt).unwrap_or_else(|| slot.lock())
    }

    /// Writes the span, whose end has been set, into the chunk of this slot.
    #[inline]
    pub(super) fn write(&mut self, slot: &Slot, chunk: &mut Chunk) {
        chunk.edits_dropped += self.refused;
        if slot.consumer.is_gone() {
            // Nobody will come for it: it counts as ended after the shutdown.
            chunk.ended += 1;
        } else if self.columns.text.len() > slot.limits.bytes_per_thread || !slot.has_room(chunk) {
            chunk.dropped += 1;
            chunk.refused += 1;
        } else {
            let (attributes, arrays) = (chunk.columns.attributes.len(), chunk.columns.arrays.len());
            let target = (std::ptr::from_ref(slot).addr(), chunk.epoch);
            if self.known_in != target {
                self.known.clear();
                self.known_in = target;
            }
            let _row = chunk.columns.push_copy(&self.columns, &self.scope, &mut self.known);
            #[cfg(feature = "otel")]
            self.attributes.store(&mut chunk.columns, _row);
            chunk.columns.cut_values(attributes, arrays, slot.limits.value_length);
            chunk.ended += 1;
        }
    }
}
