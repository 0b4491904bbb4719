//! One row from other columns.

use super::columns::{Columns, EventCell, LinkCell, List, NONE, Row, Text};
use crate::model::{Array, ValueRef};

impl Columns {
    /// Copies a row and all that belongs to it, and returns where it lies.
    pub(crate) fn copy_row(&mut self, from: &Self, row: &Row) -> usize {
        let scope = from.scopes.get(row.scope as usize).map_or(0, |s| self.scope_index(s));
        let name = self.copy_text(from, row.name);
        let attributes = self.copy_attributes(from, row.attributes);
        let at = self.rows.len();
        self.rows.push(Row { name, attributes, scope, extra: NONE, ..*row });
        if let Some(extra) = from.extras.get(row.extra as usize) {
            let status_message = self.copy_text(from, extra.status_message);
            let mine = self.extra(at);
            mine.status_message = status_message;
            mine.trace_state = extra.trace_state.clone();
            mine.dropped_attributes = extra.dropped_attributes;
            mine.dropped_events = extra.dropped_events;
            mine.dropped_links = extra.dropped_links;
            self.copy_events(from, extra.events, at);
            self.copy_links(from, extra.links, at);
        }
        at
    }

    pub(crate) fn copy_text(&mut self, from: &Self, text: Text) -> Text {
        match text.as_fixed() {
            Some(fixed) => Text::fixed(fixed),
            None => self.store(from.str(text)),
        }
    }

    fn copy_attributes(&mut self, from: &Self, list: List) -> List {
        let (mut copy, mut at) = (List::EMPTY, list.first);
        while let Some(cell) = from.attributes.get(at as usize) {
            let key = self.copy_key(from, cell.key());
            let value = match from.value(cell.value()) {
                ValueRef::String(s) => self.store_value(s),
                ValueRef::Array(a) => self.store_array(Array::clone(a)),
                _ => cell.value(),
            };
            self.push_value(&mut copy, key, value);
            at = cell.next;
        }
        copy
    }

    fn copy_events(&mut self, from: &Self, list: List, row: usize) {
        let mut at = list.first;
        while let Some(e) = from.events.get(at as usize) {
            let name = self.copy_text(from, e.name);
            let attributes = self.copy_attributes(from, e.attributes);
            self.push_event(row, EventCell { name, attributes, next: NONE, ..*e });
            at = e.next;
        }
    }

    fn copy_links(&mut self, from: &Self, list: List, row: usize) {
        let mut at = list.first;
        while let Some(l) = from.links.get(at as usize) {
            let attributes = self.copy_attributes(from, l.attributes);
            self.push_link(row, LinkCell { attributes, next: NONE, ..l.clone() });
            at = l.next;
        }
    }
}
