//! The records of a [`Ring`](super::ring::Ring), as its reader finds them.

use super::ring::{
    MAX_TEXT, MAX_VALUES, Record, SHORT_TEXT, START_WORDS, TAG_BOOL, TAG_F64, TAG_I64, TAG_SHORT, TAG_TEXT,
    get,
};
use super::ring_header::{self, BIT_CONTINUED, BIT_END, BIT_REMOTE_PARENT};
use super::ring_texts::Gathered;
use crate::batch::Cell;
use crate::model::{SpanId, TenantTag, TraceId};

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
        ring_header::callsite(self.header)
    }

    #[inline(always)]
    pub(super) fn flags(self) -> u8 {
        ring_header::flags(self.header)
    }

    #[inline(always)]
    pub(super) fn tenant(self) -> TenantTag {
        ring_header::tenant(self.header)
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

    /// Whether the span was declared a success.
    #[cfg(feature = "otel")]
    #[inline(always)]
    pub(super) fn is_ok(self) -> bool {
        self.header & ring_header::BIT_OK != 0
    }

    /// Whether the end is Unix time.
    #[cfg(feature = "otel")]
    #[inline(always)]
    pub(super) fn end_is_unix(self) -> bool {
        self.header & ring_header::BIT_END_IS_UNIX != 0
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

    /// The types of its values.
    #[inline(always)]
    pub(super) fn types(self) -> Types {
        Types::of(get(self.record, 7))
    }

    /// Its values, in the order of the call site's keys.
    #[inline(always)]
    pub(super) fn values(self) -> Values<'a> {
        Values { record: self.record, tags: get(self.record, 7), at: START_WORDS as usize }
    }
}

/// The types of a record's values; how long its texts are makes no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u64);

impl Types {
    #[inline(always)]
    fn of(tags: u64) -> Self {
        const LOWEST: u64 = 0x1111_1111_1111_1111;
        const { assert!(TAG_TEXT == 4 && TAG_SHORT == 5 && TAG_BOOL < 4 && TAG_I64 < 4 && TAG_F64 < 4) };
        // The two of texts, which have the third bit, differ in the lowest one.
        Self(tags & !(tags >> 2 & LOWEST))
    }

    /// A value of each type.
    pub(super) fn cells(self) -> impl Iterator<Item = Cell> {
        (0..MAX_VALUES).map(move |i| match self.0 >> (4 * i) & 0xf {
            TAG_BOOL => Cell::bool(false),
            TAG_F64 => Cell::f64(0.0),
            TAG_TEXT => Cell::text(0, 0),
            _ => Cell::i64(0),
        })
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
    /// The bits of the next value's cell. A text goes behind the others of the ring, which must have room for it.
    #[inline(always)]
    pub(super) fn next(&mut self, texts: &mut Gathered<'_>) -> u64 {
        let word = get(self.record, self.at);
        self.at += 1;
        let tag = self.tags;
        self.tags >>= 4;
        if tag & TAG_TEXT == 0 {
            return word;
        }
        if tag & 0xf != TAG_SHORT {
            return self.long_text(word, texts);
        }
        // A mask rather than the lower of two: no length is greater.
        const { assert!(SHORT_TEXT == 0xf) };
        let len = word as usize & SHORT_TEXT;
        // What is not part of the text is written over by the next one.
        let rest = get(self.record, self.at);
        self.at += usize::from(len > 7);
        texts.push_short([word >> 8 | rest << 56, rest >> 8], len).bits()
    }

    #[inline(always)]
    fn long_text(&mut self, len: u64, texts: &mut Gathered<'_>) -> u64 {
        let len = (len as usize).min(MAX_TEXT);
        let words = self.at..self.at + len.div_ceil(8);
        self.at = words.end;
        let record = self.record;
        texts.push(words.map(|at| get(record, at)), len).bits()
    }
}
