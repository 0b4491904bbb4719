//! Numbers that threads add to without locked instructions and without sharing a cache line.
//!
//! A thread claims a number when it first records, and gives it back when it ends. The number names a shard that no
//! other living thread writes to, so a plain load and store is exact and costs a fraction of an atomic addition.
//! Threads that find no number left share the last shard, with atomic additions.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use super::cache;

/// Words in a line: 64 bytes, the cache line of the machines that we run on.
const LINE: usize = 8;
/// Numbers that threads can claim.
const MAX_CLAIMS: usize = 64;

#[repr(align(64))]
#[derive(Default)]
struct Line([AtomicU64; LINE]);

/// The words of a shard.
type Words = Arc<[Line]>;

/// A row of words for each thread that wrote to it.
///
/// Most series are written to by one thread alone: its shard lies here, those of further threads behind a pointer.
pub(super) struct Shards {
    /// The shard that was made first, and its number.
    first: OnceLock<(usize, Words)>,
    /// All others by number, made when a thread first writes. The last one is shared.
    others: OnceLock<Box<[OnceLock<Words>]>>,
    count: usize,
    words: usize,
    initial: fn(usize) -> u64,
}

/// A shard that the thread has for itself and keeps at hand, in its [`cache`](super::cache), which is emptied before
/// the thread gives its number back.
pub(super) struct Row(Words);

impl Row {
    #[inline(always)]
    pub(super) fn shard(&self) -> Shard<'_> {
        Shard { lines: &self.0, owned: true }
    }
}

/// The words of one shard.
#[derive(Clone, Copy)]
pub(super) struct Shard<'a> {
    lines: &'a [Line],
    /// Whether the calling thread alone writes to it.
    owned: bool,
}

impl Shards {
    /// `words` in each shard, with the initial value that depends on the number of the word; as many shards as
    /// [`suitable_shards`] said.
    pub(super) fn new(words: usize, shards: usize, initial: fn(usize) -> u64) -> Self {
        Self { first: OnceLock::new(), others: OnceLock::new(), count: shards.max(1), words, initial }
    }

    /// The shard of the calling thread.
    #[inline]
    pub(super) fn mine(&self) -> Shard<'_> {
        let last = self.count - 1;
        let number = my_number();
        Shard { lines: self.lines(number.min(last)), owned: number < last }
    }

    /// The same, to keep; `None` if it is not the thread's alone.
    pub(super) fn my_row(&self) -> Option<Row> {
        let number = my_number();
        (number < self.count - 1).then(|| Row(self.lines(number).clone()))
    }

    /// The shard of this number, which must be below the count.
    #[inline]
    fn lines(&self, number: usize) -> &Words {
        match self.first.get() {
            Some((first, lines)) if *first == number => lines,
            _ => self.other(number),
        }
    }

    #[inline(never)]
    fn other(&self, number: usize) -> &Words {
        let (first, lines) = self.first.get_or_init(|| (number, self.make()));
        if *first == number {
            return lines;
        }
        let others = self.others.get_or_init(|| (0..self.count).map(|_| OnceLock::new()).collect());
        others[number].get_or_init(|| self.make())
    }

    #[cold]
    fn make(&self) -> Words {
        let lines: Words = (0..self.words.div_ceil(LINE)).map(|_| Line::default()).collect();
        for i in 0..self.words {
            lines[i / LINE].0[i % LINE].store((self.initial)(i), Relaxed);
        }
        lines
    }

    /// The shards that were written to.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = Shard<'_>> {
        let others = self.others.get().into_iter().flat_map(|others| others.iter().filter_map(OnceLock::get));
        let all = self.first.get().map(|(_, lines)| lines).into_iter().chain(others);
        all.map(|lines| Shard { lines, owned: false })
    }

    /// One that was written to, if any was.
    #[inline]
    pub(super) fn any(&self) -> Option<Shard<'_>> {
        self.first.get().map(|(_, lines)| Shard { lines, owned: false })
    }
}

impl Shard<'_> {
    #[inline(always)]
    fn word(&self, i: usize) -> &AtomicU64 {
        &self.lines[i / LINE].0[i % LINE]
    }

    /// A word by its number, which must be below the `words` of [`Shards::new`]. Who reads a value sees everything
    /// that the writer wrote before it.
    #[inline(always)]
    pub(super) fn get(self, i: usize) -> u64 {
        self.word(i).load(Acquire)
    }

    /// The same as a double.
    pub(super) fn get_f64(self, i: usize) -> f64 {
        f64::from_bits(self.get(i))
    }

    /// Sets a word.
    #[inline(always)]
    pub(super) fn set(self, i: usize, v: u64) {
        self.word(i).store(v, Release);
    }

    /// Adds, wrapping.
    #[inline(always)]
    pub(super) fn add(self, i: usize, n: u64) {
        let word = self.word(i);
        if self.owned {
            word.store(word.load(Relaxed).wrapping_add(n), Release);
        } else {
            word.fetch_add(n, Release);
        }
    }

    /// Replaces a double by what `f` makes of it; `false` if that is nothing.
    #[inline(always)]
    pub(super) fn update_f64(self, i: usize, f: impl Fn(f64) -> Option<f64>) -> bool {
        let word = self.word(i);
        let new = |bits| f(f64::from_bits(bits)).map(f64::to_bits);
        // The common case of a minimum or maximum is that nothing changes: a plain load is all it costs then.
        let Some(next) = new(word.load(Relaxed)) else { return false };
        if self.owned {
            word.store(next, Release);
            true
        } else {
            word.fetch_update(Release, Relaxed, new).is_ok()
        }
    }
}

/// How many shards suit this machine: two threads a core have one of their own, all others share one.
pub(super) fn suitable_shards() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (2 * cores).clamp(4, MAX_CLAIMS) + 1
}

const UNKNOWN: usize = usize::MAX;
const NONE_LEFT: usize = usize::MAX - 1;
const ENDED: usize = usize::MAX - 2;

// Without a destructor, so that it can be read until the very end of the thread.
thread_local!(static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) });
thread_local!(static CLAIM: Claim = Claim::new());

/// The numbers that were given back; empty places above `next` were never claimed.
static FREE: Mutex<Free> = Mutex::new(Free { returned: BTreeSet::new(), next: 0 });

struct Free {
    returned: BTreeSet<usize>,
    next: usize,
}

/// Holds a number until the thread ends. The lock hands the shard's words over to the next thread.
struct Claim(usize);

impl Claim {
    fn new() -> Self {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        // The lowest first: registries on small machines have fewer shards than there are numbers.
        if let Some(number) = free.returned.pop_first() {
            return Self(number);
        }
        if free.next == MAX_CLAIMS {
            return Self(NONE_LEFT);
        }
        free.next += 1;
        Self(free.next - 1)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What the destructors of other thread-locals record from here on goes to the shared shard.
        NUMBER.set(ENDED);
        cache::tear_down();
        if self.0 != NONE_LEFT {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).returned.insert(self.0);
        }
    }
}

/// The place of the calling thread among `places`, of which the last is shared by the threads without a number.
#[inline]
pub(super) fn my_place(places: usize) -> usize {
    my_number().min(places.saturating_sub(1))
}

/// Whether the thread has given its number back already. If not, it certainly will, and tears down its cache.
pub(super) fn thread_ended() -> bool {
    my_number() == ENDED
}

#[inline]
fn my_number() -> usize {
    match NUMBER.get() {
        UNKNOWN => claim(),
        number => number,
    }
}

#[cold]
fn claim() -> usize {
    let number = CLAIM.try_with(|c| c.0).unwrap_or(ENDED);
    NUMBER.set(number);
    number
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn more_threads_than_numbers_lose_nothing() {
        const THREADS: usize = MAX_CLAIMS + 20;
        let shards = Shards::new(2, 5, |_| 0);
        let all_alive = Barrier::new(THREADS);
        for _ in 0..3 {
            thread::scope(|s| {
                for _ in 0..THREADS {
                    s.spawn(|| {
                        all_alive.wait();
                        for _ in 0..500 {
                            shards.mine().add(0, 1);
                            assert!(shards.mine().update_f64(1, |v| Some(v + 0.5)));
                        }
                    });
                }
            });
        }
        let total: u64 = shards.iter().map(|s| s.get(0)).sum();
        assert_eq!(total as usize, 3 * THREADS * 500);
        assert_eq!(shards.iter().map(|s| s.get_f64(1)).sum::<f64>(), total as f64 / 2.0);
    }

    #[test]
    fn living_threads_own_different_shards_and_a_number_is_used_again() {
        let shards = Shards::new(1, MAX_CLAIMS + 1, |_| 0);
        let both = Barrier::new(2);
        let numbers: Vec<usize> = thread::scope(|s| {
            let run = || {
                shards.mine().add(0, 1);
                both.wait();
                my_number()
            };
            [s.spawn(run), s.spawn(run)].map(|t| t.join().unwrap()).to_vec()
        });
        assert!(numbers[0] != numbers[1] || numbers[0] == NONE_LEFT);
        for _ in 0..2 * MAX_CLAIMS {
            thread::scope(|s| s.spawn(|| shards.mine().add(0, 1)).join().unwrap());
        }
        assert_eq!(shards.iter().map(|s| s.get(0)).sum::<u64>() as usize, 2 + 2 * MAX_CLAIMS);
    }

    #[test]
    fn a_destructor_that_records_at_the_end_of_the_thread_is_counted() {
        static KEPT_WHAT_IT_GAVE_BACK: AtomicBool = AtomicBool::new(false);
        struct Late(&'static Shards);
        impl Drop for Late {
            fn drop(&mut self) {
                let shard = self.0.mine();
                shard.add(0, 1);
                if CLAIM.try_with(|_| ()).is_err() && shard.owned {
                    KEPT_WHAT_IT_GAVE_BACK.store(true, Relaxed);
                }
            }
        }
        thread_local!(static LATE: Cell<Option<Late>> = const { Cell::new(None) });
        static SHARDS: OnceLock<Shards> = OnceLock::new();
        let shards = SHARDS.get_or_init(|| Shards::new(1, 5, |_| 0));
        for record_first in [false, true] {
            thread::spawn(move || {
                if record_first {
                    shards.mine().add(0, 1);
                }
                LATE.set(Some(Late(shards)));
                shards.mine().add(0, 1);
            })
            .join()
            .unwrap();
        }
        assert_eq!(shards.iter().map(|s| s.get(0)).sum::<u64>(), 5);
        assert!(!KEPT_WHAT_IT_GAVE_BACK.load(Relaxed));
    }
}
