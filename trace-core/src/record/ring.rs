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

use crate::model::TenantTag;

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
pub(super) const MAX_START_WORDS: u64 = START_WORDS + MAX_VALUES as u64 * (1 + MAX_TEXT as u64 / 8) + 1;

pub(super) const BIT_END: u64 = 1;
pub(super) const BIT_REMOTE_PARENT: u64 = 1 << 1;
pub(super) const BIT_CONTINUED: u64 = 1 << 2;
/// The last word of the record is the number of a tenant.
pub(super) const BIT_TENANT: u64 = 1 << 3;

pub(super) const TAG_BOOL: u64 = 1;
pub(super) const TAG_I64: u64 = 2;
pub(super) const TAG_F64: u64 = 3;
/// Its length in one word, its bytes in more.
pub(super) const TAG_TEXT: u64 = 4;
/// At most [`SHORT_TEXT`] bytes: the length in the lowest byte of the first word, seven bytes above it, and eight
/// in a second word if there are more.
pub(super) const TAG_SHORT: u64 = 5;
pub(super) const SHORT_TEXT: usize = 15;

/// Keeps the writer's and the reader's words on different cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Line<T>(T);

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

/// What the reader finds.
pub(super) enum Entry<'a> {
    /// A span; `end` is zero if it is still open.
    Start(StartEntry<'a>),
    /// The end of a span that was seen before. `continued` says that more was recorded of it elsewhere.
    End { trace_id: u128, span_id: u64, ticks: u64, continued: bool },
}

/// A span as it lies in the ring.
pub(super) struct StartEntry<'a> {
    record: &'a Record,
    pub(super) callsite: u32,
    pub(super) flags: u8,
    pub(super) tenant: TenantTag,
    pub(super) remote_parent: bool,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) parent: u64,
}

/// A value as it lies in the ring.
pub(super) enum RingValue {
    Bool(bool),
    I64(i64),
    F64(f64),
    /// Where it lies among the texts.
    Text {
        at: usize,
        len: usize,
    },
}

impl Ring {
    fn new() -> Self {
        let words: Box<[AtomicU64]> = (0..WORDS + MAX_RECORD).map(|_| AtomicU64::new(0)).collect();
        let words = match words.try_into() {
            Ok(words) => words,
            Err(_) => unreachable!("it has just been made with this length"),
        };
        Self { words, written: Line::default(), read: Line::default() }
    }

    /// One that the model checker owns.
    #[cfg(trace_loom)]
    pub(super) fn for_model() -> Self {
        Self::new()
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

    /// How far it may be written.
    pub(super) fn limit(&self) -> u64 {
        self.read.0.tail.load(Ordering::Acquire) + WORDS as u64
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
        match entry(record, get(record, 0)) {
            Entry::Start(s) if s.end == 0 => Some(s),
            _ => None,
        }
    }

    /// Hands every published record to `f`, oldest first. One caller at a time.
    pub(super) fn drain(&self, mut f: impl FnMut(Entry<'_>)) {
        let head = self.published();
        let mut at = self.read.0.tail.load(Ordering::Relaxed);
        while at < head {
            let record = self.record(at);
            let header = get(record, 0);
            let len = header >> 48;
            if len == 0 {
                // Cannot be; going on would never end.
                at = head;
                break;
            }
            if header & BIT_END == 0 {
                bump(&self.read.0.starts);
            }
            f(entry(record, header));
            at = behind(at, len);
        }
        self.read.0.tail.store(at, Ordering::Release);
    }
}

fn entry(record: &Record, header: u64) -> Entry<'_> {
    let word = |i| get(record, i);
    let trace = |i| u128::from(word(i)) << 64 | u128::from(word(i + 1));
    if header & BIT_END != 0 {
        let continued = header & BIT_CONTINUED != 0;
        return Entry::End { trace_id: trace(1), span_id: word(3), ticks: word(4), continued };
    }
    let tenant = if header & BIT_TENANT != 0 { word((header >> 48) as usize - 1) as u16 } else { 0 };
    Entry::Start(StartEntry {
        record,
        tenant: TenantTag::of_number(tenant),
        callsite: (header >> 16) as u32,
        flags: (header >> 8) as u8,
        remote_parent: header & BIT_REMOTE_PARENT != 0,
        start: word(1),
        end: word(2),
        trace_id: trace(3),
        span_id: word(5),
        parent: word(6),
    })
}

impl StartEntry<'_> {
    /// Hands the values to `f`, in the order of the call site's keys. Texts are appended to `text`.
    pub(super) fn values(&self, count: usize, text: &mut Vec<u8>, mut f: impl FnMut(usize, RingValue)) {
        let mut tags = get(self.record, 7);
        let mut at = START_WORDS as usize;
        for i in 0..count.min(MAX_VALUES) {
            let word = get(self.record, at);
            at += 1;
            let begin = text.len();
            f(
                i,
                match tags & 0xf {
                    TAG_BOOL => RingValue::Bool(word != 0),
                    TAG_F64 => RingValue::F64(f64::from_bits(word)),
                    TAG_SHORT => {
                        let len = (word as usize & 0xff).min(SHORT_TEXT);
                        text.extend_from_slice(&(word >> 8).to_le_bytes());
                        if len > 7 {
                            text.pop();
                            text.extend_from_slice(&get(self.record, at).to_le_bytes());
                            at += 1;
                        }
                        text.truncate(begin + len);
                        RingValue::Text { at: begin, len }
                    }
                    TAG_TEXT => {
                        let len = (word as usize).min(MAX_TEXT);
                        for _ in 0..len.div_ceil(8) {
                            text.extend_from_slice(&get(self.record, at).to_le_bytes());
                            at += 1;
                        }
                        text.truncate(begin + len);
                        RingValue::Text { at: begin, len }
                    }
                    _ => RingValue::I64(word.cast_signed()),
                },
            );
            tags >>= 4;
        }
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
    if (at & MASK) + len < WORDS as u64 { at + len } else { (at | MASK) + 1 }
}

#[inline(always)]
fn get(record: &Record, at: usize) -> u64 {
    record[at % MAX_RECORD].load(Ordering::Relaxed)
}

#[inline(always)]
pub(super) fn put(record: &Record, at: usize, v: u64) {
    record[at % MAX_RECORD].store(v, Ordering::Relaxed);
}
