//! Where the open spans of one shard lie while nothing was done to them but entering and leaving: in words that every
//! thread can read without a lock.
//!
//! One thread alone makes spans here, so that it claims a place with plain stores; any thread may close them. What a
//! place says of its span does not change: a span that is changed becomes a draft (see [`super::lean`]).
//!
//! The pipeline reads the places, too, for the report of open spans: see [`super::open_places`].

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence};

use crate::record::chunk::Slot;
use crate::record::hot::Active;
use crate::record::ring::Word;
use crate::record::ring_header;

/// Spans that may be open in one shard at a time; others are drafts.
const PLACES: usize = 64;
/// Words of the largest span.
pub(super) const WORDS: usize = 64;

/// The places of one shard.
#[derive(Default)]
pub(in crate::record) struct Arena {
    /// The number of the thread that makes spans here; zero if none does.
    owner: AtomicU64,
    places: Places,
}

struct Places([Place; PLACES]);

impl Default for Places {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Place::default()))
    }
}

/// The place of one span.
pub(super) struct Place {
    /// The id that the subscriber gave to the span; zero if there is none.
    pub(super) id: AtomicU64,
    /// What the span is: [`LEAN`], [`DRAFT`] or [`OTHER_DRAFT`].
    state: AtomicU8,
    /// Somebody has seen the identity.
    pub(super) seen: AtomicBool,
    /// When the span was left last; zero before that.
    pub(super) left: AtomicU64,
    /// The start record that it would be in a ring.
    pub(super) words: [Word; WORDS],
}

/// The place says everything of its span.
const LEAN: u8 = 0;
/// The span was changed: it is a draft now, and of the place only its start and [`Place::left`] still count.
const DRAFT: u8 = 1;
/// The same, and it is not the span that began here any more, for it has got another parent.
const OTHER_DRAFT: u8 = 2;

impl Default for Place {
    fn default() -> Self {
        Self {
            id: AtomicU64::new(0),
            state: AtomicU8::new(LEAN),
            seen: AtomicBool::new(false),
            left: AtomicU64::new(0),
            words: std::array::from_fn(|_| Word::new(0)),
        }
    }
}

thread_local! {
    /// The number of this thread: zero before it has one, [`NOBODY`] when it ends.
    static THREAD: Cell<u64> = const { Cell::new(0) };
    static OWNED: Owned = const { Owned(RefCell::new(Vec::new())) };
}

const NOBODY: u64 = u64::MAX;
static NEXT_THREAD: AtomicU64 = AtomicU64::new(1);

/// The shards of this thread, which go to others when it ends.
struct Owned(RefCell<Vec<&'static Slot>>);

impl Drop for Owned {
    fn drop(&mut self) {
        let thread = THREAD.replace(NOBODY);
        for slot in self.0.get_mut().drain(..) {
            if slot.arena().is_of(thread) {
                slot.arena().owner.store(0, Ordering::Release);
            }
        }
    }
}

impl Arena {
    fn is_of(&self, thread: u64) -> bool {
        self.owner.load(Ordering::Relaxed) == thread
    }

    /// A place for a span of this id, if the calling thread makes spans here, and it is free.
    #[inline]
    pub(super) fn free_place(&self, slot: &'static Slot, id: u64) -> Option<&Place> {
        if !self.is_of(THREAD.get()) && !self.take_over(slot) {
            return None;
        }
        let place = &self.places.0[id as usize % PLACES];
        place.is_free().then_some(place)
    }

    /// Lets the calling thread make spans here, unless another does.
    #[cold]
    fn take_over(&self, slot: &'static Slot) -> bool {
        if self.owner.load(Ordering::Relaxed) != 0 || THREAD.get() == NOBODY {
            return false;
        }
        if THREAD.get() == 0 {
            THREAD.set(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
        }
        let thread = THREAD.get();
        OWNED
            .try_with(|owned| {
                let Ok(mut owned) = owned.0.try_borrow_mut() else { return false };
                owned.retain(|slot| slot.arena().is_of(thread));
                let taken =
                    self.owner.compare_exchange(0, thread, Ordering::Acquire, Ordering::Relaxed).is_ok();
                if taken {
                    owned.push(slot);
                }
                taken
            })
            .unwrap_or(false)
    }

    /// The place of an open span.
    #[inline]
    pub(super) fn place(&self, id: u64) -> Option<&Place> {
        let place = &self.places.0[id as usize % PLACES];
        (place.id.load(Ordering::Acquire) == id).then_some(place)
    }

    /// All places, used or not.
    pub(super) fn places(&self) -> &[Place] {
        &self.places.0
    }

    /// Forgets everything: nobody uses the shard any more.
    pub(super) fn clear(&self) {
        self.places.0.iter().for_each(Place::free);
        self.owner.store(0, Ordering::Release);
    }
}

impl Place {
    /// Whether a span may be written here, which is not shown yet.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        let is_free = self.id.load(Ordering::Acquire) == 0;
        // Whoever reads something of the next span sees at its second look that the one before is gone.
        fence(Ordering::Release);
        is_free
    }

    /// Shows the span that has been written here.
    #[inline]
    pub(super) fn show(&self, id: u64) {
        self.state.store(LEAN, Ordering::Relaxed);
        self.seen.store(false, Ordering::Relaxed);
        self.left.store(0, Ordering::Relaxed);
        self.id.store(id, Ordering::Release);
    }

    /// The span is closed.
    #[inline]
    pub(super) fn free(&self) {
        self.id.store(0, Ordering::Release);
    }

    /// Whether it says everything of its span.
    #[inline]
    pub(super) fn is_lean(&self) -> bool {
        self.state.load(Ordering::Acquire) == LEAN
    }

    /// From now on the span is a draft.
    pub(super) fn becomes_draft(&self) {
        self.state.store(DRAFT, Ordering::Release);
    }

    /// The draft has got another identity, and says itself that it is open.
    pub(super) fn becomes_other(&self) {
        self.state.store(OTHER_DRAFT, Ordering::Release);
    }

    /// Whether the span that began here is open, if there is one.
    pub(super) fn is_of_its_span(&self) -> bool {
        self.state.load(Ordering::Relaxed) != OTHER_DRAFT
    }

    #[inline]
    pub(super) fn word(&self, at: usize) -> u64 {
        self.words[at % WORDS].load(Ordering::Relaxed)
    }

    /// The identity of the span.
    #[inline]
    pub(super) fn identity(&self) -> Active {
        let bits = ring_header::active(self.word(0));
        Active { trace: [self.word(3), self.word(4)], span: self.word(5), bits }
    }
}
