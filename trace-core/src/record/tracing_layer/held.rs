//! The open spans of a layer.
//!
//! A span is found by the id that the subscriber gave it, from any thread, so a table is shared. It is split by
//! the part of the id in which `tracing_subscriber::Registry` keeps the thread that made the span: usually a thread
//! finds its own shard to itself. A shard is a [`Slot`], and its lock is also the one under which an ended span is
//! written: a span takes one lock at each of its steps. With a subscriber that makes ids otherwise, threads may meet in
//! one shard, and wait for each other for as long as it takes to copy a span.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::OnceLock;

use crate::record::chunk::{Chunk, Slot};
use crate::record::draft::Draft;
use crate::record::id_hasher::IdHasher;
use crate::record::recorder::Recorder;

/// Open spans by id. Boxes, for moving what has just been written costs more than writing it.
pub(in crate::record) type Held = HashMap<u64, Box<Draft>, BuildHasherDefault<IdHasher>>;

/// What is kept with an open span besides what will be written.
#[derive(Clone, Copy, Default)]
pub(in crate::record) struct HeldState {
    /// Whether the span is recorded. One that is not may still get a parent that says otherwise.
    pub(super) recorded: bool,
    /// Whether the fields of a span that is not recorded are known.
    pub(super) complete: bool,
    /// Whether anybody has seen the identity, so that it cannot change any more.
    pub(super) seen: bool,
    /// When the span was left last; zero before that.
    pub(super) left: u64,
}

/// As many as threads that are expected to record at the same time, or a few times fewer.
const SHARDS: usize = 64;
/// Where `sharded_slab`, on which the registry is built, keeps the thread in an id.
const THREAD_BITS: u32 = 38;

/// The open spans of one layer.
pub(super) struct Spans {
    pub(super) recorder: Recorder,
    shards: Box<[OnceLock<&'static Slot>; SHARDS]>,
}

impl Spans {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { recorder, shards: Box::new([const { OnceLock::new() }; SHARDS]) }
    }

    #[inline]
    pub(super) fn shard(&self, id: u64) -> &'static Slot {
        let shard = &self.shards[(id >> THREAD_BITS) as usize % SHARDS];
        shard.get_or_init(|| self.recorder.0.take_slot())
    }

    /// The shard of this id, if there is one already.
    #[inline]
    pub(super) fn known_shard(&self, id: u64) -> Option<&'static Slot> {
        self.shards[(id >> THREAD_BITS) as usize % SHARDS].get().copied()
    }

    /// Runs with the shard of this id, locked: nothing that runs user code may be done there.
    #[inline]
    pub(super) fn with<R>(&self, id: u64, f: impl FnOnce(&'static Slot, &mut Chunk) -> R) -> R {
        let slot = self.shard(id);
        f(slot, &mut slot.lock())
    }

    /// Runs with an open span, which is a draft from then on.
    #[inline]
    pub(super) fn with_span<R>(&self, id: u64, f: impl FnOnce(&'static Slot, &mut Draft) -> R) -> Option<R> {
        self.thicken(id);
        self.with(id, |slot, chunk| chunk.held.get_mut(&id).map(|draft| f(slot, draft)))
    }
}

impl Spans {
    /// Runs with an open span that is recorded.
    pub(super) fn with_recorded<R>(&self, id: u64, f: impl FnOnce(&mut Draft) -> R) -> Option<R> {
        self.with_span(id, |_, draft| draft.held.recorded.then(|| f(draft))).flatten()
    }
}

impl std::fmt::Debug for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spans").field("recorder", &self.recorder).finish_non_exhaustive()
    }
}

impl Drop for Spans {
    fn drop(&mut self) {
        for slot in self.shards.iter().filter_map(OnceLock::get) {
            let held = std::mem::take(&mut slot.lock().held);
            drop(held);
            slot.arena().clear();
            self.recorder.0.return_slot(slot);
        }
    }
}
