//! Moving what columns hold into other columns: indexes and offsets are shifted.

use super::attribute_cell::AttributeCell;
use super::columns::{Cell, CellKind, Columns, EventCell, Extra, LinkCell, List, NONE, Row, Text};
use super::keys::MOST_KEYS;
#[cfg(any(feature = "otel", feature = "tracing"))]
use super::scope_ref::ScopeRef;
#[cfg(any(feature = "otel", feature = "tracing"))]
use crate::model::Array;

impl Columns {
    /// Moves everything of `other` behind what is here.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.rows.is_empty() && self.text.is_empty() && self.attributes.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let base = Base::of(self);
        let scopes: Vec<u32> = other.scopes.iter().map(|s| self.scope_index(s)).collect();
        self.text.push_str(&other.text);
        self.arrays.append(&mut other.arrays);
        self.keys.extend(other.keys.iter().map(|key| base.text(key)));
        self.attributes.extend(other.attributes.iter().map(|a| base.attribute(a)));
        self.events.extend(other.events.iter().map(|e| base.event(e)));
        self.links.extend(other.links.drain(..).map(|l| base.link(l)));
        self.extras.extend(other.extras.drain(..).map(|x| base.extra(x)));
        self.rows.extend(
            other.rows.iter().map(|r| base.row(r, scopes.get(r.scope as usize).copied().unwrap_or(0))),
        );
        other.clear();
    }

    /// Copies the first row of `other`, which must have one and holds no other, with all that belongs to it. Returns its index.
    /// `known` has the numbers here of keys of `other`, as far as this has found them.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[inline]
    pub(crate) fn push_copy(&mut self, other: &Self, scope: &ScopeRef, known: &mut Vec<u32>) -> usize {
        let row = &other.rows[0];
        let scope = self.scope_index(scope);
        let base = Base::of(self);
        self.text.push_str(&other.text);
        for a in &other.attributes {
            let key = self.copy_known_key(other, a.key(), known);
            self.attributes.push(AttributeCell::new(
                key,
                base.cell(a.value()),
                base.index(a.next, base.attribute),
            ));
        }
        if !other.arrays.is_empty() {
            self.arrays.extend(other.arrays.iter().cloned());
        }
        if row.extra != NONE {
            self.copy_extras(other, &base);
        }
        self.rows.push(base.row(row, scope));
        self.rows.len() - 1
    }

    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[cold]
    fn copy_extras(&mut self, other: &Self, base: &Base) {
        self.events.extend(other.events.iter().map(|e| base.event(e)));
        self.links.extend(other.links.iter().map(|l| base.link(l.clone())));
        self.extras.extend(other.extras.iter().map(|x| base.extra(x.clone())));
    }

    /// Copies the attributes of a list of `other`, at most `limit`, and says how many were left out.
    #[cfg(feature = "tracing")]
    pub(crate) fn copy_list(&mut self, other: &Self, list: List, limit: u16) -> (List, u32) {
        let (mut out, mut count, mut at) = (List::EMPTY, 0_u32, list.first);
        while let Some(cell) = other.attributes.get(at as usize) {
            if count < limit.into() {
                let key = self.copy_key(other, cell.key());
                let value = self.copy_cell(other, cell.value());
                self.push_value(&mut out, key, value);
            }
            count += 1;
            at = cell.next;
        }
        (out, count.saturating_sub(limit.into()))
    }

    /// Copies a value of `other`.
    #[cfg(feature = "tracing")]
    pub(crate) fn copy_cell(&mut self, other: &Self, cell: Cell) -> Cell {
        match cell.kind {
            CellKind::Text => self.store_value(other.value(cell).as_str().unwrap_or("")),
            CellKind::Array => match other.arrays.get(cell.bits as usize) {
                Some(array) => self.store_array(array.clone()),
                None => self.store_value(""),
            },
            _ => cell,
        }
    }

    /// Cuts the texts of attributes and arrays from these indexes on, to this many characters.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[inline]
    pub(crate) fn cut_values(&mut self, attributes: usize, arrays: usize, limit: usize) {
        if limit != usize::MAX {
            self.cut_all(attributes, arrays, limit);
        }
    }

    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[cold]
    fn cut_all(&mut self, attributes: usize, arrays: usize, limit: usize) {
        let end_of = |text: &str| text.char_indices().nth(limit).map(|(end, _)| end);
        for a in self.attributes[attributes..].iter_mut().filter(|a| a.is_text()) {
            let bits = a.value().bits;
            let (at, len) = ((bits >> 32) as usize, bits as u32 as usize);
            if let Some(end) = self.text.get(at..at + len).and_then(end_of) {
                a.set_value(Cell::text(at as u32, end as u32));
            }
        }
        for array in &mut self.arrays[arrays..] {
            if let Array::String(texts) = array {
                for text in texts {
                    if let Some(end) = end_of(text) {
                        *text = text[..end].to_owned().into();
                    }
                }
            }
        }
    }

    /// Drops texts that nothing refers to any more, because values were replaced.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    pub(crate) fn compact_text(&mut self) {
        let old = std::mem::take(&mut self.text);
        let mut keep = |at: &mut u32, len: u32| {
            let kept = old.get(*at as usize..*at as usize + len as usize).unwrap_or("");
            *at = self.text.len() as u32;
            self.text.push_str(kept);
        };
        let mut text = |t: &mut Text| {
            if t.fixed.is_empty() {
                keep(&mut t.at, t.len);
            }
        };
        self.rows.iter_mut().for_each(|r| text(&mut r.name));
        self.extras.iter_mut().for_each(|x| text(&mut x.status_message));
        self.events.iter_mut().for_each(|e| text(&mut e.name));
        self.keys.texts_mut().for_each(text);
        for a in self.attributes.iter_mut().filter(|a| a.is_text()) {
            let bits = a.value().bits;
            let (mut at, len) = ((bits >> 32) as u32, bits as u32);
            keep(&mut at, len);
            a.set_value(Cell::text(at, len));
        }
    }
}

/// Where the tables of an appended batch begin.
struct Base {
    text: u32,
    attribute: u32,
    key: u32,
    extra: u32,
    event: u32,
    link: u32,
    array: u32,
}

impl Base {
    fn of(c: &Columns) -> Self {
        Self {
            text: c.text.len() as u32,
            attribute: c.attributes.len() as u32,
            key: c.keys.len(),
            extra: c.extras.len() as u32,
            event: c.events.len() as u32,
            link: c.links.len() as u32,
            array: c.arrays.len() as u32,
        }
    }
    #[inline]
    fn attribute(&self, a: &AttributeCell) -> AttributeCell {
        let key = (a.key() + self.key).min(MOST_KEYS - 1);
        AttributeCell::new(key, self.cell(a.value()), self.index(a.next, self.attribute))
    }
    fn event(&self, e: &EventCell) -> EventCell {
        EventCell {
            name: self.text(e.name),
            attributes: self.list(e.attributes, self.attribute),
            next: self.index(e.next, self.event),
            ..*e
        }
    }
    fn link(&self, l: LinkCell) -> LinkCell {
        LinkCell {
            attributes: self.list(l.attributes, self.attribute),
            next: self.index(l.next, self.link),
            ..l
        }
    }
    fn extra(&self, x: Extra) -> Extra {
        Extra {
            status_message: self.text(x.status_message),
            events: self.list(x.events, self.event),
            links: self.list(x.links, self.link),
            ..x
        }
    }
    #[inline]
    fn row(&self, r: &Row, scope: u32) -> Row {
        Row {
            name: self.text(r.name),
            attributes: self.list(r.attributes, self.attribute),
            extra: self.index(r.extra, self.extra),
            scope,
            ..*r
        }
    }
    fn index(&self, i: u32, base: u32) -> u32 {
        if i == NONE { NONE } else { i + base }
    }
    fn list(&self, l: List, base: u32) -> List {
        List { first: self.index(l.first, base), last: self.index(l.last, base) }
    }
    fn text(&self, t: Text) -> Text {
        // Static texts have no offset that matters.
        Text { at: t.at + self.text, ..t }
    }
    fn cell(&self, c: Cell) -> Cell {
        match c.kind {
            CellKind::Text => Cell { bits: c.bits + (u64::from(self.text) << 32), ..c },
            CellKind::Array => Cell { bits: c.bits + u64::from(self.array), ..c },
            _ => c,
        }
    }
}
