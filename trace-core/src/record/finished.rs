//! Spans that were recorded elsewhere and have ended.

use std::sync::atomic::Ordering;

use super::current::with_local;
use super::recorder::Recorder;
use crate::batch::Columns;

impl Recorder {
    /// Takes a span that has ended. `write` adds exactly one row with its times in Unix nanoseconds, or answers
    /// `false` if the span cannot be kept; it runs under the thread's lock, so it must not call users' code.
    ///
    /// Never waits for anybody. What does not fit is counted, as for a span that is started here.
    pub(crate) fn record_finished(&self, write: impl FnOnce(&mut Columns) -> bool) {
        if !self.is_open() {
            self.0.elsewhere.after_shutdown.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let slot = with_local(|l| self.slot(l)).unwrap_or(self.0.fallback);
        let mut chunk = slot.lock();
        if !slot.has_room(&mut chunk) || !slot.has_room_for_edit(&mut chunk) {
            chunk.dropped += 1;
            return;
        }
        if write(&mut chunk.columns) {
            chunk.started += 1;
            chunk.ended += 1;
        } else {
            self.0.elsewhere.invalid.fetch_add(1, Ordering::Relaxed);
        }
    }
}
