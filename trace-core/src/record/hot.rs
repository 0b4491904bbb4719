//! What the fast way of [`span!`](crate::span) keeps per thread: state that needs no destructor, so that it is reached
//! without a check.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use super::chunk::Slot;
use super::id_gen::IdGenerator;
use super::quiet;
use super::ring::Ring;
use super::ring_writer::Producer;
use crate::model::{SpanContext, SpanId, TenantTag, TraceFlags, TraceId, TraceState};

/// The identity of an active span.
#[derive(Clone, Copy)]
pub(super) struct Active {
    /// High half first; zero if no span is active.
    pub(super) trace: [u64; 2],
    pub(super) span: u64,
    /// The trace flags in the lowest byte, the tenant above it, and the `BIT`s.
    pub(super) bits: u64,
}

impl Active {
    const NONE: Self = Self { trace: [0; 2], span: 0, bits: 0 };
    pub(super) const BIT_REMOTE: u64 = 1 << 24;
    /// The trace state is not empty; the whole context lies with the thread's other state.
    pub(super) const BIT_STATE: u64 = 1 << 25;
    /// The guard around it is gone; see [`super::outlived`].
    pub(super) const BIT_OUTLIVED: u64 = 1 << 26;
    pub(super) const TENANT: u32 = 8;
    /// What lies lowest: the flags and the tenant, all that a plain child inherits.
    pub(super) const INHERITED: u64 = (1 << 24) - 1;

    pub(super) fn of(context: &SpanContext) -> Self {
        let trace = context.trace_id.to_u128();
        let bit = |set, bit| if set { bit } else { 0 };
        Self {
            trace: [(trace >> 64) as u64, trace as u64],
            span: context.span_id.to_u64(),
            bits: u64::from(context.flags.0)
                | bit(context.is_remote, Self::BIT_REMOTE)
                | bit(!context.trace_state.is_empty(), Self::BIT_STATE)
                | u64::from(context.tenant.number()) << Self::TENANT,
        }
    }

    pub(super) fn flags(&self) -> TraceFlags {
        TraceFlags(self.bits as u8)
    }

    /// Whose it is.
    #[inline]
    pub(super) fn tenant(&self) -> TenantTag {
        TenantTag::of_number((self.bits >> Self::TENANT) as u16)
    }

    pub(super) fn of_tenant(self, tenant: TenantTag) -> Self {
        let others = self.bits & !(u64::from(u16::MAX) << Self::TENANT);
        Self { bits: others | u64::from(tenant.number()) << Self::TENANT, ..self }
    }

    pub(super) fn is_remote(&self) -> bool {
        self.bits & Self::BIT_REMOTE != 0
    }

    pub(super) fn has_state(&self) -> bool {
        self.bits & Self::BIT_STATE != 0
    }

    /// The same for a child of this id.
    pub(super) fn child(self, span: u64) -> Self {
        Self { span, bits: self.bits & (Self::BIT_OUTLIVED - 1), ..self }
    }

    /// Without its trace state.
    pub(super) fn context(&self) -> Option<SpanContext> {
        Some(SpanContext {
            trace_id: TraceId::new(u128::from(self.trace[0]) << 64 | u128::from(self.trace[1]))?,
            span_id: SpanId::new(self.span)?,
            flags: self.flags(),
            trace_state: TraceState::EMPTY,
            is_remote: self.is_remote(),
            tenant: self.tenant(),
        })
    }

    /// A local span of a trace that is recorded, without a trace state: its children are recorded too, and nobody has
    /// to be asked.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let sampled = u64::from(TraceFlags::SAMPLED.0);
        self.bits & (sampled | Self::BIT_REMOTE | Self::BIT_STATE | Self::BIT_OUTLIVED) == sampled
    }

    /// A local span of a trace that is not recorded, without a trace state.
    #[inline]
    pub(super) fn is_plain_unsampled(&self) -> bool {
        let sampled = u64::from(TraceFlags::SAMPLED.0);
        let recorded = u64::from(TraceFlags::RECORDED.0);
        let other = Self::BIT_REMOTE | Self::BIT_STATE | Self::BIT_OUTLIVED;
        self.span != 0 && self.bits & (sampled | recorded | other) == 0
    }
}

/// Used spans of the `opentelemetry` API that a thread keeps.
#[cfg(feature = "otel")]
const LEAN_KEPT: usize = 64;

/// What the fast way keeps per thread.
pub(super) struct Hot {
    /// The recorder whose ring this is; zero: none, or the thread records nothing.
    pub(super) recorder: u64,
    /// The recorder that is used when none is named; zero: to be looked up.
    pub(super) default: u64,
    pub(super) lent: Option<(&'static Slot, &'static Ring)>,
    pub(super) producer: Producer,
    pub(super) ids: IdGenerator,
    /// The active spans; the innermost lies at `depth`, and below the outermost there is none. What lies above is left
    /// over. Freed by [`Hot::tear_down`].
    pub(super) active: ManuallyDrop<Vec<Active>>,
    pub(super) depth: usize,
    /// Spans that are not active any more although nobody left them; see [`super::outlived`]. Freed with the active ones.
    pub(super) aside: ManuallyDrop<Vec<Active>>,
    /// Outlived spans that were found innermost, and when, in Unix seconds. Freed too.
    pub(super) doubtful: ManuallyDrop<Vec<(u64, u64)>>,
    /// Used spans of the `opentelemetry` API. Freed too.
    #[cfg(feature = "otel")]
    #[allow(clippy::vec_box, reason = "a span goes from owner to owner and is too large to be moved")]
    lean: ManuallyDrop<Vec<Box<super::otel::Lean>>>,
    torn_down: bool,
}

thread_local! {
    static HOT: RefCell<Hot> = const { RefCell::new(Hot::NEW) };
}

/// Runs with the state; `None` within itself.
#[inline(always)]
pub(super) fn with_hot<R>(f: impl FnOnce(&mut Hot) -> R) -> Option<R> {
    with_hot_as_it_is(|h| {
        h.settle_counted();
        f(h)
    })
}

/// The same, but spans may have been counted that are not among the active ones yet. Above a span that is recorded
/// there are none, if it is the innermost.
#[inline(always)]
pub(super) fn with_hot_as_it_is<R>(f: impl FnOnce(&mut Hot) -> R) -> Option<R> {
    HOT.with(|h| h.try_borrow_mut().ok().map(|mut h| f(&mut h)))
}

impl Hot {
    const NEW: Self = Self {
        recorder: 0,
        default: 0,
        lent: None,
        producer: Producer::NONE,
        ids: IdGenerator::UNSEEDED,
        active: ManuallyDrop::new(Vec::new()),
        depth: 0,
        aside: ManuallyDrop::new(Vec::new()),
        doubtful: ManuallyDrop::new(Vec::new()),
        #[cfg(feature = "otel")]
        lean: ManuallyDrop::new(Vec::new()),
        torn_down: false,
    };

    /// Uses this ring from now on.
    pub(super) fn load(&mut self, recorder: u64, lent: (&'static Slot, &'static Ring), producer: Producer) {
        self.ids.seed();
        (self.recorder, self.lent, self.producer) = (recorder, Some(lent), producer);
    }

    /// Uses no ring from now on; the writer's side goes back to the lease.
    pub(super) fn unload(&mut self) -> Producer {
        (self.recorder, self.default, self.lent) = (0, 0, None);
        std::mem::replace(&mut self.producer, Producer::NONE)
    }

    /// The thread ends: nothing becomes active any more.
    pub(super) fn tear_down(&mut self) {
        (self.torn_down, self.depth) = (true, 0);
        (*self.active, *self.aside, *self.doubtful) = (Vec::new(), Vec::new(), Vec::new());
        #[cfg(feature = "otel")]
        {
            *self.lean = Vec::new();
        }
    }

    /// A used span of the `opentelemetry` API.
    #[cfg(feature = "otel")]
    #[inline]
    pub(super) fn take_lean(&mut self) -> Option<Box<super::otel::Lean>> {
        self.lean.pop()
    }

    /// Keeps one for the next, or returns it.
    #[cfg(feature = "otel")]
    #[inline]
    pub(super) fn keep_lean(&mut self, lean: Box<super::otel::Lean>) -> Option<Box<super::otel::Lean>> {
        if self.torn_down || self.lean.len() >= LEAN_KEPT {
            return Some(lean);
        }
        self.lean.push(lean);
        None
    }

    /// The innermost active span.
    #[inline(always)]
    pub(super) fn innermost(&self) -> Active {
        self.active.get(self.depth).copied().unwrap_or(Active::NONE)
    }

    /// Where the next active span goes, if there is a place ready for it.
    #[inline(always)]
    pub(super) fn next_place(&mut self) -> Option<(usize, &mut Active)> {
        let place = self.depth + 1;
        self.active.get_mut(place).map(|free| (place, free))
    }

    /// What was written to the [`Hot::next_place`] is active from now on.
    #[inline(always)]
    pub(super) fn enter_next(&mut self) {
        self.depth += 1;
    }

    /// The same as [`Hot::enter`], from registers if there is a place ready.
    #[cfg(feature = "tracing")]
    #[inline(always)]
    pub(super) fn enter_words(&mut self, span: Active) -> usize {
        let Some((place, own)) = self.next_place() else { return self.enter(span) };
        *own = span;
        self.enter_next();
        place
    }

    /// Makes a span the active one, and returns where it lies.
    pub(super) fn enter(&mut self, span: Active) -> usize {
        if self.torn_down {
            return NOWHERE;
        }
        let place = self.depth + 1;
        if place >= self.active.len() {
            // As many again, and at first a few.
            self.active.resize((2 * place).max(32), Active::NONE);
        }
        self.active[place] = span;
        self.depth = place;
        place
    }

    /// From now on counts the children of the innermost span, if that is all that has to be done for them.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_counting(&mut self) {
        self.settle_counted();
        if let Some((slot, _)) = self.lent
            && self.innermost().is_plain_unsampled()
        {
            quiet::begin(self.recorder, self.default, slot, self.depth);
        }
    }

    /// Gives an identity to the open spans that were only counted.
    #[inline(always)]
    pub(super) fn settle_counted(&mut self) {
        if quiet::is_counting() {
            self.settle();
        }
    }

    #[cold]
    #[inline(never)]
    fn settle(&mut self) {
        let mut above = self.innermost();
        for mark in quiet::end() {
            above.span = self.ids.span_id_of(mark.to_bits()).to_u64();
            self.enter(above);
        }
    }

    pub(super) fn entered(&self) -> &[Active] {
        self.active.get(1..=self.depth).unwrap_or_default()
    }

    /// The active span at this place; looked for if others were left out of order.
    pub(super) fn find(&self, place: usize, span: u64) -> Option<Active> {
        let here = self.active.get(place).filter(|a| place <= self.depth && a.span == span);
        let others = || self.entered().iter().rfind(|a| a.span == span).or_else(|| self.set_aside(span));
        here.or_else(others).copied()
    }

    /// An active span has said whose it is.
    pub(super) fn set_tenant(&mut self, span: u64, tenant: TenantTag) {
        let entered = self.active.get_mut(1..=self.depth).unwrap_or_default();
        let aside = self.aside.iter_mut();
        if let Some(active) = aside.chain(entered).rfind(|a| a.span == span) {
            *active = active.of_tenant(tenant);
        }
    }

    /// Ends what [`Hot::enter`] began. Usually it is the innermost; guards may be dropped in another order, and a
    /// `tracing` span may be left while an inner one is entered.
    #[inline(always)]
    pub(super) fn leave(&mut self, place: usize, span: u64) {
        // Only a word is read: to read the whole of what has just been written, in larger pieces, the machine waits.
        if place == self.depth && self.active.get(place).is_some_and(|a| a.span == span) {
            self.depth -= 1;
        } else {
            self.leave_in_disorder(span);
        }
    }
}

/// No place among the active spans.
pub(super) const NOWHERE: usize = usize::MAX;
