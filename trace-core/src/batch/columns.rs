//! The storage: fixed-size rows, and side tables that rows point into by index.
//!
//! Attributes, events and links are singly linked lists inside their tables, so that a span can grow while
//! others are recorded between; a span that is filled in one go lies contiguous.

use std::borrow::Cow;

use super::attribute_cell::AttributeCell;
use super::keys::Keys;
use super::scope_ref::ScopeRef;
use crate::model::{
    Array, SpanContext, SpanId, SpanKind, TenantTag, TraceFlags, TraceId, TraceState, Value, ValueRef,
};

/// "No index".
pub(crate) const NONE: u32 = u32::MAX;

/// A text, static or stored in [`Columns::text`]. Words rather than an enum: a row is written from registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(super) fixed: &'static str,
    /// Offset and length, used if `fixed` is empty.
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Text {
    pub(crate) const EMPTY: Self = Self::fixed("");

    #[inline]
    pub(crate) const fn fixed(s: &'static str) -> Self {
        Self { fixed: s, at: 0, len: 0 }
    }

    /// The text, if it is static and not empty.
    pub(crate) fn as_fixed(&self) -> Option<&'static str> {
        (!self.fixed.is_empty()).then_some(self.fixed)
    }

    #[inline]
    const fn stored(at: u32, len: u32) -> Self {
        Self { fixed: "", at, len }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum CellKind {
    Bool,
    I64,
    F64,
    Text,
    Array,
}

/// A value in one word and its type: the value itself, an offset and length in [`Columns::text`], or an index into
/// [`Columns::arrays`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(super) bits: u64,
    pub(super) kind: CellKind,
}

impl Cell {
    #[inline]
    pub(crate) const fn bool(v: bool) -> Self {
        Self { bits: v as u64, kind: CellKind::Bool }
    }

    #[inline]
    pub(crate) const fn i64(v: i64) -> Self {
        Self { bits: v.cast_unsigned(), kind: CellKind::I64 }
    }

    #[inline]
    pub(crate) const fn f64(v: f64) -> Self {
        Self { bits: v.to_bits(), kind: CellKind::F64 }
    }

    #[inline]
    pub(crate) fn text(at: u32, len: u32) -> Self {
        Self { bits: u64::from(at) << 32 | u64::from(len), kind: CellKind::Text }
    }

    fn array(index: usize) -> Self {
        Self { bits: index as u64, kind: CellKind::Array }
    }
}

/// A list inside a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl List {
    pub(crate) const EMPTY: Self = Self { first: NONE, last: NONE };
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct EventCell {
    pub(crate) name: Text,
    pub(crate) time: u64,
    pub(crate) attributes: List,
    pub(crate) dropped_attributes: u32,
    pub(crate) next: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct LinkCell {
    pub(crate) context: SpanContext,
    pub(crate) attributes: List,
    pub(crate) dropped_attributes: u32,
    pub(crate) next: u32,
}

/// The outcome without its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusCode {
    /// Nothing was said.
    Unset,
    /// Declared a success.
    Ok,
    /// Failed.
    Error,
}

/// What most spans do not have; a row points here only if it has some of it.
#[derive(Clone, Debug)]
pub(crate) struct Extra {
    pub(crate) status_message: Text,
    pub(crate) trace_state: TraceState,
    pub(crate) events: List,
    pub(crate) links: List,
    pub(crate) event_count: u32,
    pub(crate) link_count: u32,
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    pub(crate) dropped_links: u32,
}

impl Extra {
    pub(super) const EMPTY: Self = Self {
        status_message: Text::EMPTY,
        trace_state: TraceState::EMPTY,
        events: List::EMPTY,
        links: List::EMPTY,
        event_count: 0,
        link_count: 0,
        dropped_attributes: 0,
        dropped_events: 0,
        dropped_links: 0,
    };
}

/// One span. `start` and `end` are Unix nanoseconds once sealed; while recording they may be clock ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) name: Text,
    pub(crate) attributes: List,
    pub(crate) scope: u32,
    pub(crate) extra: u32,
    pub(crate) attribute_count: u16,
    pub(crate) kind: SpanKind,
    pub(crate) status: StatusCode,
    pub(crate) flags: TraceFlags,
    pub(crate) bits: u8,
    /// Whose the span is, if its attribute [`TenantId::ATTRIBUTE`](crate::model::TenantId::ATTRIBUTE) says the same, or
    /// will when the span has been taken from where it was recorded.
    pub(crate) tenant: TenantTag,
}

impl Row {
    /// The parent lives in another process.
    pub(crate) const REMOTE_PARENT: u8 = 1;
    /// `start` is Unix nanoseconds already.
    pub(crate) const START_IS_UNIX: u8 = 2;
    /// `end` is Unix nanoseconds already.
    pub(crate) const END_IS_UNIX: u8 = 4;
    /// The span has ended.
    pub(crate) const ENDED: u8 = 8;
    /// Not a span of its own: what was added to a span after its row had been taken away.
    pub(crate) const CONTINUATION: u8 = 16;
    /// The name was replaced (continuations only).
    pub(crate) const RENAMED: u8 = 32;
    /// The status counts only if the span has none yet (continuations only).
    pub(crate) const STATUS_IF_UNSET: u8 = 64;
    /// Recorded with certainty, and not because its trace is among the sampled ones.
    pub(crate) const REGARDLESS: u8 = 128;

    pub(crate) fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub(crate) rows: Vec<Row>,
    pub(crate) attributes: Vec<AttributeCell>,
    pub(crate) keys: Keys,
    pub(crate) extras: Vec<Extra>,
    pub(crate) events: Vec<EventCell>,
    pub(crate) links: Vec<LinkCell>,
    pub(crate) arrays: Vec<Array>,
    pub(crate) scopes: Vec<ScopeRef>,
    pub(crate) text: String,
}

impl Columns {
    pub(crate) fn str(&self, t: Text) -> &str {
        if t.fixed.is_empty() { self.slice(t.at, t.len) } else { t.fixed }
    }

    fn slice(&self, at: u32, len: u32) -> &str {
        // Offsets are made by `append_text` of this very table; a bad one reads as empty rather than panicking.
        self.text.get(at as usize..at as usize + len as usize).unwrap_or("")
    }

    pub(crate) fn value(&self, c: Cell) -> ValueRef<'_> {
        match c.kind {
            CellKind::Bool => ValueRef::Bool(c.bits != 0),
            CellKind::I64 => ValueRef::I64(c.bits.cast_signed()),
            CellKind::F64 => ValueRef::F64(f64::from_bits(c.bits)),
            CellKind::Text => ValueRef::String(self.slice((c.bits >> 32) as u32, c.bits as u32)),
            CellKind::Array => self.arrays.get(c.bits as usize).map_or(ValueRef::String(""), ValueRef::Array),
        }
    }

    #[inline]
    fn append_text(&mut self, s: &str) -> (u32, u32) {
        let at = self.text.len();
        if at + s.len() >= NONE as usize {
            return (0, 0);
        }
        self.text.push_str(s);
        (at as u32, s.len() as u32)
    }

    #[inline]
    pub(crate) fn store(&mut self, s: &str) -> Text {
        let (at, len) = self.append_text(s);
        Text::stored(at, len)
    }

    #[inline]
    pub(crate) fn store_value(&mut self, s: &str) -> Cell {
        let (at, len) = self.append_text(s);
        Cell::text(at, len)
    }

    /// Stores what is formatted, without a text of its own.
    #[cfg(feature = "tracing")]
    pub(crate) fn store_formatted(&mut self, text: std::fmt::Arguments<'_>) -> (Text, Cell) {
        let at = self.text.len();
        // Writing to a text fails only if the value says so; what it wrote before that stays.
        let _ = std::fmt::Write::write_fmt(&mut self.text, text);
        let len = self.text.len() - at;
        if self.text.len() >= NONE as usize {
            self.text.truncate(at);
            return (Text::EMPTY, Cell::text(0, 0));
        }
        (Text::stored(at as u32, len as u32), Cell::text(at as u32, len as u32))
    }

    pub(crate) fn store_array(&mut self, a: Array) -> Cell {
        self.arrays.push(a);
        Cell::array(self.arrays.len() - 1)
    }

    pub(crate) fn text_of(&mut self, s: Cow<'static, str>) -> Text {
        match s {
            Cow::Borrowed(s) => Text::fixed(s),
            Cow::Owned(s) => self.store(&s),
        }
    }

    pub(crate) fn cell_of(&mut self, v: Value) -> Cell {
        match v {
            Value::Bool(v) => Cell::bool(v),
            Value::I64(v) => Cell::i64(v),
            Value::F64(v) => Cell::f64(v),
            Value::String(s) => self.store_value(&s),
            Value::Array(a) => self.store_array(a),
        }
    }

    /// The key of an attribute.
    #[inline]
    pub(crate) fn key(&self, of: AttributeCell) -> Text {
        self.keys.get(of.key())
    }

    #[inline]
    pub(crate) fn push_attribute(&mut self, list: &mut List, key: Text, value: Cell) {
        let key = self.key_of(key);
        self.push_value(list, key, value);
    }

    /// Adds an attribute whose key has this number.
    #[inline]
    pub(crate) fn push_value(&mut self, list: &mut List, key: u32, value: Cell) {
        let at = self.attributes.len() as u32;
        self.attributes.push(AttributeCell::new(key, value, NONE));
        if list.first == NONE {
            list.first = at;
        } else {
            self.attributes[list.last as usize].next = at;
        }
        list.last = at;
    }

    /// Adds an attribute to a row, or replaces the value of its key. `false` if the limit left it out.
    pub(crate) fn set_attribute(&mut self, row: usize, key: Text, value: Cell, limit: u16) -> bool {
        let mut at = self.rows[row].attributes.first;
        while at != NONE {
            let cell = self.attributes[at as usize];
            if self.str(self.key(cell)) == self.str(key) {
                self.attributes[at as usize].set_value(value);
                return true;
            }
            at = cell.next;
        }
        if self.rows[row].attribute_count >= limit {
            self.extra(row).dropped_attributes += 1;
            return false;
        }
        self.rows[row].attribute_count += 1;
        self.push_attribute_of(row, key, value);
        true
    }

    /// Adds an attribute to a row, whose count includes it already.
    ///
    /// Field by field: a list that is written in halves and then read as one word waits until both halves have
    /// left the store buffer, which costs more than all the rest.
    #[inline]
    pub(crate) fn push_attribute_of(&mut self, row: usize, key: Text, value: Cell) {
        let at = self.attributes.len() as u32;
        let key = self.key_of(key);
        self.attributes.push(AttributeCell::new(key, value, NONE));
        let list = &mut self.rows[row].attributes;
        let last = list.last;
        list.last = at;
        if list.first == NONE {
            list.first = at;
        } else if let Some(cell) = self.attributes.get_mut(last as usize) {
            cell.next = at;
        }
    }

    pub(crate) fn extra(&mut self, row: usize) -> &mut Extra {
        if self.rows[row].extra == NONE {
            self.extras.push(Extra::EMPTY);
            self.rows[row].extra = (self.extras.len() - 1) as u32;
        }
        &mut self.extras[self.rows[row].extra as usize]
    }

    pub(crate) fn push_event(&mut self, row: usize, mut event: EventCell) {
        event.next = NONE;
        let at = self.events.len() as u32;
        self.events.push(event);
        let extra = self.extra(row);
        extra.event_count += 1;
        let last = extra.events.last;
        extra.events.last = at;
        if last == NONE {
            extra.events.first = at;
        } else {
            self.events[last as usize].next = at;
        }
    }

    pub(crate) fn push_link(&mut self, row: usize, mut link: LinkCell) {
        link.next = NONE;
        let at = self.links.len() as u32;
        self.links.push(link);
        let extra = self.extra(row);
        extra.link_count += 1;
        let last = extra.links.last;
        extra.links.last = at;
        if last == NONE {
            extra.links.first = at;
        } else {
            self.links[last as usize].next = at;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.attributes.clear();
        self.keys.clear();
        self.extras.clear();
        self.events.clear();
        self.links.clear();
        self.arrays.clear();
        self.scopes.clear();
        self.text.clear();
    }

    /// Bytes in use, without spare capacity.
    pub(crate) fn byte_size(&self) -> usize {
        fn of<T>(v: &[T]) -> usize {
            std::mem::size_of_val(v)
        }
        of(&self.rows)
            + of(&self.attributes)
            + of(&self.extras)
            + of(&self.events)
            + of(&self.links)
            + of(&self.arrays)
            + self.keys.byte_size()
            + self.text.len()
    }

    /// Bytes allocated.
    pub(crate) fn capacity_bytes(&self) -> usize {
        fn of<T>(v: &Vec<T>) -> usize {
            v.capacity() * std::mem::size_of::<T>()
        }
        of(&self.rows)
            + of(&self.attributes)
            + of(&self.extras)
            + of(&self.events)
            + of(&self.links)
            + of(&self.arrays)
            + self.keys.capacity_bytes()
            + self.text.capacity()
    }
}
