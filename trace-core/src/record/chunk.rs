//! The chunk a thread records into, and the slot it lies in.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

use super::SpanLimits;
use super::owner_lock::{OwnerGuard, OwnerLock};
use crate::batch::{Cell, Columns, List, NONE, Row, StatusCode, Text};
use crate::clock::Clock;
use crate::model::{Array, SpanId, SpanKind, TraceFlags, TraceId, ValueRef};

/// A place for one thread's chunk. Lives for ever, and serves one thread after another: a span then refers to it
/// without counting references, and may end after its thread.
pub(crate) struct Slot {
    chunk: OwnerLock<Chunk>,
    consumer: Arc<Consumer>,
    pub(super) limits: SpanLimits,
    pub(super) clock: Clock,
}

/// The thread to wake when a chunk fills up.
#[derive(Default)]
pub(super) struct Consumer(Mutex<Option<Thread>>);

impl Consumer {
    pub(super) fn set(&self, thread: Thread) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    #[cold]
    pub(super) fn wake(&self) {
        if let Some(t) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            t.unpark();
        }
    }
}

/// Spans being recorded, and how many there were.
#[derive(Default)]
pub(crate) struct Chunk {
    pub(super) columns: Columns,
    /// Changes whenever the columns are swapped away: a row index is valid only with the epoch it was made in.
    pub(super) epoch: u64,
    pub(super) started: u64,
    pub(super) ended: u64,
    pub(super) dropped: u64,
}

impl Slot {
    /// A new slot. Slots are never freed; a recorder makes as many as threads record at the same time.
    pub(super) fn leak(limits: SpanLimits, clock: Clock, consumer: Arc<Consumer>) -> &'static Self {
        Box::leak(Box::new(Self { chunk: OwnerLock::default(), consumer, limits, clock }))
    }

    #[inline]
    pub(super) fn lock(&self) -> OwnerGuard<'_, Chunk> {
        // A panic cannot leave the columns in a state that reading does not tolerate.
        self.chunk.lock()
    }

    /// Room for one more row? Wakes the consumer at an eighth, so that it has time to come.
    #[inline]
    pub(super) fn has_room(&self, chunk: &Chunk) -> bool {
        let rows = chunk.columns.rows.len();
        if rows == self.limits.spans_per_thread / 8 {
            self.consumer.wake();
        }
        rows < self.limits.spans_per_thread
            && (!rows.is_multiple_of(64) || chunk.columns.byte_size() < self.limits.bytes_per_thread)
    }
}

/// The fixed part of a new row.
pub(super) struct NewRow {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) flags: TraceFlags,
    pub(super) kind: SpanKind,
    pub(super) name: Text,
    pub(super) scope: u32,
    pub(super) bits: u8,
    pub(super) start: u64,
}

impl Chunk {
    /// Frees what it holds. Rows of spans that are still open go with it.
    pub(super) fn empty(&mut self) {
        self.columns = Columns::default();
        self.epoch += 1;
    }

    #[inline]
    pub(super) fn push_row(&mut self, new: NewRow) -> u32 {
        let at = self.columns.rows.len() as u32;
        self.columns.rows.push(Row {
            trace_id: new.trace_id,
            span_id: new.span_id,
            parent: new.parent,
            start: new.start,
            end: 0,
            name: new.name,
            attributes: List::EMPTY,
            scope: new.scope,
            extra: NONE,
            attribute_count: 0,
            kind: new.kind,
            status: StatusCode::Unset,
            flags: new.flags,
            bits: new.bits,
        });
        at
    }

    #[inline]
    pub(super) fn cell(&mut self, v: ValueRef<'_>) -> Cell {
        match v {
            ValueRef::Bool(v) => Cell::bool(v),
            ValueRef::I64(v) => Cell::i64(v),
            ValueRef::F64(v) => Cell::f64(v),
            ValueRef::String(s) => self.columns.store_value(s),
            ValueRef::Array(a) => self.array(a),
        }
    }

    #[cold]
    fn array(&mut self, a: &Array) -> Cell {
        self.columns.store_array(a.clone())
    }
}
