//! A span that is being recorded, movable between threads and tasks.

use std::borrow::Cow;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::chunk::{Chunk, NewRow, Slot};
use super::current::{Local, with_local};
use super::recorder::Recorder;
use super::ring::{Producer, Ring};
use crate::batch::{Columns, EventCell, LinkCell, List, NONE, Row, ScopeRef, StatusCode, Text};
use crate::clock::Clock;
use crate::model::{
    KeyValue, SpanContext, SpanId, SpanKind, Status, Timestamp, TraceFlags, TraceId, Value, ValueRef,
};
use crate::signal::{Decision, SamplingInput};

/// A span that is being recorded. It ends when it is dropped, or by [`Span::end`].
///
/// It is not the active span of any thread; see [`Span::enter`] and [`super::InSpan`] for that. A span that is
/// not sampled costs next to nothing; its context still travels to its children. A span that is dropped while
/// its thread panics gets the error status `panicked`, unless it has a status already.
#[derive(Debug)]
pub struct Span {
    context: Option<SpanContext>,
    record: Option<Handle>,
}

/// Where the span is recorded.
pub(super) struct Handle {
    slot: &'static Slot,
    place: Place,
}

enum Place {
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

/// What a span starts with.
pub(super) struct Start<'a> {
    pub(super) name: Name<'a>,
    pub(super) kind: SpanKind,
    pub(super) scope: &'a ScopeRef,
    pub(super) parent: Option<&'a SpanContext>,
    pub(super) fields: &'a [(&'static str, ValueRef<'a>)],
    pub(super) start: Option<Timestamp>,
}

/// A name that is static or must be copied.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Static(&'static str),
    Borrowed(&'a str),
}

impl Name<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Static(s) => s,
            Self::Borrowed(s) => s,
        }
    }
}

impl Span {
    /// A span that records nothing and has no context.
    pub const fn none() -> Self {
        Self { context: None, record: None }
    }

    /// Starts a span. `local` is absent while the thread is being torn down.
    #[inline]
    pub(super) fn start(recorder: &Recorder, local: Option<&mut Local>, s: &Start<'_>) -> Self {
        if !recorder.is_open() {
            return Self::after_shutdown(recorder, s);
        }
        let Some(local) = local else {
            let (trace_id, span_id) = super::current::detached_ids();
            return Self::start_in(recorder, recorder.0.fallback, trace_id, span_id, s);
        };
        if local.is_suppressed() {
            return Self::none();
        }
        let span_id = local.ids.span_id();
        let trace_id = match s.parent {
            Some(p) => p.trace_id,
            None => local.ids.trace_id(),
        };
        let slot = recorder.slot(local);
        Self::start_in(recorder, slot, trace_id, span_id, s)
    }

    /// A span that lies in the calling thread's ring, or nowhere.
    pub(super) fn of_ring(context: SpanContext, record: Option<(&'static Slot, u64)>) -> Self {
        let handle =
            |(slot, at)| Handle { slot, place: Place::Ring { at, continued: AtomicBool::new(false) } };
        Self { context: Some(context), record: record.map(handle) }
    }

    fn start_in(
        recorder: &Recorder,
        slot: &'static Slot,
        trace_id: TraceId,
        span_id: SpanId,
        s: &Start<'_>,
    ) -> Self {
        let context = recorder.decide(trace_id, span_id, s.parent, s.name.as_str(), s.kind);
        if !context.is_sampled() {
            return Self { context: Some(context), record: None };
        }
        let mut chunk = slot.lock();
        if !slot.has_room(&chunk) {
            chunk.dropped += 1;
            return Self { context: Some(context), record: None };
        }
        let row = write_start(&mut chunk, &slot.clock, &context, s);
        let place = Place::Chunk { epoch: chunk.epoch, row };
        Self { context: Some(context), record: Some(Handle { slot, place }) }
    }

    #[cold]
    fn after_shutdown(recorder: &Recorder, s: &Start<'_>) -> Self {
        recorder.0.elsewhere.after_shutdown.fetch_add(1, Ordering::Relaxed);
        Self { context: s.parent.cloned(), record: None }
    }

    /// The span's identity; `None` for [`Span::none`] and after the shutdown of a recorder.
    pub fn context(&self) -> Option<&SpanContext> {
        self.context.as_ref()
    }

    /// Whether attributes and events are kept.
    pub fn is_recording(&self) -> bool {
        self.record.is_some()
    }

    /// Adds an attribute, or replaces its value.
    pub fn set_attribute(&self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        let Some(h) = &self.record else { return };
        let (key, value) = (key.into(), value.into());
        h.edit(self, |c, row, limits| {
            let key = c.text_of(key);
            let value = c.cell_of(value);
            c.set_attribute(row, key, value, limits.attributes);
        });
    }

    /// Adds attributes that are borrowed, under one lock.
    #[cfg(feature = "otel")]
    pub(super) fn set_attributes_ref(&self, attributes: Vec<(&str, ValueRef<'_>)>) {
        let Some(h) = &self.record else { return };
        h.edit(self, |c, row, limits| {
            for (key, value) in attributes {
                let key = c.store(key);
                let value = match value {
                    ValueRef::String(s) => c.store_value(s),
                    v => c.cell_of(v.to_value()),
                };
                c.set_attribute(row, key, value, limits.attributes);
            }
        });
    }

    /// Adds an event at the present moment.
    pub fn add_event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) {
        let Some(h) = &self.record else { return };
        self.add_event_at(name, h.slot.clock.now(), attributes);
    }

    /// Adds an event at a given moment.
    pub fn add_event_at(
        &self,
        name: impl Into<Cow<'static, str>>,
        time: Timestamp,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) {
        let Some(h) = &self.record else { return };
        // The caller's iterator runs before the chunk is locked: it may record spans itself.
        let (name, attributes): (_, Vec<KeyValue>) = (name.into(), attributes.into_iter().collect());
        h.edit(self, |c, row, limits| {
            if c.extra(row).event_count >= limits.events {
                c.extra(row).dropped_events += 1;
                return;
            }
            let name = c.text_of(name);
            let (attributes, dropped_attributes) = list_of(c, attributes, limits.attributes);
            c.push_event(
                row,
                EventCell { name, time: time.unix_nanos(), attributes, dropped_attributes, next: NONE },
            );
        });
    }

    /// Adds a link to a span of this or another trace.
    pub fn add_link(&self, context: SpanContext, attributes: impl IntoIterator<Item = KeyValue>) {
        let Some(h) = &self.record else { return };
        let attributes: Vec<KeyValue> = attributes.into_iter().collect();
        h.edit(self, |c, row, limits| {
            if c.extra(row).link_count >= limits.links {
                c.extra(row).dropped_links += 1;
                return;
            }
            let (attributes, dropped_attributes) = list_of(c, attributes, limits.attributes);
            c.push_link(row, LinkCell { context, attributes, dropped_attributes, next: NONE });
        });
    }

    /// Sets the outcome. `Ok` is final, and `Unset` changes nothing (OpenTelemetry trace API, "Set Status").
    pub fn set_status(&self, status: Status) {
        let Some(h) = &self.record else { return };
        h.edit(self, |c, row, _| write_status(c, row, status));
    }

    /// Adds an `exception` event with the error's type and message, and sets the error status.
    pub fn record_error<E: Error + ?Sized>(&self, error: &E) {
        if self.record.is_none() {
            return;
        }
        let message = error_text(error);
        self.add_event(
            "exception",
            [
                KeyValue::new("exception.type", std::any::type_name::<E>()),
                KeyValue::new("exception.message", message.clone()),
            ],
        );
        self.set_status(Status::Error(message.into()));
    }

    /// Replaces the name.
    pub fn update_name(&self, name: impl Into<Cow<'static, str>>) {
        let Some(h) = &self.record else { return };
        let name = name.into();
        h.edit(self, |c, row, _| {
            c.rows[row].name = c.text_of(name);
            c.rows[row].bits |= Row::RENAMED;
        });
    }

    /// Ends the span now.
    pub fn end(self) {
        drop(self);
    }

    /// Ends the span at a given moment.
    pub fn end_at(mut self, time: SystemTime) {
        if let Some(h) = &self.record {
            h.end(&self, Some(Timestamp::from(time)));
        }
        self.record = None;
    }

    /// Ends the span; its context stays readable.
    #[cfg(feature = "otel")]
    pub(super) fn end_in_place(&mut self, time: Option<SystemTime>) {
        if let Some(h) = &self.record {
            h.end(self, time.map(Timestamp::from));
        }
        self.record = None;
    }
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(h) = &self.record {
            h.end(self, None);
        }
    }
}

impl Handle {
    /// Changes the row in place, or a continuation of it if it is out of reach.
    fn edit(&self, span: &Span, f: impl FnOnce(&mut Columns, usize, &super::SpanLimits)) {
        if let Place::Ring { continued, .. } = &self.place {
            continued.store(true, Ordering::Relaxed);
            // The start has to be seen before what continues it.
            self.in_ring(|ring, producer| producer.publish(ring));
        }
        let mut chunk = self.slot.lock();
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

    /// Runs with the ring, if this thread is the one that writes it.
    #[inline]
    fn in_ring(&self, f: impl FnOnce(&Ring, &mut Producer)) -> bool {
        with_local(|l| {
            let lease = l.slots.iter_mut().find(|lease| std::ptr::eq(lease.slot, self.slot));
            lease.map(|lease| {
                let (ring, producer, _) = lease.ring();
                f(ring, producer);
            })
        })
        .flatten()
        .is_some()
    }

    // Not inlined, so that the check for a span that records nothing is.
    #[inline(never)]
    fn end(&self, span: &Span, at: Option<Timestamp>) {
        let panicking = std::thread::panicking();
        if let (Place::Ring { at, continued }, Some(context), None, false) =
            (&self.place, &span.context, at, panicking)
        {
            let continued = continued.load(Ordering::Relaxed);
            let (consumer, clock) = (&self.slot.consumer, &self.slot.clock);
            let ids = (context.trace_id, context.span_id);
            if self.in_ring(|ring, producer| producer.end(ring, consumer, clock, *at, ids, continued)) {
                return;
            }
        }
        self.end_in_chunk(span, at, panicking);
    }

    #[cold]
    fn end_in_chunk(&self, span: &Span, at: Option<Timestamp>, panicking: bool) {
        if let Place::Ring { .. } = &self.place {
            self.in_ring(|ring, producer| producer.abandon(ring));
        }
        let mut chunk = self.slot.lock();
        let row = self.row_in(&mut chunk, span);
        if panicking && chunk.columns.rows[row].status == StatusCode::Unset {
            write_status(&mut chunk.columns, row, Status::Error("panicked".into()));
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
    let (trace_id, span_id) = match &span.context {
        Some(c) => (c.trace_id, c.span_id),
        // A span that records has a context; fresh ids make a continuation that joins nothing.
        None => super::current::detached_ids(),
    };
    chunk.push_row(NewRow {
        trace_id,
        span_id,
        parent: None,
        flags: crate::model::TraceFlags::SAMPLED,
        kind: SpanKind::Internal,
        name: Text::EMPTY,
        scope: 0,
        bits: Row::CONTINUATION,
        start: 0,
    }) as usize
}

#[inline]
fn write_start(chunk: &mut Chunk, clock: &Clock, context: &SpanContext, s: &Start<'_>) -> u32 {
    let name = match s.name {
        Name::Static(n) => Text::fixed(n),
        Name::Borrowed(n) => chunk.columns.store(n),
    };
    let scope = chunk.columns.scope_index(s.scope);
    let mut bits = 0;
    if s.parent.is_some_and(|p| p.is_remote) {
        bits |= Row::REMOTE_PARENT;
    }
    let start = match s.start {
        None => 0,
        Some(t) => {
            bits |= Row::START_IS_UNIX;
            t.unix_nanos()
        }
    };
    let mut attributes = List::EMPTY;
    for (key, value) in s.fields {
        let value = chunk.cell(*value);
        chunk.columns.push_attribute(&mut attributes, Text::fixed(key), value);
    }
    let at = chunk.push_row(NewRow {
        trace_id: context.trace_id,
        span_id: context.span_id,
        parent: s.parent.map(|p| p.span_id),
        flags: context.flags,
        kind: s.kind,
        name,
        scope,
        bits,
        start,
    });
    if !context.trace_state.is_empty() {
        chunk.columns.extra(at as usize).trace_state = context.trace_state.clone();
    }
    let row = &mut chunk.columns.rows[at as usize];
    row.attributes = attributes;
    row.attribute_count = s.fields.len() as u16;
    chunk.started += 1;
    if s.start.is_none() {
        // Last, so that what recording costs is not part of the span.
        row.start = clock.ticks();
    }
    at
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

fn list_of(c: &mut Columns, attributes: Vec<KeyValue>, limit: u16) -> (List, u32) {
    let mut list = List::EMPTY;
    let dropped = attributes.len().saturating_sub(limit.into()) as u32;
    for kv in attributes.into_iter().take(limit.into()) {
        let key = c.text_of(kv.key);
        let value = c.cell_of(kv.value);
        c.push_attribute(&mut list, key, value);
    }
    (list, dropped)
}

/// The error's message, followed by its causes.
fn error_text<E: Error + ?Sized>(error: &E) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(c) = cause {
        text.push_str(": ");
        text.push_str(&c.to_string());
        cause = c.source();
    }
    text
}

impl Recorder {
    /// The identity of a new span, with the decision whether it is recorded. Local children follow their parent; the
    /// sampler is asked where a trace enters the process.
    #[inline]
    pub(super) fn decide(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
        parent: Option<&SpanContext>,
        name: &str,
        kind: SpanKind,
    ) -> SpanContext {
        match parent {
            Some(p) if !p.is_remote => SpanContext {
                trace_id,
                span_id,
                flags: p.flags,
                trace_state: p.trace_state.clone(),
                is_remote: false,
            },
            _ => self.ask(trace_id, span_id, parent, name, kind),
        }
    }

    fn ask(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
        parent: Option<&SpanContext>,
        name: &str,
        kind: SpanKind,
    ) -> SpanContext {
        let input = SamplingInput { trace_id, parent, name, kind };
        // A sampler that panics does not sample.
        let decision =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.0.sampler.sample(&input)))
                .unwrap_or(Decision::DROP);
        let flags = parent.map_or(TraceFlags(0b11), |p| p.flags).with_sampled(decision.sampled);
        let inherited = || parent.map(|p| p.trace_state.clone()).unwrap_or_default();
        let trace_state = decision.trace_state.unwrap_or_else(inherited);
        SpanContext { trace_id, span_id, flags, trace_state, is_remote: false }
    }
}
