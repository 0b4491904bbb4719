//! A span of [`span!`](crate::span) as its guard holds it: where it lies in the ring, and its identity.
//!
//! Only scalars. A full [`Span`] is made when somebody asks for one; most spans are only started and ended, and
//! moving a span that has just been written costs more than writing it.

use super::Callsite;
use super::current::{Local, with_local};
use super::id_gen::IdGenerator;
use super::recorder::{Recorder, or_default};
use super::ring::{Refused, StartHead};
use super::span::Span;
use super::{chunk::Slot, ring};
use crate::model::{SpanContext, SpanId, TraceFlags, TraceId, TraceState, ValueRef};

/// A span that is active on its thread and, if it is sampled and had room, lies in the thread's ring.
pub(super) struct RingSpan {
    slot: &'static Slot,
    /// Its position in the ring, or [`NOT_RECORDED`].
    at: u64,
    trace_id: TraceId,
    span_id: SpanId,
    /// Its index among the thread's active spans.
    depth: usize,
    flags: TraceFlags,
}

/// No position in a ring: those are counted in words from zero.
const NOT_RECORDED: u64 = u64::MAX;

/// Why a span is not in the ring.
pub(super) enum Elsewhere {
    /// There is no recorder, or the thread records nothing.
    Nowhere,
    /// The chunk takes it: the ring cannot carry it, or there is more to decide than the fast path does.
    Chunk,
    /// The chunk takes it, and the sampler has decided: it set a trace state.
    Decided(Box<SpanContext>),
}

/// The identity that a span gets from above, or from the sampler.
struct Decided {
    trace_id: TraceId,
    flags: TraceFlags,
    /// Zero without a parent.
    parent: u64,
    remote_parent: bool,
}

impl RingSpan {
    /// Starts a span under the thread's innermost active one, and makes it the innermost itself.
    #[inline]
    pub(super) fn start(
        recorder: Option<&Recorder>,
        callsite: &'static Callsite,
        values: &[ValueRef<'_>],
    ) -> Result<Self, Elsewhere> {
        with_local(|l| Self::start_with(l, recorder, callsite, values, None)).unwrap_or(Err(Elsewhere::Chunk))
    }

    /// Starts a span under this one, which is the innermost of the `opentelemetry` context.
    #[cfg(feature = "otel")]
    pub(super) fn start_below(
        recorder: Option<&Recorder>,
        callsite: &'static Callsite,
        values: &[ValueRef<'_>],
        above: Option<&SpanContext>,
    ) -> Result<Self, Elsewhere> {
        with_local(|l| Self::start_with(l, recorder, callsite, values, above))
            .unwrap_or(Err(Elsewhere::Chunk))
    }

    /// The span's identity.
    #[cfg(feature = "otel")]
    pub(super) fn context(&self) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags)
    }

    #[inline]
    fn start_with(
        local: &mut Local,
        recorder: Option<&Recorder>,
        callsite: &'static Callsite,
        values: &[ValueRef<'_>],
        above: Option<&SpanContext>,
    ) -> Result<Self, Elsewhere> {
        if local.is_suppressed() {
            return Err(Elsewhere::Nowhere);
        }
        let Local { active, slots, ids, default, .. } = local;
        let Some(recorder) = or_default(recorder, default) else { return Err(Elsewhere::Nowhere) };
        if !recorder.is_open() {
            return Err(Elsewhere::Chunk);
        }
        let lease = recorder.lease(slots);
        let Some((ring, producer, slot)) = lease.ring() else { return Err(Elsewhere::Chunk) };
        let decided = match above.or(active.last()) {
            Some(p) if !p.is_remote && p.trace_state.is_empty() => Decided {
                trace_id: p.trace_id,
                flags: p.flags,
                parent: p.span_id.to_u64(),
                remote_parent: false,
            },
            above => Decided::ask(recorder, ids, above, callsite, values)?,
        };
        let Decided { trace_id, flags, parent, remote_parent } = decided;
        let span_id = ids.span_id();
        let mut at = NOT_RECORDED;
        if flags.is_sampled() {
            let head = StartHead { callsite, trace_id, span_id, parent, remote_parent, flags };
            match producer.start(ring, &slot.consumer, &slot.clock, &head, values) {
                Ok(position) => at = position,
                Err(Refused::Full) => {}
                Err(Refused::Unsuitable) => return Err(Elsewhere::Chunk),
            }
        }
        let depth = active.len();
        active.push(SpanContext {
            trace_id,
            span_id,
            flags,
            trace_state: TraceState::EMPTY,
            is_remote: false,
        });
        Ok(Self { slot, at, trace_id, span_id, depth, flags })
    }

    /// Leaves and ends the span; `false` if the ring is out of reach, and only a [`Span`] can end it.
    #[inline]
    pub(super) fn end(&self) -> bool {
        with_local(|l| {
            l.pop(self.depth, self.span_id);
            if self.at == NOT_RECORDED {
                return true;
            }
            let Some(lease) = l.slots.iter_mut().find(|lease| lease.wrote(self.slot, self.at)) else {
                return false;
            };
            let Some((ring, producer, slot)) = lease.ring() else { return false };
            producer.end(ring, &slot.consumer, &slot.clock, self.at, (self.trace_id, self.span_id), false);
            true
        })
        .unwrap_or(false)
    }

    /// Leaves the span, which goes on.
    pub(super) fn leave(&self) {
        with_local(|l| l.pop(self.depth, self.span_id));
    }

    /// The span in full. From then on it, and not this, ends the span.
    #[cold]
    pub(super) fn to_span(&self) -> Span {
        let context = SpanContext::new(self.trace_id, self.span_id, self.flags);
        Span::of_ring(context, (self.at != NOT_RECORDED).then_some((self.slot, self.at)))
    }
}

impl Decided {
    /// Asks the sampler, for a span that has no parent or a remote one.
    fn ask(
        recorder: &Recorder,
        ids: &mut IdGenerator,
        parent: Option<&SpanContext>,
        callsite: &'static Callsite,
        values: &[ValueRef<'_>],
    ) -> Result<Self, Elsewhere> {
        let goes_on = |p: &SpanContext| !p.trace_state.is_empty();
        // Before the sampler is asked, for the other way asks it too.
        if parent.is_some_and(goes_on) || !ring::can_carry(values) {
            return Err(Elsewhere::Chunk);
        }
        let (trace_id, span_id) = (parent.map_or_else(|| ids.trace_id(), |p| p.trace_id), ids.span_id());
        let context = recorder.decide(trace_id, span_id, parent, callsite.name, callsite.kind);
        if !context.trace_state.is_empty() {
            return Err(Elsewhere::Decided(Box::new(context)));
        }
        Ok(Self {
            trace_id,
            flags: context.flags,
            parent: parent.map_or(0, |p| p.span_id.to_u64()),
            remote_parent: parent.is_some_and(|p| p.is_remote),
        })
    }
}
