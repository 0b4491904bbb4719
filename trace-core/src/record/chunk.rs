//! The chunk a thread records into, and the slot it lies in.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use super::SpanLimits;
use super::ring::Ring;
use super::tenant_keys::TenantKeys;
use crate::batch::{Cell, Columns, List, NONE, Row, StatusCode, Text};
use crate::clock::Clock;
use crate::model::{Array, SpanId, SpanKind, TenantTag, TraceFlags, TraceId, ValueRef};

/// A place for one thread's chunk. Lives for ever, and serves one thread after another: a span then refers to it
/// without counting references, and may end after its thread.
pub(crate) struct Slot {
    chunk: Mutex<Chunk>,
    /// Obtained when the first thread that needs one comes; given back with the recorder.
    ring: Mutex<Option<&'static Ring>>,
    pub(super) consumer: Arc<Consumer>,
    pub(super) limits: SpanLimits,
    pub(super) clock: Clock,
    pub(super) tenants: Arc<TenantKeys>,
    /// Drafts begun by the thread that has the slot: it alone writes this.
    opened: AtomicU64,
    #[cfg(feature = "tracing")]
    arena: std::sync::OnceLock<Box<super::tracing_layer::Arena>>,
    /// Several threads may record here: those that are being torn down.
    #[cfg_attr(
        not(any(feature = "otel", feature = "tracing")),
        allow(dead_code, reason = "drafts are of these doors")
    )]
    is_shared: bool,
}

/// Who takes what threads record: the thread to wake when a chunk fills up.
#[derive(Default)]
pub(super) struct Consumer {
    thread: Mutex<Option<Thread>>,
    closed: AtomicBool,
    /// Nobody takes chunks any more.
    gone: AtomicBool,
}

impl Consumer {
    pub(super) fn set(&self, thread: Thread) {
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// Whether spans may still be started.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// From now on nobody takes chunks.
    pub(super) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
    }

    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[inline]
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    #[cold]
    pub(super) fn wake(&self) {
        if let Some(t) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
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
    /// Of the dropped, those that were counted when they were opened.
    pub(super) refused: u64,
    /// Additions to spans for which there was no room.
    pub(super) edits_dropped: u64,
    /// Open spans of the `tracing` layer whose shard this is.
    #[cfg(feature = "tracing")]
    pub(super) held: super::tracing_layer::Held,
    /// The consumer knows that these columns fill up.
    woken: bool,
}

impl Slot {
    /// A new slot. Slots are never freed; a recorder makes as many as threads record at the same time.
    pub(super) fn leak(
        limits: SpanLimits,
        clock: Clock,
        tenants: Arc<TenantKeys>,
        consumer: Arc<Consumer>,
        is_shared: bool,
    ) -> &'static Self {
        Box::leak(Box::new(Self {
            chunk: Mutex::default(),
            ring: Mutex::default(),
            consumer,
            limits,
            clock,
            tenants,
            opened: AtomicU64::new(0),
            #[cfg(feature = "tracing")]
            arena: std::sync::OnceLock::new(),
            is_shared,
        }))
    }

    /// Drafts begun here.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Chunk> {
        // A panic cannot leave the columns in a state that reading does not tolerate.
        self.chunk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ring, if there is one.
    pub(super) fn ring(&self) -> Option<&'static Ring> {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chunk, if nobody holds it.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Chunk>> {
        self.chunk.try_lock().ok()
    }

    /// The ring, if there is one and nobody holds its place.
    pub(super) fn try_ring(&self) -> Option<&'static Ring> {
        *self.ring.try_lock().ok()?
    }

    /// The ring, or a new one unless `count` says that there are `most` already.
    pub(super) fn ring_within(&self, count: &AtomicUsize, most: usize) -> Option<&'static Ring> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.is_none() && count.fetch_add(1, Ordering::Relaxed) < most {
            *ring = Some(Ring::obtain());
        }
        *ring
    }

    /// Frees what it holds. Rows of spans that are still open go with it.
    pub(super) fn empty(&self) {
        self.lock().empty();
        if let Some(ring) = self.ring.lock().unwrap_or_else(PoisonError::into_inner).take() {
            ring.give_back();
        }
    }

    /// Room for one more row? Wakes the consumer at an eighth, so that it has time to come.
    #[inline]
    pub(super) fn has_room(&self, chunk: &mut Chunk) -> bool {
        let rows = chunk.columns.rows.len();
        let room = rows < self.limits.spans_per_thread
            && (!rows.is_multiple_of(64) || chunk.columns.byte_size() < self.limits.bytes_per_thread);
        if !room || rows >= self.limits.spans_per_thread / 8 {
            self.wake_once(chunk);
        }
        room
    }

    /// Room for an addition to a span? A span may be added to for ever, and after the last reader has gone.
    pub(super) fn has_room_for_edit(&self, chunk: &mut Chunk) -> bool {
        let bytes = chunk.columns.byte_size();
        if bytes >= self.limits.bytes_per_thread / 8 {
            self.wake_once(chunk);
        }
        bytes < self.limits.bytes_per_thread
    }

    /// Wakes the consumer once for each time that it takes the columns.
    #[inline]
    fn wake_once(&self, chunk: &mut Chunk) {
        if !chunk.woken {
            chunk.woken = true;
            self.consumer.wake();
        }
    }
}

#[cfg(any(feature = "otel", feature = "tracing"))]
impl Slot {
    /// Counts a draft. Only by the thread that has the slot: no locked instruction.
    #[inline]
    pub(super) fn count_opened(&self) {
        if self.is_shared {
            self.opened.fetch_add(1, Ordering::Relaxed);
        } else {
            self.opened.store(self.opened.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// A draft that was counted is counted again where it is written. By the thread that has the slot.
    #[inline]
    pub(super) fn uncount_opened(&self) {
        self.opened.store(self.opened.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
    }

    /// Where the `tracing` layer whose shard this is keeps its lean spans.
    #[cfg(feature = "tracing")]
    #[inline]
    pub(super) fn arena(&self) -> &super::tracing_layer::Arena {
        self.arena.get_or_init(Default::default)
    }

    /// The same, if there were any.
    #[cfg(feature = "tracing")]
    pub(super) fn used_arena(&self) -> Option<&super::tracing_layer::Arena> {
        self.arena.get().map(|arena| &**arena)
    }

    /// Whether both are of one recorder.
    #[cfg(feature = "otel")]
    #[inline]
    pub(super) fn is_sibling_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.consumer, &other.consumer)
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
    pub(super) tenant: TenantTag,
}

impl NewRow {
    #[inline]
    pub(super) fn row(self) -> Row {
        let regardless = self.flags.0 & TraceFlags::RECORDED.0 != 0;
        Row {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent: self.parent,
            start: self.start,
            end: 0,
            name: self.name,
            attributes: List::EMPTY,
            scope: self.scope,
            extra: NONE,
            attribute_count: 0,
            kind: self.kind,
            status: StatusCode::Unset,
            flags: self.flags.w3c(),
            bits: if regardless { self.bits | Row::REGARDLESS } else { self.bits },
            tenant: self.tenant,
        }
    }
}

impl Chunk {
    fn empty(&mut self) {
        self.take(&mut Columns::default());
    }

    /// Swaps the columns for empty ones.
    pub(super) fn take(&mut self, empty: &mut Columns) {
        std::mem::swap(&mut self.columns, empty);
        self.epoch += 1;
        self.woken = false;
    }

    #[inline]
    pub(super) fn push_row(&mut self, new: NewRow) -> u32 {
        let at = self.columns.rows.len() as u32;
        self.columns.rows.push(new.row());
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
