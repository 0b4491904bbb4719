//! Where a span is recorded, and how it is changed and ended there.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};

use super::chunk::{Chunk, NewRow, Slot};
use super::hot::{Active, with_hot};
use super::lease::Lease;
use super::span::Span;
use crate::batch::{Columns, Row, StatusCode, Text};
use crate::model::{SpanKind, Status, TenantTag, Timestamp, TraceFlags};

/// Where the span is recorded.
pub(super) struct Handle {
    pub(super) slot: &'static Slot,
    pub(super) place: Place,
    /// The tenant that was named after the start.
    tenant: AtomicU16,
}

pub(super) enum Place {
    /// A row of the slot's chunk.
    Chunk { epoch: u64, row: u32 },
    /// A record in the slot's ring. Only its thread may write there; what is set after the start goes to the
    /// chunk, as a continuation.
    Ring { at: u64, continued: AtomicBool },
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Chunk { epoch, row } => write!(f, "row {row} of epoch {epoch}"),
            Place::Ring { at, .. } => write!(f, "record at word {at}"),
        }
    }
}

impl Handle {
    pub(super) fn new(slot: &'static Slot, place: Place) -> Self {
        Self { slot, place, tenant: AtomicU16::new(TenantTag::NONE.number()) }
    }

    /// The tenant that was named after the start.
    pub(super) fn tenant(&self) -> TenantTag {
        TenantTag::of_number(self.tenant.load(Ordering::Relaxed))
    }

    /// The span has said whose it is: what starts below it from now on inherits that.
    #[cold]
    pub(super) fn set_tenant(&self, span: &Span, tenant: TenantTag) {
        self.tenant.store(tenant.number(), Ordering::Relaxed);
        if let Some(context) = span.context() {
            with_hot(|h| h.set_tenant(context.span_id.to_u64(), tenant));
        }
    }

    /// Changes the row in place, or a continuation of it if it is out of reach.
    pub(super) fn edit(&self, span: &Span, f: impl FnOnce(&mut Columns, usize, &super::SpanLimits)) {
        if let Place::Ring { at, continued } = &self.place {
            continued.store(true, Ordering::Relaxed);
            // The start has to be seen before what continues it.
            Lease::with_producer(self.slot, *at, |ring, producer| producer.publish(ring));
        }
        let mut chunk = self.slot.lock();
        if !self.slot.has_room_for_edit(&mut chunk) {
            chunk.edits_dropped += 1;
            return;
        }
        let row = self.row_in(&mut chunk, span);
        f(&mut chunk.columns, row, &self.slot.limits);
    }

    #[inline]
    fn row_in(&self, chunk: &mut Chunk, span: &Span) -> usize {
        match self.place {
            Place::Chunk { epoch, row } if epoch == chunk.epoch => row as usize,
            _ => continuation(chunk, span),
        }
    }

    // Not inlined, so that the check for a span that records nothing is.
    #[inline(never)]
    pub(super) fn end(&self, span: &Span, at: Option<Timestamp>) {
        let panicking = std::thread::panicking();
        if let (Place::Ring { at, continued }, Some(context), None, false) =
            (&self.place, span.context(), at, panicking)
        {
            let continued = continued.load(Ordering::Relaxed);
            let now = self.slot.clock.ticks();
            let own = Active::of(context);
            let ended = Lease::with_producer(self.slot, *at, |ring, producer| {
                if continued || !producer.end_newest(ring, *at, now) {
                    producer.end(ring, now, (own.trace, own.span), continued);
                }
            });
            if ended {
                return;
            }
        }
        self.end_in_chunk(span, at, panicking);
    }

    #[cold]
    fn end_in_chunk(&self, span: &Span, at: Option<Timestamp>, panicking: bool) {
        if let Place::Ring { at, .. } = &self.place {
            Lease::with_producer(self.slot, *at, |ring, producer| producer.abandon(ring));
        }
        let mut chunk = self.slot.lock();
        let row = self.row_in(&mut chunk, span);
        if panicking && chunk.columns.rows[row].status == StatusCode::Unset {
            write_status(&mut chunk.columns, row, Status::Error("panicked".into()));
            chunk.columns.rows[row].bits |= Row::STATUS_IF_UNSET;
        }
        let r = &mut chunk.columns.rows[row];
        match at {
            None => r.end = self.slot.clock.ticks(),
            Some(t) => {
                r.end = t.unix_nanos();
                r.bits |= Row::END_IS_UNIX;
            }
        }
        r.bits |= Row::ENDED;
        chunk.ended += 1;
    }
}

#[cold]
fn continuation(chunk: &mut Chunk, span: &Span) -> usize {
    let (trace_id, span_id) = match span.context() {
        Some(c) => (c.trace_id, c.span_id),
        // A span that records has a context; fresh ids make a continuation that joins nothing.
        None => super::current::detached_ids(),
    };
    chunk.push_row(NewRow {
        trace_id,
        span_id,
        parent: None,
        flags: TraceFlags::SAMPLED,
        kind: SpanKind::Internal,
        name: Text::EMPTY,
        scope: 0,
        bits: Row::CONTINUATION,
        start: 0,
        tenant: TenantTag::NONE,
    }) as usize
}

pub(super) fn write_status(c: &mut Columns, row: usize, status: Status) {
    if c.rows[row].status == StatusCode::Ok {
        return;
    }
    match status {
        Status::Unset => {}
        Status::Ok => c.rows[row].status = StatusCode::Ok,
        Status::Error(message) => {
            c.rows[row].status = StatusCode::Error;
            let message = c.text_of(message);
            c.extra(row).status_message = message;
        }
    }
}
