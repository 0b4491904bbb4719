//! What the fast way of [`span!`](crate::span) keeps per thread: state that needs no destructor, so that it is reached
//! without a check.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use super::chunk::Slot;
use super::id_gen::IdGenerator;
use super::ring::Ring;
use super::ring_writer::Producer;
use crate::model::{SpanContext, SpanId, TenantTag, TraceFlags, TraceId, TraceState};

/// The identity of an active span.
#[derive(Clone, Copy)]
pub(super) struct Active {
    /// High half first; zero if no span is active.
    pub(super) trace: [u64; 2],
    pub(super) span: u64,
    /// The trace flags in the lowest byte, the `BIT`s, and the tenant from [`Active::TENANT`] on.
    pub(super) bits: u64,
}

impl Active {
    const NONE: Self = Self { trace: [0; 2], span: 0, bits: 0 };
    pub(super) const BIT_REMOTE: u64 = 1 << 8;
    /// The trace state is not empty; the whole context lies with the thread's other state.
    pub(super) const BIT_STATE: u64 = 1 << 9;
    const TENANT: u32 = 16;

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
        self.bits & (sampled | Self::BIT_REMOTE | Self::BIT_STATE) == sampled
    }

    /// A local span of a trace that is not recorded, without a trace state.
    #[inline]
    pub(super) fn is_plain_unsampled(&self) -> bool {
        let sampled = u64::from(TraceFlags::SAMPLED.0);
        let recorded = u64::from(TraceFlags::RECORDED.0);
        self.span != 0 && self.bits & (sampled | recorded | Self::BIT_REMOTE | Self::BIT_STATE) == 0
    }
}

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
    active: ManuallyDrop<Vec<Active>>,
    depth: usize,
    torn_down: bool,
}

thread_local! {
    static HOT: RefCell<Hot> = const { RefCell::new(Hot::NEW) };
}

/// Runs with the state; `None` within itself.
#[inline(always)]
pub(super) fn with_hot<R>(f: impl FnOnce(&mut Hot) -> R) -> Option<R> {
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
        *self.active = Vec::new();
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

    fn entered(&self) -> &[Active] {
        self.active.get(1..=self.depth).unwrap_or_default()
    }

    /// The active span at this place; looked for if others were left out of order.
    pub(super) fn find(&self, place: usize, span: u64) -> Option<Active> {
        let here = self.active.get(place).filter(|a| place <= self.depth && a.span == span);
        here.or_else(|| self.entered().iter().rfind(|a| a.span == span)).copied()
    }

    /// An active span has said whose it is.
    pub(super) fn set_tenant(&mut self, span: u64, tenant: TenantTag) {
        let entered = self.active.get_mut(1..=self.depth).unwrap_or_default();
        if let Some(active) = entered.iter_mut().rfind(|a| a.span == span) {
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

    #[cold]
    #[inline(never)]
    fn leave_in_disorder(&mut self, span: u64) {
        if let Some(at) = self.entered().iter().rposition(|a| a.span == span) {
            self.active.remove(at + 1);
            self.depth -= 1;
        }
    }
}

/// No place among the active spans.
pub(super) const NOWHERE: usize = usize::MAX;
