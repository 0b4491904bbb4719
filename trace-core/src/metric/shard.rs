//! Counters that threads add to without sharing a cache line.
//!
//! Each thread is given a shard by turn. Threads that share one stay exact, because every update is atomic; a
//! thread that ends leaves its total behind.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Words in a line: 64 bytes, the cache line of the machines that we run on.
const LINE: usize = 8;
/// More shards cost memory for every series, and gain little.
const MAX_SHARDS: usize = 8;

#[repr(align(64))]
#[derive(Default)]
struct Line([AtomicU64; LINE]);

/// A row of words for each shard.
pub(super) struct Shards {
    lines: Box<[Line]>,
    lines_per_shard: usize,
    mask: usize,
}

/// The words of one shard.
#[derive(Clone, Copy)]
pub(super) struct Shard<'a>(&'a [Line]);

impl Shards {
    /// `words` zeros for each of `shards`, which must be a power of two.
    pub(super) fn new(words: usize, shards: usize) -> Self {
        debug_assert!(shards.is_power_of_two());
        let lines_per_shard = words.div_ceil(LINE).max(1);
        let lines = (0..lines_per_shard * shards).map(|_| Line::default()).collect();
        Self { lines, lines_per_shard, mask: shards - 1 }
    }

    /// The shard of the calling thread.
    #[inline]
    pub(super) fn mine(&self) -> Shard<'_> {
        let start = (thread_number() & self.mask) * self.lines_per_shard;
        Shard(&self.lines[start..start + self.lines_per_shard])
    }

    /// All shards.
    pub(super) fn iter(&self) -> impl Iterator<Item = Shard<'_>> {
        self.lines.chunks(self.lines_per_shard).map(Shard)
    }
}

impl<'a> Shard<'a> {
    /// A word by its number, which must be below the `words` of [`Shards::new`].
    #[inline]
    pub(super) fn word(self, i: usize) -> &'a AtomicU64 {
        &self.0[i / LINE].0[i % LINE]
    }
}

/// How many shards suit this machine.
pub(super) fn suitable_shards() -> usize {
    thread::available_parallelism().map_or(1, usize::from).next_power_of_two().min(MAX_SHARDS)
}

#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) });
    NUMBER.with(|n| {
        if n.get() == usize::MAX {
            n.set(NEXT.fetch_add(1, Relaxed) & (usize::MAX >> 1));
        }
        n.get()
    })
}

/// Adds to a double that is kept as bits. `false` if the result would not be finite; nothing is changed then.
#[inline]
pub(super) fn add_f64(word: &AtomicU64, v: f64) -> bool {
    word.fetch_update(Relaxed, Relaxed, |bits| {
        let sum = f64::from_bits(bits) + v;
        sum.is_finite().then_some(sum.to_bits())
    })
    .is_ok()
}

/// Replaces a double that is kept as bits while `v` is better than it.
#[inline]
pub(super) fn replace_f64_if(word: &AtomicU64, v: f64, better: impl Fn(f64, f64) -> bool) {
    // The common case is that nothing changes: a plain load is all it costs then.
    if better(v, f64::from_bits(word.load(Relaxed))) {
        let _ = word
            .fetch_update(Relaxed, Relaxed, |bits| better(v, f64::from_bits(bits)).then_some(v.to_bits()));
    }
}
