//! How a span begins.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bridge;
use super::chunk::{Chunk, NewRow, Slot};
use super::current::{Local, detached_ids, is_within_itself};
use super::handle::{Handle, Place};
use super::recorder::Recorder;
use super::span::Span;
use crate::batch::{List, Row, ScopeRef, Text};
use crate::model::{
    KeyValue, SpanContext, SpanId, SpanKind, TenantTag, Timestamp, TraceFlags, TraceId, ValueRef,
};
use crate::sample::OtelTraceState;
use crate::signal::{Decision, SamplingDecision, SamplingInput, StartAttributes};

/// What a span starts with.
pub(super) struct Start<'a> {
    pub(super) name: Name<'a>,
    pub(super) kind: SpanKind,
    pub(super) scope: &'a ScopeRef,
    pub(super) parent: Option<&'a SpanContext>,
    /// The span's identity, if the sampler has been asked already.
    pub(super) decided: Option<Identity>,
    pub(super) fields: &'a [(&'static str, ValueRef<'a>)],
    pub(super) start: Option<Timestamp>,
    /// Whose it is, unless a field says so.
    pub(super) tenant: TenantTag,
}

/// The identity of a new span, and what the sampler adds to it.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) context: SpanContext,
    pub(super) attributes: Vec<KeyValue>,
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
        let handle = |(slot, at)| Handle::new(slot, Place::Ring { at, continued: AtomicBool::new(false) });
        Self { context: Some(context), record: record.map(handle) }
    }

    fn start_in(
        recorder: &Recorder,
        slot: &'static Slot,
        trace_id: TraceId,
        span_id: SpanId,
        s: &Start<'_>,
    ) -> Self {
        let given = StartAttributes::fields(s.fields);
        let Identity { mut context, attributes } = s.decided.clone().unwrap_or_else(|| {
            let input = SamplingInput::new(trace_id, s.name.as_str(), s.kind);
            recorder.decide(input.under(s.parent).with_attributes(given), span_id)
        });
        context.tenant = recorder.0.tenants.said(&given).or(s.tenant).or(context.tenant);
        if !context.flags.is_recorded() {
            return Self { context: Some(context), record: None };
        }
        let mut chunk = slot.lock();
        if !slot.has_room(&mut chunk) {
            drop(chunk);
            let Some(waited) = recorder.wait_for_room(slot) else {
                slot.lock().dropped += 1;
                return Self { context: Some(context), record: None };
            };
            chunk = waited;
        }
        let row = write_start(&mut chunk, slot, &context, s);
        let place = Place::Chunk { epoch: chunk.epoch, row };
        drop(chunk);
        let span = Self { context: Some(context), record: Some(Handle::new(slot, place)) };
        for kv in attributes {
            span.set_attribute(kv.key, kv.value);
        }
        span
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
    chunk.columns.attributes.reserve(s.fields.len());
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
        tenant: context.tenant,
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

impl Identity {
    /// What the sampler's decision makes of a span.
    pub(super) fn new(input: &SamplingInput<'_>, span_id: SpanId, decision: Decision) -> Self {
        let flags = flags_of(&decision, input.parent);
        let inherited = || input.parent.map(|p| p.trace_state.clone()).unwrap_or_default();
        let mut trace_state = decision.trace_state.unwrap_or_else(inherited);
        if !flags.is_sampled() && !trace_state.is_empty() {
            // A threshold speaks of sampled spans only.
            trace_state = OtelTraceState::without_threshold(trace_state);
        }
        let context = SpanContext {
            trace_id: input.trace_id,
            span_id,
            flags,
            trace_state,
            is_remote: false,
            tenant: input.parent.map(|p| p.tenant).unwrap_or_default(),
        };
        Self { context, attributes: decision.attributes }
    }
}

/// The flags of a span that the sampler was asked about.
#[inline]
pub(super) fn flags_of(decision: &Decision, parent: Option<&SpanContext>) -> TraceFlags {
    let regardless = decision.records_all || decision.outcome == SamplingDecision::RecordOnly;
    let own = TraceFlags::SAMPLED.0 | TraceFlags::RANDOM.0;
    let flags = parent.map_or(TraceFlags(own), |p| p.flags);
    flags.with_sampled(decision.is_sampled()).with_recorded(regardless)
}

impl Recorder {
    /// Waits as long as this handle may until the slot has room.
    #[cold]
    fn wait_for_room(&self, slot: &'static Slot) -> Option<MutexGuard<'static, Chunk>> {
        let attempt = || {
            let mut chunk = slot.lock();
            slot.has_room(&mut chunk).then_some(chunk)
        };
        self.1.wait(|| slot.consumer.wake(), attempt)
    }

    /// The identity of a new span, with the decision whether it is recorded. Local children follow their parent,
    /// unless the sampler wants to be asked for them too; it is asked where a trace enters the process.
    #[inline]
    pub(super) fn decide(&self, input: SamplingInput<'_>, span_id: SpanId) -> Identity {
        match input.parent {
            Some(p) if !p.is_remote && self.0.children_follow => {
                let context = SpanContext {
                    trace_id: input.trace_id,
                    span_id,
                    flags: p.flags,
                    trace_state: p.trace_state.clone(),
                    is_remote: false,
                    tenant: p.tenant,
                };
                Identity { context, attributes: Vec::new() }
            }
            _ => {
                let input = input.from_resource(&self.0.resource);
                Identity::new(&input, span_id, self.ask(&input))
            }
        }
    }

    /// What the sampler says. One that panics does not sample.
    #[inline]
    pub(super) fn ask(&self, input: &SamplingInput<'_>) -> Decision {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.0.sampler.sample(input)))
            .unwrap_or(Decision::DROP)
    }

    /// Asks the sampler before the span is started, for doors that add attributes only afterwards. `None` if nobody
    /// would be asked, or there is nothing that `Span::start` does not know itself.
    pub(super) fn decide_ahead(&self, local: &mut Local, input: SamplingInput<'_>) -> Option<Identity> {
        let follows = input.parent.is_some_and(|p| !p.is_remote) && self.0.children_follow;
        if follows || !self.is_open() || local.is_suppressed() {
            return None;
        }
        let span_id = local.ids.span_id();
        let trace_id = input.parent.map_or_else(|| local.ids.trace_id(), |p| p.trace_id);
        Some(self.decide(SamplingInput { trace_id, ..input }, span_id))
    }
}
