//! Whether this is still the process that the recorder was made in.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::chunk::{Chunk, Slot};
use super::recorder::{Recorder, RecorderCounts};
use super::ring::RingCounts;

/// The process that a recorder was made in. A child of `fork` inherits the memory but none of the threads.
pub(super) struct Home {
    process: AtomicU32,
    left: AtomicBool,
}

impl Home {
    pub(super) fn here() -> Self {
        Self { process: AtomicU32::new(std::process::id()), left: AtomicBool::new(false) }
    }
}

impl Recorder {
    /// The process that this recorder belongs to, if the calling one is another: a child that was made by `fork`
    /// without `exec`. It has none of the pipeline's threads, so nothing can be delivered from it; once this was found
    /// out, nothing is recorded there any more. Build another pipeline in the child.
    ///
    /// One system call. The recorder asks by itself when a thread records for the first time, and the pipeline at each
    /// flush, shutdown and look at the ledger.
    pub fn forked_from(&self) -> Option<u32> {
        let (home, left) = (&self.0.home.process, &self.0.home.left);
        let process = home.load(Ordering::Relaxed);
        if !left.load(Ordering::Relaxed) && process != std::process::id() {
            left.store(true, Ordering::Relaxed);
            self.close();
        }
        left.load(Ordering::Relaxed).then_some(process)
    }

    /// What can be counted without waiting: a lock that was held at the fork is held for ever.
    pub(crate) fn counts_without_waiting(&self) -> RecorderCounts {
        let mut c = RecorderCounts {
            after_shutdown: self.0.elsewhere.after_shutdown.load(Ordering::Relaxed),
            ..RecorderCounts::default()
        };
        let slots = match self.0.slots.try_lock() {
            Ok(slots) => slots.clone(),
            Err(std::sync::TryLockError::Poisoned(p)) => PoisonError::into_inner(p).clone(),
            Err(std::sync::TryLockError::WouldBlock) => return c,
        };
        slots.into_iter().for_each(|slot| slot.add_counts_without_waiting(&mut c));
        c
    }
}

impl Slot {
    /// Adds what was counted here.
    pub(super) fn add_counts(&self, c: &mut RecorderCounts) {
        c.started = c.started.wrapping_add(self.opened());
        self.lock().add_counts(c);
        if let Some(ring) = self.ring() {
            ring.counts().add_to(c);
        }
    }

    /// The same, without what somebody holds.
    fn add_counts_without_waiting(&self, c: &mut RecorderCounts) {
        c.started = c.started.wrapping_add(self.opened());
        if let Some(chunk) = self.try_lock() {
            chunk.add_counts(c);
        }
        if let Some(ring) = self.try_ring() {
            ring.counts().add_to(c);
        }
    }
}

impl Chunk {
    fn add_counts(&self, c: &mut RecorderCounts) {
        c.started = c.started.wrapping_add(self.started).wrapping_sub(self.refused);
        c.ended += self.ended;
        c.buffer_full += self.dropped;
        c.edits_dropped += self.edits_dropped;
    }
}

impl RingCounts {
    fn add_to(&self, c: &mut RecorderCounts) {
        c.started = c.started.wrapping_add(self.started);
        c.ended += self.ended;
        c.buffer_full += self.dropped;
    }
}
