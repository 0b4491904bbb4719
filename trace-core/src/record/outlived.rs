//! Guards that outlive those around them, and those that were forgotten.
//!
//! Nothing tells a guard that was leaked (`mem::forget`, a cycle of counted references) from one that somebody still
//! holds: it is a value that may lie anywhere. What can be seen is the order in which guards go. One that outlives the
//! guard around it is usual: `step = span!("next")` makes the new one first. So it stays the parent of what
//! follows, with two exceptions, after which it is set aside: it also outlives the next guard around it, or it is found as
//! the innermost of its thread for longer than [`open_too_long`](super::RecorderBuilder::open_too_long).
//!
//! A span that was set aside is merely not active any more; if its guard lives after all, it ends as ever. The outermost
//! guard of a thread has none around it and is left alone: a forgotten one looks exactly like that of a `main` that
//! works for hours, whose children must stay its children. It is reported in [`super::OpenSpans`].
//!
//! The `opentelemetry` API keeps the context of a forgotten guard for ever: only the guard can detach it. A span that was set aside is
//! passed over where a parent is looked for, through all doors; what a propagator of the API injects from its current
//! context with no other span entered, names it still.

use std::time::Duration;

use super::hot::{Active, Hot, with_hot};
use super::recorder::Recorder;
use crate::clock::Clock;

/// Spans that are kept aside for their ends. More of one thread cannot lie in a ring at the same time, and others end
/// without this.
const MOST: usize = 16_384;

impl Hot {
    /// Leaves a span that is not the innermost, or not active any more.
    #[cold]
    #[inline(never)]
    pub(super) fn leave_in_disorder(&mut self, span: u64) {
        self.settle_counted();
        let Some(at) = self.entered().iter().rposition(|a| a.span == span) else {
            self.aside.retain(|a| a.span != span);
            return;
        };
        // Below the outermost there is an empty one.
        self.active.remove(at + 1);
        self.depth -= 1;
        for place in (at + 1..=self.depth).rev() {
            if self.active[place].is_outlived() {
                self.put_aside(place);
            } else {
                self.active[place].bits |= Active::BIT_OUTLIVED;
            }
        }
    }

    fn put_aside(&mut self, place: usize) {
        let span = self.active.remove(place);
        self.depth -= 1;
        if self.aside.len() == MOST {
            self.aside.swap_remove(0);
        }
        self.aside.push(span);
    }

    /// A span that was set aside.
    #[cold]
    pub(super) fn set_aside(&self, span: u64) -> Option<&Active> {
        self.aside.iter().rfind(|a| a.span == span)
    }

    /// Sets innermost spans aside that have been outlived for too long.
    #[cold]
    fn put_old_ones_aside(&mut self, clock: &Clock, limit: Duration) {
        let now = clock.now().unix_nanos() / 1_000_000_000;
        while self.innermost().is_outlived() {
            let span = self.innermost().span;
            match self.doubtful.iter().rfind(|(doubtful, _)| *doubtful == span) {
                Some((_, since)) if Duration::from_secs(now.saturating_sub(*since)) > limit => {
                    self.put_aside(self.depth);
                }
                Some(_) => return,
                None => {
                    let entered = self.active.get(1..=self.depth).unwrap_or_default();
                    self.doubtful.retain(|(doubtful, _)| entered.iter().any(|a| a.span == *doubtful));
                    self.doubtful.push((span, now));
                    return;
                }
            }
        }
    }
}

impl Active {
    fn is_outlived(&self) -> bool {
        self.bits & Self::BIT_OUTLIVED != 0
    }
}

/// Whether a span is active no more although nobody left it.
#[cfg(feature = "otel")]
#[inline]
pub(super) fn is_set_aside(span: u64) -> bool {
    with_hot(|h| !h.aside.is_empty() && h.set_aside(span).is_some()).unwrap_or(false)
}

/// Called where a span is about to become a child of the innermost one, not on the fast way: below an outlived one no span takes
/// that.
#[inline]
pub(super) fn heal(recorder: &Recorder) {
    with_hot(|h| {
        if h.innermost().is_outlived() {
            h.put_old_ones_aside(&recorder.0.clock, recorder.0.open_too_long);
        }
    });
}

#[cfg(test)]
#[path = "outlived_tests.rs"]
mod tests;
