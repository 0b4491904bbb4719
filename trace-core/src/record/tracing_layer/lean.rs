//! Spans that are only made, entered, left and closed, as most are: no lock, no table, no copy but the one into the ring.
//!
//! Such a span lies in a place of its shard's [`Arena`](super::arena::Arena) as the words that it will be in a ring. It is
//! a child of an active, recorded span, with plain values. As soon as anything is done to it that its words cannot say (a
//! field recorded later, an event, a link, another parent), it becomes a draft, from any thread, under the lock of the
//! shard; that costs once what a draft costs.
//!
//! Who sets the parent of a span while another thread enters it for the first time gets one order or the other, as with
//! drafts, but the other thread may go on with the identity that it read.

use std::sync::atomic::Ordering;

use tracing::span::Attributes;

use super::arena::Place;
use super::held::Spans;
use super::lean_fields::LeanFields;
use super::{layer, sites};
use crate::batch::{Cell, ScopeRef, Text};
use crate::model::{SpanContext, SpanId, TraceFlags};
use crate::record::chunk::Slot;
use crate::record::current::with_local;
use crate::record::draft::Draft;
use crate::record::hot::{Hot, with_hot};
use crate::record::ring::{Ring, SHORT_TEXT, START_WORDS, TAG_BOOL, TAG_F64, TAG_SHORT, TAG_TEXT, put};
use crate::record::{Callsite, bridge, ring_header};

impl Spans {
    /// The place of an open span that has one.
    #[inline]
    pub(super) fn place(&self, id: u64) -> Option<&'static Place> {
        self.known_shard(id)?.arena().place(id)
    }

    /// The place of an open span of which it says everything.
    #[inline]
    pub(super) fn lean(&self, id: u64) -> Option<&'static Place> {
        self.place(id).filter(|place| place.is_lean())
    }

    /// Opens a span as a lean one; `false` if it cannot be one.
    #[inline]
    pub(super) fn open_lean(&self, attrs: &Attributes<'_>, id: u64) -> bool {
        if bridge::in_use() || !attrs.is_contextual() {
            return false;
        }
        let Some(plan) = sites::plan(attrs.metadata()) else { return false };
        let shard = self.shard(id);
        let opened = with_hot(|h| {
            let (slot, _) = self.lent(h)?;
            let parent = h.innermost();
            if !parent.is_plain() || !slot.consumer.is_open() {
                return Some(false);
            }
            let Some(place) = shard.arena().free_place(shard, id) else { return Some(false) };
            // None of this runs the user's code.
            let mut fields = LeanFields::new(&place.words, shard.limits.value_length);
            attrs.record(&mut fields);
            let LeanFields { to, tags, count, fits: true, .. } = fields else { return Some(false) };
            let site = plan.callsite(count);
            if site.names_tenant() {
                return Some(false);
            }
            let Some(number) = site.number() else { return Some(false) };
            put(&place.words, 0, ring_header::of_start(0, parent.bits, number, to));
            put(&place.words, 3, parent.trace[0]);
            put(&place.words, 4, parent.trace[1]);
            put(&place.words, 5, h.ids.span_id().to_u64());
            put(&place.words, 6, parent.span);
            put(&place.words, 7, tags);
            slot.count_opened();
            // Nearly last, so that what recording costs is not part of the span.
            put(&place.words, 1, slot.clock.ticks());
            place.show(id);
            Some(true)
        });
        match opened {
            Some(Some(opened)) => opened,
            // The next one may.
            Some(None) => {
                self.load_ring();
                false
            }
            None => false,
        }
    }

    /// What the calling thread has of this recorder.
    #[inline(always)]
    fn lent(&self, h: &Hot) -> Option<(&'static Slot, &'static Ring)> {
        h.lent.filter(|_| h.recorder == self.recorder.0.id)
    }

    /// Asks for the calling thread's ring, unless it records nothing.
    #[cold]
    #[inline(never)]
    fn load_ring(&self) {
        with_local(|l| !l.is_suppressed() && self.recorder.load_ring(&mut l.slots));
    }

    /// Writes a lean span that is closed to the ring of the calling thread; `false` if that cannot take it.
    #[inline]
    pub(super) fn close_lean(&self, place: &Place) -> bool {
        if std::thread::panicking() {
            return false;
        }
        let written = with_hot(|h| {
            let (slot, ring) = self.lent(h)?;
            let left = place.left.load(Ordering::Relaxed);
            put(&place.words, 2, if left == 0 { slot.clock.ticks() } else { left });
            let written = h.producer.write_ended(ring, &slot.consumer, &place.words);
            written.then(|| slot.uncount_opened())
        });
        let written = written.flatten().is_some();
        if written {
            place.free();
        }
        written
    }

    /// Makes a draft of a lean span, so that it can be changed.
    #[inline]
    pub(super) fn thicken(&self, id: u64) {
        if let Some(place) = self.lean(id) {
            self.thicken_place(id, place);
        }
    }

    #[cold]
    #[inline(never)]
    fn thicken_place(&self, id: u64, place: &Place) {
        let slot = self.shard(id);
        let mut draft = layer::take_draft();
        (draft.slot, draft.overflow) = (Some(slot), self.recorder.1);
        fill(&mut draft, place);
        let mut chunk = slot.lock();
        if place.is_lean() {
            draft.held.seen = place.seen.load(Ordering::Relaxed);
            chunk.held.insert(id, draft);
            place.becomes_draft();
        } else {
            // Another thread was faster.
            drop(chunk);
            layer::give_back(draft);
        }
    }
}

impl Place {
    /// The identity of its span, which does not change from now on.
    pub(super) fn context(&self) -> Option<SpanContext> {
        self.seen.store(true, Ordering::Relaxed);
        self.identity().context()
    }
}

/// Puts into a draft what a place says of its span.
fn fill(draft: &mut Draft, place: &Place) {
    if let Some(site) = Callsite::of(ring_header::callsite(place.word(0))) {
        draft.set_name(Text::fixed(site.name));
        draft.set_scope(&ScopeRef::Static(site.scope));
        let (mut at, mut tags) = (START_WORDS as usize, place.word(7));
        for key in site.keys {
            let value = value(draft, place, tags & 0xf, &mut at);
            draft.push_attribute(Text::fixed(key), value);
            tags >>= 4;
        }
    }
    if let Some(context) = place.identity().context() {
        let above = SpanId::new(place.word(6));
        let above = above.map(|id| SpanContext {
            tenant: context.tenant,
            ..SpanContext::new(context.trace_id, id, TraceFlags::SAMPLED)
        });
        let ids = (context.trace_id, context.span_id);
        draft.identify(ids, context.flags, &context.trace_state, above.as_ref());
    }
    draft.set_start_ticks(place.word(1));
    (draft.held.recorded, draft.held.complete) = (true, true);
}

/// Takes the value of this tag at `at`, and goes on behind it.
fn value(draft: &mut Draft, place: &Place, tag: u64, at: &mut usize) -> Cell {
    let mut next = || {
        *at += 1;
        place.word(*at - 1)
    };
    let word = next();
    let mut bytes = Vec::new();
    let len = match tag {
        TAG_BOOL => return Cell::bool(word != 0),
        TAG_F64 => return Cell::f64(f64::from_bits(word)),
        TAG_SHORT => {
            let len = word as usize & 0xff;
            bytes.extend_from_slice(&(word >> 8).to_le_bytes()[..7]);
            if len > 7 {
                bytes.extend_from_slice(&next().to_le_bytes());
            }
            len.min(SHORT_TEXT)
        }
        TAG_TEXT => {
            (0..(word as usize).div_ceil(8)).for_each(|_| bytes.extend_from_slice(&next().to_le_bytes()));
            word as usize
        }
        _ => return Cell::i64(word.cast_signed()),
    };
    // It was written from a text.
    let text = bytes.get(..len).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or("");
    draft.columns().store_value(text)
}
