//! How a span begins.

use std::sync::atomic::{AtomicBool, Ordering};

use super::bridge;
use super::chunk::{Chunk, NewRow, Slot};
use super::current::{Local, detached_ids, is_within_itself};
use super::handle::{Handle, Place};
use super::recorder::Recorder;
use super::span::Span;
use crate::batch::{List, Row, ScopeRef, Text};
use crate::model::{SpanContext, SpanId, SpanKind, Timestamp, TraceFlags, TraceId, ValueRef};
use crate::signal::{Decision, SamplingInput};

/// What a span starts with.
pub(super) struct Start<'a> {
    pub(super) name: Name<'a>,
    pub(super) kind: SpanKind,
    pub(super) scope: &'a ScopeRef,
    pub(super) parent: Option<&'a SpanContext>,
    /// The span's identity, if the sampler has been asked already.
    pub(super) decided: Option<SpanContext>,
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
    /// Starts a span. `local` is absent while the thread is being torn down; it is also absent inside a sampler, and
    /// there nothing is recorded, for that would ask the sampler again.
    #[inline]
    pub(super) fn start(recorder: &Recorder, local: Option<&mut Local>, s: &Start<'_>) -> Self {
        if !recorder.is_open() {
            return Self::after_shutdown(recorder, s);
        }
        let Some(local) = local else {
            if is_within_itself() {
                return Self::none();
            }
            let (trace_id, span_id) = detached_ids();
            return Self::start_in(recorder, recorder.0.fallback, trace_id, span_id, s);
        };
        if local.is_suppressed() || bridge::is_suppressed() {
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
        let context = s
            .decided
            .clone()
            .unwrap_or_else(|| recorder.decide(trace_id, span_id, s.parent, s.name.as_str(), s.kind));
        if !context.is_sampled() {
            return Self { context: Some(context), record: None };
        }
        let mut chunk = slot.lock();
        if !slot.has_room(&mut chunk) {
            chunk.dropped += 1;
            return Self { context: Some(context), record: None };
        }
        let row = write_start(&mut chunk, slot, &context, s);
        let place = Place::Chunk { epoch: chunk.epoch, row };
        Self { context: Some(context), record: Some(Handle { slot, place }) }
    }

    #[cold]
    fn after_shutdown(recorder: &Recorder, s: &Start<'_>) -> Self {
        recorder.0.elsewhere.after_shutdown.fetch_add(1, Ordering::Relaxed);
        Self { context: s.parent.cloned(), record: None }
    }
}

#[inline]
fn write_start(chunk: &mut Chunk, slot: &Slot, context: &SpanContext, s: &Start<'_>) -> u32 {
    let Slot { clock, limits, .. } = slot;
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
    let limit = usize::from(limits.attributes);
    for (key, value) in s.fields.iter().take(limit) {
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
    if s.fields.len() > limit {
        chunk.columns.extra(at as usize).dropped_attributes = (s.fields.len() - limit) as u32;
    }
    let row = &mut chunk.columns.rows[at as usize];
    row.attributes = attributes;
    row.attribute_count = s.fields.len().min(limit) as u16;
    chunk.started += 1;
    if s.start.is_none() {
        // Last, so that what recording costs is not part of the span.
        row.start = clock.ticks();
    }
    at
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
