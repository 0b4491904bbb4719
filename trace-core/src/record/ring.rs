//! The fastest way from a thread to the pipeline: a ring of words that one thread writes and one reads.
//!
//! A span made by [`span!`](crate::span) is a record of words: what the call site knows is a number, the
//! rest is written in place. There is no lock and no atomic read-modify-write, only plain stores and one release
//! store when a span has ended; on machines where a locked instruction has to wait for all stores before it, that
//! is most of the cost of a span. All of it is safe code: the words are atomics, used with relaxed ordering.
//!
//! A span that ends while it is the newest record gets its end in place. A span that had children, or events, was
//! published when the next record began, and its end is a record of its own. Room for that record is kept from
//! the start, so that an end is never lost. What does not fit at the start is counted.

#[cfg(trace_loom)]
use loom::sync::atomic::AtomicU64;
#[cfg(not(trace_loom))]
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use super::ring_entry::{Entry, StartEntry};
use super::ring_header;

/// Words in a ring: 2 MiB a thread, some 15,000 to 20,000 spans with four attributes.
pub(super) const WORDS: usize = if cfg!(trace_loom) { 32 } else { 1 << 18 };
const MASK: u64 = WORDS as u64 - 1;

/// Words of a start record before its values: header, start, end, trace id (2), span, parent, tags.
pub(super) const START_WORDS: u64 = 8;
/// Words of an end record: header, trace id (2), span, end.
pub(super) const END_WORDS: u64 = 5;
/// Values of a start record: their types share one word.
pub(super) const MAX_VALUES: usize = if cfg!(trace_loom) { 2 } else { 16 };
/// Longer texts take the other way.
pub(super) const MAX_TEXT: usize = if cfg!(trace_loom) { 16 } else { 1024 };
/// Words of the longest start record.
pub(super) const MAX_START_WORDS: u64 = START_WORDS + MAX_VALUES as u64 * (1 + MAX_TEXT as u64 / 8);

pub(super) const TAG_BOOL: u64 = 1;
pub(super) const TAG_I64: u64 = 2;
pub(super) const TAG_F64: u64 = 3;
/// Its length in one word, its bytes in more.
pub(super) const TAG_TEXT: u64 = 4;
/// At most [`SHORT_TEXT`] bytes: the length in the lowest byte of the first word, seven bytes above it, and eight
/// in a second word if there are more.
pub(super) const TAG_SHORT: u64 = 5;
pub(super) const SHORT_TEXT: usize = 15;

/// Words after which the reader tells how far it has come.
const TELL_AFTER: u64 = WORDS as u64 / 32;

/// Keeps the writer's and the reader's words on different cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Line<T>(T);

/// A word that may be read by another thread than the one that writes it.
pub(super) type Word = AtomicU64;
/// A record that begins before the last word goes on behind it: records are never cut in two.
type Words = [AtomicU64; WORDS + MAX_RECORD];
/// A record, with what lies behind it.
pub(super) type Record = [AtomicU64; MAX_RECORD];
/// Words behind the last: more than the longest record, and a power of two.
const MAX_RECORD: usize = if cfg!(trace_loom) { 16 } else { 4096 };

/// Words that one thread writes and the pipeline reads.
pub(super) struct Ring {
    words: Box<Words>,
    written: Line<Written>,
    read: Line<Read>,
}

/// What the writer tells. On a cache line of its own: the reader looks up `words` all the time.
#[derive(Default)]
struct Written {
    /// Everything before it may be read.
    head: AtomicU64,
    /// Where the writer last left for the beginning of the ring, see [`Ring::rewind`].
    left: AtomicU64,
    started: AtomicU64,
    ended: AtomicU64,
    dropped: AtomicU64,
}

/// What the reader tells.
#[derive(Default)]
struct Read {
    /// Everything before it has been taken.
    tail: AtomicU64,
    /// Starts that were taken.
    starts: AtomicU64,
}

/// What went into a ring since its owner's recorder has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RingCounts {
    pub(super) started: u64,
    pub(super) ended: u64,
    pub(super) dropped: u64,
}

/// Rings that no recorder uses.
static SPARE: Mutex<Vec<&'static Ring>> = Mutex::new(Vec::new());

impl Ring {
    pub(super) fn new() -> Self {
        let words: Box<[AtomicU64]> = (0..WORDS + MAX_RECORD).map(|_| AtomicU64::new(0)).collect();
        let words = match words.try_into() {
            Ok(words) => words,
            Err(_) => unreachable!("it has just been made with this length"),
        };
        let ring = Self { words, written: Line::default(), read: Line::default() };
        // No reader comes there.
        ring.written.0.left.store(u64::MAX, Ordering::Relaxed);
        ring
    }

    /// A ring that nobody else uses. Rings are never freed but used again, so that a thread can refer to one without
    /// counting references.
    pub(super) fn obtain() -> &'static Self {
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Box::leak(Box::new(Self::new())))
    }

    /// Gives back a ring that has neither a writer nor a reader any more. What it holds is forgotten.
    pub(super) fn give_back(&'static self) {
        self.read.0.tail.store(self.published(), Ordering::Release);
        let w = &self.written.0;
        for count in [&w.started, &w.ended, &w.dropped, &self.read.0.starts] {
            count.store(0, Ordering::Relaxed);
        }
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }

    /// The words of the record at this position, and what lies behind it.
    #[inline(always)]
    pub(super) fn record(&self, at: u64) -> &Record {
        match self.words[(at & MASK) as usize..].first_chunk() {
            Some(record) => record,
            None => unreachable!("there are so many words behind every position"),
        }
    }

    /// How far it may be read.
    pub(super) fn published(&self) -> u64 {
        self.written.0.head.load(Ordering::Acquire)
    }

    /// Everything before it has been taken: as many words behind it as the ring has may be written.
    pub(super) fn taken(&self) -> u64 {
        self.read.0.tail.load(Ordering::Acquire)
    }

    /// Goes on at the beginning of the ring, and returns that position. For the writer alone, when everything before `at`
    /// has been taken.
    ///
    /// Memory that was just used is in the cache, that of the rest of the ring is not: a thread that the reader keeps up
    /// with needs little of it.
    pub(super) fn rewind(&self, at: u64) -> u64 {
        self.written.0.left.store(at, Ordering::Relaxed);
        // Who sees this sees the other, too.
        self.publish(next_round(at));
        next_round(at)
    }

    /// Everything before `pos` may be read from now on.
    #[inline]
    pub(super) fn publish(&self, pos: u64) {
        self.written.0.head.store(pos, Ordering::Release);
    }

    /// A span has been started: with this, its record may be looked at, but not yet taken.
    #[inline]
    pub(super) fn count_start(&self) {
        let started = &self.written.0.started;
        started.store(started.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    #[inline]
    pub(super) fn count_end(&self) {
        bump(&self.written.0.ended);
    }

    pub(super) fn count_drop(&self) {
        bump(&self.written.0.dropped);
    }

    /// A span that was refused is recorded elsewhere after all. For the writer alone.
    pub(super) fn take_back_drop(&self) {
        let dropped = &self.written.0.dropped;
        dropped.store(dropped.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> RingCounts {
        let w = &self.written.0;
        RingCounts {
            started: w.started.load(Ordering::Relaxed),
            ended: w.ended.load(Ordering::Relaxed),
            dropped: w.dropped.load(Ordering::Relaxed),
        }
    }

    /// The span that is not published yet, because it is open and nothing was recorded after it. For the reader alone,
    /// after it has taken everything: while it reads, nothing behind the tail is written over.
    pub(super) fn newest(&self) -> Option<StartEntry<'_>> {
        let at = self.read.0.tail.load(Ordering::Relaxed);
        if self.written.0.started.load(Ordering::Acquire) <= self.read.0.starts.load(Ordering::Relaxed)
            || at != self.published()
        {
            return None;
        }
        let record = self.record(at);
        match Entry::of(record, get(record, 0)) {
            Entry::Start(s) if s.end() == 0 => Some(s),
            _ => None,
        }
    }

    /// Hands every published record to `f`, oldest first. One caller at a time. The writer learns now and then how far
    /// the reader has come, so that it need not wait for the end.
    #[inline(always)]
    pub(super) fn drain(&self, mut f: impl FnMut(Entry<'_>)) {
        let head = self.published();
        let mut at = self.read.0.tail.load(Ordering::Relaxed);
        // The writer leaves when all has been taken, so this is where a reader begins, and nowhere on its way.
        if at < head && at == self.written.0.left.load(Ordering::Relaxed) {
            at = next_round(at);
        }
        let (mut told, mut starts) = (at, 0);
        while at < head {
            let record = self.record(at);
            let header = get(record, 0);
            let len = ring_header::len(header);
            if len == 0 {
                // Cannot be; going on would never end.
                at = head;
                break;
            }
            starts += u64::from(header & ring_header::BIT_END == 0);
            f(Entry::of(record, header));
            at = behind(at, len);
            if at - told >= TELL_AFTER {
                told = at;
                self.read.0.tail.store(at, Ordering::Release);
            }
        }
        let taken = &self.read.0.starts;
        taken.store(taken.load(Ordering::Relaxed) + starts, Ordering::Relaxed);
        self.read.0.tail.store(at, Ordering::Release);
    }
}

/// Adds one to a count that only this thread writes: no locked instruction.
#[inline]
fn bump(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The position behind a record.
#[inline(always)]
pub(super) fn behind(at: u64, len: u64) -> u64 {
    if (at & MASK) + len < WORDS as u64 { at + len } else { next_round(at) }
}

/// The next position at the beginning of the ring.
#[inline(always)]
fn next_round(at: u64) -> u64 {
    (at | MASK) + 1
}

/// How far from the beginning of the ring a position lies.
pub(super) fn offset(at: u64) -> u64 {
    at & MASK
}

#[inline(always)]
pub(super) fn get(record: &Record, at: usize) -> u64 {
    record[at % MAX_RECORD].load(Ordering::Relaxed)
}

#[inline(always)]
pub(super) fn put<const N: usize>(record: &[Word; N], at: usize, v: u64) {
    record[at % N].store(v, Ordering::Relaxed);
}
