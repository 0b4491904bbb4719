//! The records of a [`Ring`](super::ring::Ring), as its reader finds them.

use super::ring::{
    BIT_CONTINUED, BIT_END, BIT_REMOTE_PARENT, MAX_TEXT, Record, SHORT_TEXT, START_WORDS, TAG_BOOL, TAG_F64,
    TAG_SHORT, TAG_TEXT, get,
};
use super::ring_texts::Gathered;
use crate::batch::Cell;
use crate::model::{SpanId, TraceId};

/// What the reader finds.
pub(super) enum Entry<'a> {
    /// A span.
    Start(StartEntry<'a>),
    /// The end of a span that was seen before.
    End(EndEntry<'a>),
}

impl<'a> Entry<'a> {
    #[inline(always)]
    pub(super) fn of(record: &'a Record, header: u64) -> Self {
        if header & BIT_END == 0 {
            Entry::Start(StartEntry { record, header })
        } else {
            Entry::End(EndEntry { record, header })
        }
    }
}

/// A span as it lies in the ring.
#[derive(Clone, Copy)]
pub(super) struct StartEntry<'a> {
    record: &'a Record,
    header: u64,
}

impl<'a> StartEntry<'a> {
    /// The number of its call site.
    #[inline(always)]
    pub(super) fn callsite(self) -> u32 {
        (self.header >> 16) as u32
    }

    #[inline(always)]
    pub(super) fn flags(self) -> u8 {
        (self.header >> 8) as u8
    }

    #[inline(always)]
    pub(super) fn has_remote_parent(self) -> bool {
        self.header & BIT_REMOTE_PARENT != 0
    }

    /// In ticks.
    #[inline(always)]
    pub(super) fn start(self) -> u64 {
        get(self.record, 1)
    }

    /// In ticks; zero if it is still open.
    #[inline(always)]
    pub(super) fn end(self) -> u64 {
        get(self.record, 2)
    }

    #[inline(always)]
    pub(super) fn trace_id(self) -> Option<TraceId> {
        trace_id(self.record, 3)
    }

    #[inline(always)]
    pub(super) fn span_id(self) -> Option<SpanId> {
        SpanId::new(get(self.record, 5))
    }

    #[inline(always)]
    pub(super) fn parent(self) -> Option<SpanId> {
        SpanId::new(get(self.record, 6))
    }

    /// Its values, in the order of the call site's keys.
    #[inline(always)]
    pub(super) fn values(self) -> Values<'a> {
        Values { record: self.record, tags: get(self.record, 7), at: START_WORDS as usize }
    }
}

/// The end of a span as it lies in the ring.
#[derive(Clone, Copy)]
pub(super) struct EndEntry<'a> {
    record: &'a Record,
    header: u64,
}

impl EndEntry<'_> {
    pub(super) fn trace_id(self) -> Option<TraceId> {
        trace_id(self.record, 1)
    }

    pub(super) fn span_id(self) -> Option<SpanId> {
        SpanId::new(get(self.record, 3))
    }

    pub(super) fn ticks(self) -> u64 {
        get(self.record, 4)
    }

    /// More was recorded of the span elsewhere.
    pub(super) fn is_continued(self) -> bool {
        self.header & BIT_CONTINUED != 0
    }
}

#[inline(always)]
fn trace_id(record: &Record, at: usize) -> Option<TraceId> {
    TraceId::new(u128::from(get(record, at)) << 64 | u128::from(get(record, at + 1)))
}

/// The values of a record that have not been read.
pub(super) struct Values<'a> {
    record: &'a Record,
    tags: u64,
    at: usize,
}

impl Values<'_> {
    /// The next value. A text goes behind the others of the ring, which must have room for it.
    #[inline(always)]
    pub(super) fn next(&mut self, texts: &mut Gathered<'_>) -> Cell {
        let word = get(self.record, self.at);
        self.at += 1;
        let tag = self.tags & 0xf;
        self.tags >>= 4;
        match tag {
            TAG_SHORT => {
                // A mask rather than the lower of two: no length is greater.
                const { assert!(SHORT_TEXT == 0xf) };
                let len = word as usize & SHORT_TEXT;
                // What is not part of the text is written over by the next one.
                let rest = get(self.record, self.at);
                self.at += usize::from(len > 7);
                texts.push_short([word >> 8 | rest << 56, rest >> 8], len)
            }
            TAG_TEXT => {
                let len = (word as usize).min(MAX_TEXT);
                let words = self.at..self.at + len.div_ceil(8);
                self.at = words.end;
                let record = self.record;
                texts.push(words.map(|at| get(record, at)), len)
            }
            TAG_BOOL => Cell::bool(word != 0),
            TAG_F64 => Cell::f64(f64::from_bits(word)),
            _ => Cell::i64(word.cast_signed()),
        }
    }
}
