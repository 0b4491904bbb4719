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

use std::sync::atomic::{AtomicU64, Ordering};

use super::Callsite;
use super::chunk::Consumer;
use super::ring_text::{put_short_text, put_text};
use crate::clock::Clock;
use crate::model::{SpanId, TraceFlags, TraceId, ValueRef};

/// Words in a ring: 2 MiB a thread, some 15,000 to 20,000 spans with four attributes.
pub(super) const WORDS: usize = 1 << 18;
/// Words after which the pipeline's thread is woken. Waking costs microseconds, so not too often; a quarter leaves it
/// the time in which a busy thread writes the rest.
const WAKE_AFTER: u64 = WORDS as u64 / 4;
const MASK: u64 = WORDS as u64 - 1;

/// Words of a start record before its values: header, start, end, trace id (2), span, parent, tags.
const START_WORDS: u64 = 8;
/// Words of an end record: header, trace id (2), span, end.
const END_WORDS: u64 = 5;
/// Values of a start record: their types share one word with the flags.
pub(super) const MAX_VALUES: usize = 15;
/// Longer texts take the other way.
pub(super) const MAX_TEXT: usize = 1024;
/// Words of the longest start record.
const MAX_START_WORDS: u64 = START_WORDS + MAX_VALUES as u64 * (1 + MAX_TEXT as u64 / 8);

const KIND_START: u64 = 0;
const KIND_END: u64 = 1;
const BIT_REMOTE_PARENT: u64 = 1 << 8;
const BIT_CONTINUED: u64 = 1 << 9;

const TAG_BOOL: u64 = 1;
const TAG_I64: u64 = 2;
const TAG_F64: u64 = 3;
/// Its length in one word, its bytes in more.
const TAG_TEXT: u64 = 4;
/// At most [`SHORT_TEXT`] bytes: the length in the lowest byte of the first word, seven bytes above it, and eight
/// in a second word if there are more.
const TAG_SHORT: u64 = 5;
const SHORT_TEXT: usize = 15;

/// Keeps the writer's and the reader's word on different cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Line(AtomicU64);

pub(super) type Words = [AtomicU64; WORDS];

/// Words that one thread writes and the pipeline reads.
pub(super) struct Ring {
    words: Box<Words>,
    head: Line,
    tail: Line,
    pub(super) counts: Counts,
}

/// What went into a ring. Written by its owner alone, on a cache line of its own: the reader looks up `words` all
/// the time.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Counts {
    pub(super) started: AtomicU64,
    pub(super) ended: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// The writer's side: exactly one thread has it at a time.
pub(super) struct Producer {
    /// The most values of a span: what fits into a record, or the limit of attributes if that is less.
    max_values: usize,
    /// Where it began. What lies before was written under an earlier lease, and has no room kept here.
    since: u64,
    pos: u64,
    published: u64,
    /// Where the ring would be full, as far as we know.
    limit: u64,
    /// The newest record, if it is a span that has not ended and that nobody has seen.
    newest: u64,
    /// Words kept for the ends of open spans.
    reserved: u64,
    wake_at: u64,
    /// Where the reader was last asked to make room.
    asked_at: u64,
}

const NOWHERE: u64 = u64::MAX;

/// What the reader finds.
pub(super) enum Entry<'a> {
    /// A span; `end` is zero if it is still open.
    Start(StartEntry<'a>),
    /// The end of a span that was seen before. `continued` says that more was recorded of it elsewhere.
    End { trace_id: u128, span_id: u64, ticks: u64, continued: bool },
}

/// A span as it lies in the ring.
pub(super) struct StartEntry<'a> {
    ring: &'a Ring,
    at: u64,
    pub(super) callsite: u32,
    pub(super) flags: u8,
    pub(super) remote_parent: bool,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) parent: u64,
}

/// A value as it lies in the ring.
pub(super) enum RingValue<'a> {
    Bool(bool),
    I64(i64),
    F64(f64),
    Text(&'a str),
}

/// What a span starts with, besides its values.
pub(super) struct StartHead {
    pub(super) callsite: &'static Callsite,
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    /// Zero without a parent.
    pub(super) parent: u64,
    pub(super) remote_parent: bool,
    pub(super) flags: TraceFlags,
}

/// Whether a start record can have these values.
pub(super) fn can_carry(values: &[ValueRef<'_>]) -> bool {
    values.len() <= MAX_VALUES && values.iter().all(|v| words_of(v).is_some())
}

/// Words that a value takes, or `None` if it cannot travel here.
fn words_of(v: &ValueRef<'_>) -> Option<u64> {
    match v {
        ValueRef::Bool(_) | ValueRef::I64(_) | ValueRef::F64(_) => Some(1),
        ValueRef::String(s) if s.len() <= SHORT_TEXT => Some(1 + u64::from(s.len() > 7)),
        ValueRef::String(s) if s.len() <= MAX_TEXT => Some(1 + (s.len() as u64).div_ceil(8)),
        _ => None,
    }
}

impl Ring {
    pub(super) fn new() -> Self {
        let words: Box<[AtomicU64]> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        let words = match words.try_into() {
            Ok(words) => words,
            Err(_) => unreachable!("it has just been made with this length"),
        };
        Self { words, head: Line::default(), tail: Line::default(), counts: Counts::default() }
    }

    #[inline]
    fn get(&self, at: u64) -> u64 {
        self.words[(at & MASK) as usize].load(Ordering::Relaxed)
    }

    /// The writer's side for the thread that owns the ring now; a span with more attributes than this goes elsewhere.
    pub(super) fn producer(&self, attributes: u16) -> Producer {
        let pos = self.head.0.load(Ordering::Acquire);
        let limit = self.tail.0.load(Ordering::Acquire) + WORDS as u64;
        Producer {
            max_values: usize::from(attributes).min(MAX_VALUES),
            since: pos,
            pos,
            published: pos,
            limit,
            newest: NOWHERE,
            reserved: 0,
            wake_at: pos + WAKE_AFTER,
            asked_at: NOWHERE,
        }
    }

    /// Hands every published record to `f`, oldest first. One caller at a time.
    pub(super) fn drain(&self, scratch: &mut Vec<u8>, mut f: impl FnMut(Entry<'_>, &mut Vec<u8>)) {
        let head = self.head.0.load(Ordering::Acquire);
        let mut at = self.tail.0.load(Ordering::Relaxed);
        while at < head {
            let header = self.get(at);
            let len = header >> 48;
            if len == 0 {
                // Cannot be; going on would never end.
                at = head;
                break;
            }
            f(self.entry(at, header), scratch);
            at += len;
        }
        self.tail.0.store(at, Ordering::Release);
    }

    fn entry(&self, at: u64, header: u64) -> Entry<'_> {
        let word = |i| self.get(at + i);
        if header & 0xff == KIND_END {
            return Entry::End {
                trace_id: u128::from(word(1)) << 64 | u128::from(word(2)),
                span_id: word(3),
                ticks: word(4),
                continued: header & BIT_CONTINUED != 0,
            };
        }
        Entry::Start(StartEntry {
            ring: self,
            at,
            callsite: (header >> 16) as u32,
            flags: (word(7) >> 60) as u8,
            remote_parent: header & BIT_REMOTE_PARENT != 0,
            start: word(1),
            end: word(2),
            trace_id: u128::from(word(3)) << 64 | u128::from(word(4)),
            span_id: word(5),
            parent: word(6),
        })
    }
}

impl StartEntry<'_> {
    /// Hands the values to `f`, in the order of the call site's keys.
    pub(super) fn values(
        &self,
        count: usize,
        scratch: &mut Vec<u8>,
        mut f: impl FnMut(usize, RingValue<'_>),
    ) {
        let mut tags = self.ring.get(self.at + 7);
        let mut at = self.at + START_WORDS;
        for i in 0..count.min(MAX_VALUES) {
            let word = self.ring.get(at);
            at += 1;
            match tags & 0xf {
                TAG_BOOL => f(i, RingValue::Bool(word != 0)),
                TAG_F64 => f(i, RingValue::F64(f64::from_bits(word))),
                TAG_SHORT => {
                    let len = (word as usize & 0xff).min(SHORT_TEXT);
                    scratch.clear();
                    scratch.extend_from_slice(&word.to_le_bytes()[1..]);
                    if len > 7 {
                        scratch.extend_from_slice(&self.ring.get(at).to_le_bytes());
                        at += 1;
                    }
                    f(i, RingValue::Text(std::str::from_utf8(&scratch[..len]).unwrap_or("")));
                }
                TAG_TEXT => {
                    let len = (word as usize).min(MAX_TEXT);
                    scratch.clear();
                    for _ in 0..len.div_ceil(8) {
                        scratch.extend_from_slice(&self.ring.get(at).to_le_bytes());
                        at += 1;
                    }
                    // Written from a `&str`, so it is UTF-8.
                    f(i, RingValue::Text(std::str::from_utf8(&scratch[..len]).unwrap_or("")));
                }
                _ => f(i, RingValue::I64(word.cast_signed())),
            }
            tags >>= 4;
        }
    }
}

impl Producer {
    /// Whether the record at this position was written here, so that room for its end is kept.
    #[inline]
    pub(super) fn wrote(&self, at: u64) -> bool {
        at >= self.since
    }

    /// Writes the start of a span.
    #[inline(always)]
    pub(super) fn start(
        &mut self,
        ring: &Ring,
        consumer: &Consumer,
        clock: &Clock,
        head: &StartHead,
        values: &[ValueRef<'_>],
    ) -> Result<u64, Refused> {
        if values.len() > self.max_values {
            return Err(Refused::Unsuitable);
        }
        let (words, at) = (&*ring.words, self.pos);
        // Nearly always there is room for the longest record, and nobody has to know how long this one will be.
        if at + MAX_START_WORDS + END_WORDS + self.reserved > self.limit {
            self.make_room(ring, consumer, values)?;
        }
        // First, for only the values can be refused: what is behind the newest record is not yet seen.
        let mut tags = u64::from(head.flags.0) << 60;
        let mut to = at + START_WORDS;
        let mut shift = 0;
        for v in values {
            let tag = match *v {
                ValueRef::Bool(v) => {
                    put(words, to, v.into());
                    TAG_BOOL
                }
                ValueRef::I64(v) => {
                    put(words, to, v.cast_unsigned());
                    TAG_I64
                }
                ValueRef::F64(v) => {
                    put(words, to, v.to_bits());
                    TAG_F64
                }
                ValueRef::String(s) if s.len() <= SHORT_TEXT => {
                    to = put_short_text(words, to, s.as_bytes());
                    TAG_SHORT
                }
                ValueRef::String(s) if s.len() <= MAX_TEXT => {
                    put(words, to, s.len() as u64);
                    to = put_text(words, to, s.as_bytes());
                    TAG_TEXT
                }
                ValueRef::String(_) | ValueRef::Array(_) => return Err(Refused::Unsuitable),
            };
            to += 1;
            tags |= tag << shift;
            shift += 4;
        }
        self.publish(ring);
        let mut header = KIND_START | u64::from(head.callsite.number()) << 16 | (to - at) << 48;
        if head.remote_parent {
            header |= BIT_REMOTE_PARENT;
        }
        let trace = head.trace_id.to_u128();
        put(words, at, header);
        put(words, at + 2, 0);
        put(words, at + 3, (trace >> 64) as u64);
        put(words, at + 4, trace as u64);
        put(words, at + 5, head.span_id.to_u64());
        put(words, at + 6, head.parent);
        put(words, at + 7, tags);
        self.pos = to;
        self.newest = at;
        self.reserved += END_WORDS;
        bump(&ring.counts.started);
        // Last, so that what recording costs is not part of the span.
        put(words, at + 1, clock.ticks());
        Ok(at)
    }

    /// Writes the end of a span that was started here.
    #[inline]
    pub(super) fn end(
        &mut self,
        ring: &Ring,
        consumer: &Consumer,
        clock: &Clock,
        at: u64,
        (trace_id, span_id): (TraceId, SpanId),
        continued: bool,
    ) {
        self.reserved = self.reserved.saturating_sub(END_WORDS);
        if self.newest == at && !continued {
            put(&ring.words, at + 2, clock.ticks());
        } else {
            self.end_apart(ring, clock, trace_id.to_u128(), span_id, continued);
        }
        self.newest = NOWHERE;
        bump(&ring.counts.ended);
        self.publish(ring);
        if self.pos >= self.wake_at {
            self.wake_at = self.pos + WAKE_AFTER;
            consumer.wake();
        }
    }

    fn end_apart(&mut self, ring: &Ring, clock: &Clock, trace: u128, span: SpanId, continued: bool) {
        let (words, at) = (&*ring.words, self.pos);
        put(words, at, KIND_END | END_WORDS << 48 | if continued { BIT_CONTINUED } else { 0 });
        put(words, at + 1, (trace >> 64) as u64);
        put(words, at + 2, trace as u64);
        put(words, at + 3, span.to_u64());
        put(words, at + 4, clock.ticks());
        self.pos = at + END_WORDS;
    }

    /// Gives back the room kept for the end of a span that ends elsewhere.
    pub(super) fn abandon(&mut self, ring: &Ring) {
        self.reserved = self.reserved.saturating_sub(END_WORDS);
        self.publish(ring);
    }

    /// Shows everything that has been written.
    #[inline]
    pub(super) fn publish(&mut self, ring: &Ring) {
        if self.published != self.pos {
            self.published = self.pos;
            self.newest = NOWHERE;
            ring.head.0.store(self.pos, Ordering::Release);
        }
    }

    /// Looks how far the reader has come, and whether the record fits exactly.
    #[cold]
    fn make_room(
        &mut self,
        ring: &Ring,
        consumer: &Consumer,
        values: &[ValueRef<'_>],
    ) -> Result<(), Refused> {
        let mut len = START_WORDS;
        for v in values {
            len += words_of(v).ok_or(Refused::Unsuitable)?;
        }
        self.limit = ring.tail.0.load(Ordering::Acquire) + WORDS as u64;
        if self.pos + len + END_WORDS + self.reserved <= self.limit {
            return Ok(());
        }
        // Once: the reader may have nothing to take, if guards were leaked.
        if self.asked_at != self.pos {
            self.asked_at = self.pos;
            consumer.wake();
        }
        bump(&ring.counts.dropped);
        Err(Refused::Full)
    }
}

/// Why a span was not written.
pub(super) enum Refused {
    /// There is no room; it has been counted.
    Full,
    /// A value cannot travel here; the other way takes it.
    Unsuitable,
}

/// Adds one to a count that only this thread writes: no locked instruction.
#[inline]
fn bump(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[inline]
pub(super) fn put(words: &Words, at: u64, v: u64) {
    words[(at & MASK) as usize].store(v, Ordering::Relaxed);
}
