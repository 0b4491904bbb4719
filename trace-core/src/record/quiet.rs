//! Spans that are not recorded, while nobody asks for their identity: a number each.
//!
//! Below an active span that is not sampled, its children are not sampled either. Most of them are only started and
//! ended. Such a child is a step of a counter; when anybody looks at the active spans, those that are open become
//! entries with ids, and from then on they are like others ([`Hot::settle`](super::hot::Hot)).

use std::cell::Cell;
use std::num::NonZeroU64;

use super::Callsite;
use super::chunk::Slot;
use super::recorder::Recorder;
use super::ring_span::RingSpan;

/// Tells the quiet spans of a thread apart: which time it began to count, and the place among its active spans.
/// Never zero. It fits into 48 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(NonZeroU64);

impl Mark {
    const PLACE_BITS: u32 = 16;
    const TIMES: u64 = u32::MAX as u64;

    /// The place that it has unless spans are left out of order.
    pub(super) fn place(self) -> usize {
        (self.0.get() & ((1 << Self::PLACE_BITS) - 1)) as usize
    }

    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self)
    }

    /// As one number of 48 bits.
    pub(super) fn to_bits(self) -> u64 {
        self.0.get()
    }
}

/// What is counted on a thread.
struct Quiet {
    /// The recorder whose spans are; [`NOBODY`] if none are.
    recorder: Cell<u64>,
    /// The recorder that is used when none is named.
    default: Cell<u64>,
    /// The calling thread's of that recorder.
    slot: Cell<Option<&'static Slot>>,
    /// Where counting began.
    base: Cell<u64>,
    /// The mark of the innermost span; zero while nothing is counted.
    innermost: Cell<u64>,
    times: Cell<u64>,
}

/// Not the number of a recorder.
const NOBODY: u64 = u64::MAX;

thread_local! {
    static QUIET: Quiet = const {
        Quiet {
            recorder: Cell::new(NOBODY),
            default: Cell::new(0),
            slot: Cell::new(None),
            base: Cell::new(0),
            innermost: Cell::new(0),
            times: Cell::new(0),
        }
    };
}

/// Starts a span, if spans of this recorder are being counted. One that may name a tenant is not: its children inherit
/// that.
#[inline(always)]
pub(super) fn enter(recorder: Option<&Recorder>, callsite: &'static Callsite) -> Option<RingSpan> {
    QUIET.with(|q| {
        let counted = q.recorder.get();
        if recorder.map_or_else(|| q.default.get(), |r| r.0.id) != counted {
            return None;
        }
        callsite.plain_number()?;
        let mark = Mark(NonZeroU64::new(q.innermost.get() + 1)?);
        if mark.place() == 0 {
            return None;
        }
        let slot = q.slot.get()?;
        q.innermost.set(mark.0.get());
        Some(RingSpan::counted(slot, mark))
    })
}

/// Ends the innermost span; `false` if it is another, or has become an entry.
#[inline(always)]
pub(super) fn leave(mark: Mark) -> bool {
    QUIET.with(|q| {
        let is_innermost = q.innermost.get() == mark.0.get();
        if is_innermost {
            q.innermost.set(mark.0.get() - 1);
        }
        is_innermost
    })
}

/// Counts spans of this recorder from now on, above the active span at `place`.
pub(super) fn begin(recorder: u64, default: u64, slot: &'static Slot, place: usize) {
    QUIET.with(|q| {
        if place >> Mark::PLACE_BITS != 0 {
            return;
        }
        let times = (q.times.get() + 1) & Mark::TIMES;
        let base = times.max(1) << Mark::PLACE_BITS | place as u64;
        q.times.set(times);
        q.recorder.set(recorder);
        q.default.set(default);
        q.slot.set(Some(slot));
        q.base.set(base);
        q.innermost.set(base);
    });
}

/// Whether spans are being counted.
#[inline(always)]
pub(super) fn is_counting() -> bool {
    QUIET.with(|q| q.innermost.get() != 0)
}

/// Counts no more; the marks of the open spans, the outermost first.
pub(super) fn end() -> impl Iterator<Item = Mark> {
    let (base, innermost) = QUIET.with(|q| {
        q.recorder.set(NOBODY);
        q.default.set(0);
        (q.base.get(), q.innermost.replace(0))
    });
    (base + 1..=innermost).filter_map(NonZeroU64::new).map(Mark)
}

#[cfg(test)]
mod tests {
    use crate::model::{SpanContext, TraceId};
    use crate::record::{Drain, InSpan, Recorder, current_context};
    use crate::sample::{AlwaysOff, ParentBased};
    use crate::{async_span, span};

    fn recorder() -> (Recorder, Drain) {
        Recorder::builder().sampler(ParentBased::new(AlwaysOff)).build()
    }

    fn active() -> SpanContext {
        current_context().expect("a span is active")
    }

    #[test]
    fn spans_that_were_only_counted_have_an_identity_as_soon_as_one_is_asked_for() {
        let (r, _drain) = recorder();
        let root = span!(recorder: &r, "root");
        drop(span!(recorder: &r, "earlier"));
        let outer = span!(recorder: &r, "outer", n = 1);
        let inner = span!(recorder: &r, "inner");
        let context = active();
        assert!(!context.is_sampled());
        assert_eq!(context.trace_id, root.context().unwrap().trace_id);
        assert_eq!(inner.context(), Some(&context));
        let ids = [&root, &outer, &inner].map(|s| s.context().unwrap().span_id);
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
        drop(inner);
        assert_eq!(active().span_id, ids[1]);
        drop(outer);
        assert_eq!(active().span_id, ids[0]);
        // Counted again, they are other spans.
        let next = span!(recorder: &r, "next");
        assert!(!ids.contains(&next.context().unwrap().span_id));
        drop((next, root));
        assert_eq!(current_context(), None);
    }

    #[test]
    fn guards_dropped_in_any_order_leave_the_right_span_active() {
        // All orders of four spans, each with a look at the identities at one of the moments, or never.
        for order in 0..24 {
            for look in 0..6 {
                let (r, _drain) = recorder();
                let root = span!(recorder: &r, "root");
                let mut guards: Vec<_> = (0..4).map(|_| Some(span!(recorder: &r, "child"))).collect();
                let mut ids = [None; 4];
                let (mut open, mut rest) = (vec![0, 1, 2, 3], order);
                // The innermost that is still active: one that outlives two guards around it is set aside.
                let innermost = |open: &[usize]| {
                    let outlived = |at: usize| (0..at).filter(|below| !open.contains(below)).count();
                    open.iter().copied().rfind(|at| outlived(*at) < 2)
                };
                for moment in 0..4 {
                    if look == moment {
                        for at in &open {
                            ids[*at] = guards[*at].as_ref().and_then(|g| g.context()).map(|c| c.span_id);
                        }
                        let at = innermost(&open);
                        let expected = at.map_or(root.context().map(|c| c.span_id), |at| ids[at]);
                        assert_eq!(Some(active().span_id), expected, "order {order}, look {look}");
                    }
                    let gone = open.remove(rest % open.len());
                    rest /= open.len() + 1;
                    guards[gone] = None;
                    if look <= moment {
                        let at = innermost(&open);
                        let expected = at.map_or(root.context().map(|c| c.span_id), |at| ids[at]);
                        assert_eq!(Some(active().span_id), expected, "order {order}, look {look}");
                    }
                }
                drop(root);
                assert_eq!(current_context(), None, "order {order}, look {look}");
            }
        }
    }

    #[test]
    fn other_recorders_and_doors_are_children_of_a_counted_span() {
        let (r, mut drain) = recorder();
        let (other, mut recorded) = Recorder::builder().build();
        let root = span!(recorder: &r, "root");
        let counted = span!(recorder: &r, "counted");
        let detached = async_span!(recorder: &r, "detached");
        let foreign = span!(recorder: &other, "foreign");
        for child in [detached.context(), foreign.context()] {
            assert_eq!(child.unwrap().trace_id, root.context().unwrap().trace_id);
        }
        assert_ne!(foreign.context(), counted.context());
        // A trace of its own is recorded, and what lies below it is not counted.
        let trace =
            SpanContext::new(TraceId::from_random(7), active().span_id, crate::model::TraceFlags::SAMPLED);
        let sampled = r.span("sampled").parent(trace.clone()).enter();
        let below = span!(recorder: &r, "below");
        assert!(below.is_recording());
        drop((below, sampled));
        assert_eq!(current_context().as_ref(), foreign.context());
        drop((foreign, detached, counted, root));
        assert_eq!(drain.drain().len(), 2);
        assert_eq!(recorded.drain().len(), 0);
    }

    #[tokio::test]
    async fn a_task_that_leaves_its_span_leaves_what_was_counted_below_it() {
        let (r, _drain) = recorder();
        let task = async_span!(recorder: &r, "task");
        let id = task.context().unwrap().span_id;
        async {
            let inner = span!(recorder: &r, "inner");
            drop(inner);
            assert_eq!(active().span_id, id);
        }
        .in_span(task)
        .await;
        assert_eq!(current_context(), None);
    }

    #[test]
    fn spans_are_counted_for_one_recorder_and_the_default_only_while_it_is_that() {
        let (r, _drain) = recorder();
        let default = r.set_thread_default();
        let root = span!("root");
        drop(span!("counted"));
        drop(default);
        assert_eq!(span!("nobody listens").context(), None);
        drop(span!(recorder: &r, "counted again"));
        drop(root);
        assert_eq!((r.counts().started, r.counts().after_shutdown), (0, 0));
    }
}
