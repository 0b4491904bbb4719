//! The chunk a thread records into, and the slot it lies in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use super::SpanLimits;
use crate::batch::{Cell, Columns, List, NONE, Row, StatusCode, Text};
use crate::clock::Clock;
use crate::model::{Array, SpanId, SpanKind, TraceFlags, TraceId, ValueRef};

/// A place for one thread's chunk. Outlives the thread while a span of it is open.
pub(crate) struct Slot {
    chunk: Mutex<Chunk>,
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
    pub(super) fn new(limits: SpanLimits, clock: Clock, consumer: Arc<Consumer>) -> Self {
        Self { chunk: Mutex::default(), consumer, limits, clock }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Chunk> {
        // A panic cannot leave the columns in a state that reading does not tolerate.
        self.chunk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one more row? Wakes the consumer at an eighth, so that it has time to come.
    #[inline]
    pub(super) fn has_room(&self, chunk: &Chunk) -> bool {
        let rows = chunk.columns.rows.len();
        if rows == self.limits.spans_per_thread / 8 {
            self.consumer.wake();
        }
        rows < self.limits.spans_per_thread
            && (rows % 64 != 0 || chunk.columns.byte_size() < self.limits.bytes_per_thread)
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
            ValueRef::Bool(v) => Cell::Bool(v),
            ValueRef::I64(v) => Cell::I64(v),
            ValueRef::F64(v) => Cell::F64(v),
            ValueRef::String(s) => Cell::Text(self.columns.store(s)),
            ValueRef::Array(a) => self.array(a),
        }
    }

    #[cold]
    fn array(&mut self, a: &Array) -> Cell {
        self.columns.arrays.push(a.clone());
        Cell::Array((self.columns.arrays.len() - 1) as u32)
    }
}
