//! The writer's side of a [`Ring`].

#[cfg(feature = "tracing")]
use std::sync::atomic::Ordering;

use super::chunk::Consumer;
#[cfg(feature = "tracing")]
use super::ring::Word;
use super::ring::{
    END_WORDS, MAX_START_WORDS, MAX_TEXT, MAX_VALUES, Record, Ring, SHORT_TEXT, START_WORDS, TAG_BOOL,
    TAG_F64, TAG_I64, TAG_SHORT, TAG_TEXT, WORDS, behind, offset, put,
};
use super::ring_header::{self, BIT_CONTINUED, BIT_REMOTE_PARENT};
use super::ring_text::{put_short_text, put_text};
use crate::clock::Clock;
use crate::model::ValueRef;

/// Words after which the pipeline's thread is woken. Waking costs microseconds, so not too often; a quarter leaves it
/// the time in which a busy thread writes the rest.
const WAKE_AFTER: u64 = WORDS as u64 / 4;
/// Room kept for ends beyond which a span that does not fit goes elsewhere, for it is not the reader who is late:
/// so many spans are open on this thread, or so many guards were forgotten.
const MANY_OPEN: u64 = WORDS as u64 / 4;
/// From here on it is worth while to go back to the beginning of the ring.
const FAR: u64 = WORDS as u64 / 16;
const NOWHERE: u64 = u64::MAX;

/// The writer's side: exactly one thread has it at a time.
#[derive(Clone, Copy)]
pub(super) struct Producer {
    /// Where it began. What lies before was written under an earlier lease, and has no room kept here.
    since: u64,
    pos: u64,
    /// Everything before it has been taken, as far as the writer knows better than the reader says.
    taken: u64,
    /// Up to where the fast way may write: where the ring would be full, as far as we know, or the reader is to be
    /// woken.
    limit: u64,
    /// The newest record, if it is a span that has not ended and is not published.
    newest: u64,
    /// Words kept for the ends of open spans.
    reserved: u64,
    wake_at: u64,
    /// Where the reader was last asked to make room.
    asked_at: u64,
    /// Bytes of the longest text that may be written; not less than a short text has.
    max_text: usize,
}

/// What a span starts with, besides its values.
#[derive(Clone, Copy)]
pub(super) struct StartHead {
    /// The number of its call site, greater than zero.
    pub(super) callsite: u32,
    /// High half first.
    pub(super) trace: [u64; 2],
    pub(super) span: u64,
    /// Zero without a parent.
    pub(super) parent: u64,
    pub(super) remote_parent: bool,
    /// The bits of its identity, of which flags and tenant count.
    pub(super) active: u64,
}

/// Why a span was not written.
pub(super) enum Refused {
    /// There is no room; it has been counted.
    Full,
    /// The other way takes it: a value cannot travel here, or too many spans of this thread are open.
    Unsuitable,
}

/// Writes the values of a span. Only [`span!`](crate::span) uses it.
#[doc(hidden)]
pub struct Writer<'a> {
    record: &'a Record,
    to: usize,
    tags: u64,
    shift: u32,
    max_text: usize,
    fits: bool,
}

impl Writer<'_> {
    /// Writes the next value.
    #[inline(always)]
    pub fn put(&mut self, value: ValueRef<'_>) {
        let tag = match value {
            ValueRef::Bool(v) => {
                put(self.record, self.to, v.into());
                TAG_BOOL
            }
            ValueRef::I64(v) => {
                put(self.record, self.to, v.cast_unsigned());
                TAG_I64
            }
            ValueRef::F64(v) => {
                put(self.record, self.to, v.to_bits());
                TAG_F64
            }
            ValueRef::String(s) if s.len() <= SHORT_TEXT => {
                self.to = put_short_text(self.record, self.to, s.as_bytes());
                TAG_SHORT
            }
            ValueRef::String(s) if s.len() <= self.max_text => {
                put(self.record, self.to, s.len() as u64);
                self.to = put_text(self.record, self.to, s.as_bytes());
                TAG_TEXT
            }
            ValueRef::String(_) | ValueRef::Array(_) => {
                self.fits = false;
                return;
            }
        };
        self.to += 1;
        self.tags |= tag << self.shift;
        self.shift += 4;
    }

    /// A value that cannot travel here.
    #[cfg(feature = "otel")]
    #[inline(always)]
    pub(super) fn refuse(&mut self) {
        self.fits = false;
    }
}

impl Producer {
    /// Writes nothing: no thread has a ring yet.
    pub(super) const NONE: Self = Self {
        since: NOWHERE,
        pos: 0,
        taken: 0,
        limit: 0,
        newest: NOWHERE,
        reserved: 0,
        wake_at: 0,
        asked_at: NOWHERE,
        max_text: 0,
    };

    /// The writer's side for the thread that owns the ring now. Longer texts than `max_text` go elsewhere.
    pub(super) fn new(ring: &Ring, max_text: usize) -> Self {
        let pos = ring.published();
        Self {
            since: pos,
            pos,
            taken: 0,
            limit: pos,
            newest: NOWHERE,
            reserved: 0,
            wake_at: pos + WAKE_AFTER,
            asked_at: NOWHERE,
            max_text: max_text.min(MAX_TEXT),
        }
    }

    /// Whether the record at this position was written here, so that room for its end is kept.
    #[inline]
    pub(super) fn wrote(&self, at: u64) -> bool {
        at >= self.since
    }

    /// Writes the start of a span, if there is room for the longest record and every value can travel here.
    /// `write` puts at most [`MAX_VALUES`] values.
    #[inline(always)]
    pub(super) fn start(
        &mut self,
        ring: &Ring,
        clock: &Clock,
        head: StartHead,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Option<u64> {
        if self.pos + MAX_START_WORDS + END_WORDS + self.reserved > self.limit {
            return None;
        }
        self.write_start(ring, clock, head, write)
    }

    /// The same, after looking how much room there really is.
    pub(super) fn start_values(
        &mut self,
        ring: &Ring,
        consumer: &Consumer,
        clock: &Clock,
        head: StartHead,
        values: &[ValueRef<'_>],
    ) -> Result<u64, Refused> {
        let len = self.words_of(values).ok_or(Refused::Unsuitable)?;
        self.make_room(ring, consumer, len)?;
        let write = |w: &mut Writer<'_>| values.iter().for_each(|v| w.put(*v));
        self.write_start(ring, clock, head, write).ok_or(Refused::Unsuitable)
    }

    #[inline(always)]
    fn write_start(
        &mut self,
        ring: &Ring,
        clock: &Clock,
        head: StartHead,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Option<u64> {
        let at = self.pos;
        let record = ring.record(at);
        // First, for only the values can be refused: what is behind the newest record is not yet seen.
        let mut w = self.writer(record);
        write(&mut w);
        let Writer { to, tags, fits: true, .. } = w else { return None };
        self.publish(ring);
        put(record, 2, 0);
        put_head(record, 0, head, to, tags);
        self.pos = behind(at, to as u64);
        self.newest = at;
        self.reserved += END_WORDS;
        // Last, so that what recording costs is not part of the span.
        put(record, 1, clock.ticks());
        ring.count_start();
        Some(at)
    }

    /// Writes a span that has ended and lies in these words, as its start record is to be. `false` if there is no room,
    /// or not for it; nothing is counted then.
    #[cfg(feature = "tracing")]
    #[inline]
    pub(super) fn write_ended<const N: usize>(
        &mut self,
        ring: &Ring,
        consumer: &Consumer,
        words: &[Word; N],
    ) -> bool {
        let word = |at: usize| words[at % N].load(Ordering::Relaxed);
        let header = word(0);
        let len = ring_header::len(header);
        if self.pos + MAX_START_WORDS + END_WORDS + self.reserved > self.limit
            && let Err(refused) = self.make_room(ring, consumer, len)
        {
            if matches!(refused, Refused::Full) {
                ring.take_back_drop();
            }
            return false;
        }
        let record = ring.record(self.pos);
        put(record, 0, header);
        for at in 1..len as usize {
            put(record, at, word(at));
        }
        self.pos = behind(self.pos, len);
        self.newest = NOWHERE;
        ring.count_start();
        ring.count_end();
        ring.publish(self.pos);
        true
    }

    /// Writes a span that has ended: its start, and its end as it is to be read with these bits of the header. `false`
    /// if there is no room, or a value cannot travel here; nothing is counted then.
    #[cfg(feature = "otel")]
    #[inline]
    pub(super) fn write_whole(
        &mut self,
        ring: &Ring,
        consumer: &Consumer,
        head: StartHead,
        (start, end, bits): (u64, u64, u64),
        write: impl FnOnce(&mut Writer<'_>),
    ) -> bool {
        if self.pos + MAX_START_WORDS + END_WORDS + self.reserved > self.limit
            && let Err(refused) = self.make_room(ring, consumer, MAX_START_WORDS)
        {
            if matches!(refused, Refused::Full) {
                ring.take_back_drop();
            }
            return false;
        }
        let record = ring.record(self.pos);
        let mut w = self.writer(record);
        write(&mut w);
        let Writer { to, tags, fits: true, .. } = w else { return false };
        put_head(record, bits, head, to, tags);
        put(record, 1, start);
        put(record, 2, end);
        self.pos = behind(self.pos, to as u64);
        self.newest = NOWHERE;
        ring.count_start();
        ring.count_end();
        ring.publish(self.pos);
        true
    }

    #[inline(always)]
    fn writer<'r>(&self, record: &'r Record) -> Writer<'r> {
        Writer { record, to: START_WORDS as usize, tags: 0, shift: 0, max_text: self.max_text, fits: true }
    }

    /// Writes the end of a span into its start, if that is the newest record.
    #[inline(always)]
    pub(super) fn end_newest(&mut self, ring: &Ring, at: u64, now: u64) -> bool {
        if self.newest != at {
            return false;
        }
        put(ring.record(at), 2, now);
        self.reserved = self.reserved.wrapping_sub(END_WORDS);
        self.newest = NOWHERE;
        ring.count_end();
        ring.publish(self.pos);
        true
    }

    /// Writes the end of a span that was started here.
    pub(super) fn end(&mut self, ring: &Ring, now: u64, (trace, span): ([u64; 2], u64), continued: bool) {
        let record = ring.record(self.pos);
        put(record, 0, ring_header::of_end(if continued { BIT_CONTINUED } else { 0 }, END_WORDS));
        put(record, 1, trace[0]);
        put(record, 2, trace[1]);
        put(record, 3, span);
        put(record, 4, now);
        self.pos = behind(self.pos, END_WORDS);
        self.reserved = self.reserved.saturating_sub(END_WORDS);
        self.newest = NOWHERE;
        ring.count_end();
        ring.publish(self.pos);
    }

    /// Gives back the room kept for the end of a span that ends elsewhere.
    pub(super) fn abandon(&mut self, ring: &Ring) {
        self.reserved = self.reserved.saturating_sub(END_WORDS);
        self.publish(ring);
    }

    /// Shows everything that has been written.
    #[inline(always)]
    pub(super) fn publish(&mut self, ring: &Ring) {
        if self.newest != NOWHERE {
            self.newest = NOWHERE;
            ring.publish(self.pos);
        }
    }

    /// Looks how far the reader has come, and whether a record of this length fits. Wakes the reader from time to time.
    #[cold]
    fn make_room(&mut self, ring: &Ring, consumer: &Consumer, len: u64) -> Result<(), Refused> {
        let mut taken = ring.taken().max(self.taken);
        if taken == self.pos && self.newest == NOWHERE && offset(self.pos) >= FAR {
            self.pos = ring.rewind(self.pos);
            (taken, self.taken) = (self.pos, self.pos);
        }
        let full = taken + WORDS as u64;
        let soon = self.pos + MAX_START_WORDS + END_WORDS + self.reserved;
        if soon > self.wake_at {
            self.wake_at = taken + WAKE_AFTER;
            // Otherwise the reader has come by itself.
            if soon > self.wake_at {
                self.wake_at = soon + WAKE_AFTER;
                consumer.wake();
            }
        }
        self.limit = full.min(self.wake_at);
        if self.pos + len + END_WORDS + self.reserved <= full {
            return Ok(());
        }
        if self.reserved > MANY_OPEN {
            return Err(Refused::Unsuitable);
        }
        // Once: until it has made room it need not be told again.
        if self.asked_at != self.pos {
            self.asked_at = self.pos;
            consumer.wake();
        }
        ring.count_drop();
        Err(Refused::Full)
    }

    /// Words of a start record with these values; `None` if it cannot have them.
    fn words_of(&self, values: &[ValueRef<'_>]) -> Option<u64> {
        if values.len() > MAX_VALUES {
            return None;
        }
        values.iter().try_fold(START_WORDS, |sum, v| match v {
            ValueRef::Bool(_) | ValueRef::I64(_) | ValueRef::F64(_) => Some(sum + 1),
            ValueRef::String(s) if s.len() > self.max_text => None,
            ValueRef::String(s) if s.len() <= SHORT_TEXT => Some(sum + 1 + u64::from(s.len() > 7)),
            ValueRef::String(s) => Some(sum + 1 + (s.len() as u64).div_ceil(8)),
            ValueRef::Array(_) => None,
        })
    }

    /// Whether a start record can have these values.
    pub(super) fn can_carry(&self, values: &[ValueRef<'_>]) -> bool {
        self.words_of(values).is_some()
    }
}

/// Writes what a start record has besides its times and its values.
#[inline(always)]
fn put_head(record: &Record, bits: u64, head: StartHead, len: usize, tags: u64) {
    let remote = if head.remote_parent { BIT_REMOTE_PARENT } else { 0 };
    put(record, 0, ring_header::of_start(bits | remote, head.active, head.callsite, len));
    put(record, 3, head.trace[0]);
    put(record, 4, head.trace[1]);
    put(record, 5, head.span);
    put(record, 6, head.parent);
    put(record, 7, tags);
}
