//! A span of [`span!`](crate::span) as its guard holds it: where it lies in the ring, and its identity.
//!
//! Only scalars. A full [`Span`] is made when somebody asks for one; most spans are only started and ended, and
//! moving a span that has just been written costs more than writing it.

use super::chunk::Slot;
use super::current::{Local, with_local};
use super::hot::{Active, Hot, with_hot, with_hot_as_it_is};
use super::quiet::{self, Mark};
use super::recorder::{Recorder, or_default};
use super::ring_writer::{Refused, StartHead, Writer};
use super::span::Span;
use super::start::{Identity, flags_of};
use super::{Callsite, OverflowPolicy, bridge, outlived};
use crate::model::{SpanContext, TenantTag, ValueRef};
use crate::signal::{SamplingInput, StartAttributes};

/// A span that is active on its thread and, if it is sampled and had room, lies in the thread's ring.
pub(super) struct RingSpan {
    slot: &'static Slot,
    /// Its position in the ring, or [`NOT_RECORDED`].
    at: u64,
    span_id: u64,
    /// Its place among the thread's active spans, which know the rest of its identity.
    place: usize,
}

/// No position in a ring: those are counted in words from zero.
const NOT_RECORDED: u64 = u64::MAX;

/// The place of a span that is only counted. Its number stands for the span id.
const COUNTED: usize = usize::MAX;

/// Why a span is not in the ring.
pub(super) enum Elsewhere {
    /// There is no recorder, or the thread records nothing.
    Nowhere,
    /// The chunk takes it: the ring cannot carry it, or there is more to decide than the fast path does.
    Chunk,
    /// The chunk takes it, and the sampler has decided: it set a trace state or attributes.
    Decided(Box<Identity>),
}

impl RingSpan {
    /// A span that is only counted so far.
    #[inline(always)]
    pub(super) fn counted(slot: &'static Slot, mark: Mark) -> Self {
        Self { slot, at: NOT_RECORDED, span_id: mark.to_bits(), place: COUNTED }
    }

    #[inline(always)]
    fn mark(&self) -> Option<Mark> {
        Mark::from_bits(self.span_id).filter(|_| self.place == COUNTED)
    }

    /// Its place among the active spans, and its id.
    fn among_active(&self, h: &Hot) -> (usize, u64) {
        match self.mark() {
            Some(mark) => (mark.place(), h.ids.span_id_of(mark.to_bits()).to_u64()),
            None => (self.place, self.span_id),
        }
    }

    /// Starts a span under the thread's innermost active one, and makes it the innermost itself; `None` unless
    /// everything is as it nearly always is: the thread has a ring of this recorder, with room, and the active span is a
    /// local one of a trace that is recorded. `write` puts the values.
    #[inline(always)]
    pub(super) fn start_fast(
        recorder: Option<&Recorder>,
        callsite: &'static Callsite,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Option<Self> {
        with_hot_as_it_is(|h| {
            let (slot, ring) = h.lent?;
            let wanted = recorder.map_or(h.default, |r| r.0.id);
            if wanted != h.recorder || !slot.consumer.is_open() {
                return None;
            }
            let callsite = callsite.plain_number()?;
            let parent = h.innermost();
            if !parent.is_plain() {
                h.begin_counting();
                return None;
            }
            let span_id = h.ids.span_id().to_u64();
            let head = StartHead {
                callsite,
                trace: parent.trace,
                span: span_id,
                parent: parent.span,
                remote_parent: false,
                active: parent.bits,
            };
            h.next_place()?;
            let at = h.producer.start(ring, &slot.clock, head, write)?;
            let (place, own) = h.next_place()?;
            *own = Active { span: span_id, ..parent };
            h.enter_next();
            Some(Self { slot, at, span_id, place })
        })
        .flatten()
    }

    /// The same in all cases that the ring is for.
    pub(super) fn start(
        recorder: Option<&Recorder>,
        callsite: &'static Callsite,
        values: &[ValueRef<'_>],
    ) -> Result<Self, Elsewhere> {
        with_local(|l| Self::start_with(l, recorder, callsite, values, None)).unwrap_or(Err(Elsewhere::Chunk))
    }

    /// The same under this span, which is the innermost of the `opentelemetry` context.
    #[cfg(feature = "otel")]
    pub(super) fn start_below(
        recorder: Option<&Recorder>,
        callsite: &'static Callsite,
        values: &[ValueRef<'_>],
        above: Option<Active>,
    ) -> Result<Self, Elsewhere> {
        with_local(|l| Self::start_with(l, recorder, callsite, values, above))
            .unwrap_or(Err(Elsewhere::Chunk))
    }

    fn start_with(
        local: &mut Local,
        recorder: Option<&Recorder>,
        callsite: &'static Callsite,
        values: &[ValueRef<'_>],
        above: Option<Active>,
    ) -> Result<Self, Elsewhere> {
        if local.is_suppressed() || bridge::is_suppressed() {
            return Err(Elsewhere::Nowhere);
        }
        let is_default = recorder.is_none();
        let default = if is_default { or_default(None, local.default()).cloned() } else { None };
        let Some(recorder) = recorder.or(default.as_ref()) else {
            return Err(Elsewhere::Nowhere);
        };
        if !recorder.is_open() || !recorder.load_ring(&mut local.slots) {
            return Err(Elsewhere::Chunk);
        }
        if is_default {
            with_hot(|h| h.default = recorder.0.id);
        }
        if above.is_none() {
            outlived::heal(recorder);
        }
        let (own, parent) = decide(recorder, local, callsite, values, above)?;
        let started = with_hot(|h| {
            let (slot, ring) = h.lent.ok_or(Elsewhere::Chunk)?;
            let mut at = NOT_RECORDED;
            if own.flags().is_recorded() {
                // There is one: it was asked for the tenant.
                let callsite = callsite.number().ok_or(Elsewhere::Chunk)?;
                let head = StartHead {
                    callsite,
                    trace: own.trace,
                    span: own.span,
                    parent: parent.span,
                    remote_parent: parent.is_remote(),
                    active: own.bits,
                };
                match h.producer.start_values(ring, &slot.consumer, &slot.clock, head, values) {
                    Ok(position) => at = position,
                    // The chunk waits for room, if this handle may.
                    Err(Refused::Full) if recorder.1 != OverflowPolicy::Drop => {
                        let context = own.context().ok_or(Elsewhere::Chunk)?;
                        ring.take_back_drop();
                        let identity = Identity { context, attributes: Vec::new() };
                        return Err(Elsewhere::Decided(Box::new(identity)));
                    }
                    Err(Refused::Full) => {}
                    Err(Refused::Unsuitable) => return Err(Elsewhere::Chunk),
                }
            }
            Ok(Self { slot, at, span_id: own.span, place: h.enter(own) })
        });
        started.unwrap_or(Err(Elsewhere::Chunk))
    }

    /// Leaves and ends the span; `false` if the ring is out of reach: then nothing has happened, and only a [`Span`]
    /// can end it.
    #[inline(always)]
    pub(super) fn end(&self) -> bool {
        if self.at == NOT_RECORDED {
            return self.mark().is_some_and(quiet::leave) || self.end_unrecorded();
        }
        // First, so that what recording costs is not part of the span.
        let now = self.slot.clock.ticks();
        with_hot_as_it_is(|h| {
            let Some((slot, ring)) = h.lent else { return false };
            if !std::ptr::eq(slot, self.slot) {
                return false;
            }
            if !h.producer.end_newest(ring, self.at, now) {
                return self.end_apart(h, now);
            }
            h.leave(self.place, self.span_id);
            true
        })
        .unwrap_or(false)
    }

    /// Leaves a span that is not recorded, and not counted any more.
    #[inline(never)]
    fn end_unrecorded(&self) -> bool {
        let left = with_hot(|h| {
            let here = h.lent.is_some_and(|(slot, _)| std::ptr::eq(slot, self.slot));
            if here {
                let (place, span) = self.among_active(h);
                h.leave(place, span);
            }
            here
        });
        left.unwrap_or(false)
    }

    /// Leaves and ends a span that is not the newest record.
    #[inline(never)]
    fn end_apart(&self, h: &mut Hot, now: u64) -> bool {
        h.settle_counted();
        if !h.producer.wrote(self.at) {
            return false;
        }
        let (Some((_, ring)), Some(own)) = (h.lent, h.find(self.place, self.span_id)) else {
            return false;
        };
        h.producer.end(ring, now, (own.trace, own.span), false);
        h.leave(self.place, self.span_id);
        true
    }

    /// Leaves the span, which goes on.
    pub(super) fn leave(&self) {
        with_hot(|h| {
            let (place, span) = self.among_active(h);
            h.leave(place, span);
        });
    }

    /// The span in full. From then on it, and not this, ends the span.
    #[cold]
    pub(super) fn to_span(&self) -> Span {
        let own = with_hot(|h| {
            let (place, span) = self.among_active(h);
            h.find(place, span)
        });
        match own.flatten().and_then(|own| own.context()) {
            Some(context) => {
                Span::of_ring(context, (self.at != NOT_RECORDED).then_some((self.slot, self.at)))
            }
            // It is among the active spans, or set aside, for as long as the guard lives, unless the thread is being torn
            // down.
            None => Span::none(),
        }
    }
}

/// The identity of a new span, and its parent's.
fn decide(
    recorder: &Recorder,
    local: &mut Local,
    callsite: &'static Callsite,
    values: &[ValueRef<'_>],
    above: Option<Active>,
) -> Result<(Active, Active), Elsewhere> {
    let Some(parent) = above.or_else(|| with_hot(|h| h.innermost())).filter(|p| !p.has_state()) else {
        return Err(Elsewhere::Chunk);
    };
    let span_id = local.ids.span_id();
    let above = parent.context();
    let said = if callsite.names_tenant() {
        recorder.0.tenants.said(&StartAttributes::site(callsite.keys, values))
    } else {
        TenantTag::NONE
    };
    if above.as_ref().is_some_and(|c| !c.is_remote) {
        let own = parent.child(span_id.to_u64());
        return Ok((own.of_tenant(said.or(parent.tenant())), parent));
    }
    // Before the sampler is asked, for the other way asks it too.
    if !with_hot(|h| h.producer.can_carry(values)).unwrap_or(false) {
        return Err(Elsewhere::Chunk);
    }
    let trace_id = above.as_ref().map_or_else(|| local.ids.trace_id(), |p| p.trace_id);
    let input = SamplingInput::new(trace_id, callsite.name, callsite.kind)
        .under(above.as_ref())
        .with_attributes(StartAttributes::site(callsite.keys, values))
        .from_resource(recorder.resource());
    let decision = recorder.ask(&input);
    if decision.trace_state.as_ref().is_some_and(|s| !s.is_empty()) || !decision.attributes.is_empty() {
        let mut identity = Identity::new(&input, span_id, decision);
        identity.context.tenant = said.or(identity.context.tenant);
        return Err(Elsewhere::Decided(Box::new(identity)));
    }
    let context = SpanContext::new(trace_id, span_id, flags_of(&decision, above.as_ref()));
    Ok((Active::of(&context).of_tenant(said.or(parent.tenant())), parent))
}
