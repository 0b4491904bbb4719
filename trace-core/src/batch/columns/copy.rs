//! Copying one span from table to table.

use super::{AttributeCell, Cell, CellKind, Columns, EventCell, LinkCell, List, NONE, Row, Text};

impl Columns {
    /// Appends a copy of a row of other columns, with everything it points at, and says where.
    pub(crate) fn copy_row(&mut self, from: &Self, row: &Row) -> usize {
        let scope = from.scopes.get(row.scope as usize).map_or(0, |s| self.scope_index(s));
        let name = self.copy_text(from, row.name);
        let attributes = self.copy_attributes(from, row.attributes);
        let at = self.rows.len();
        self.rows.push(Row { name, attributes, scope, extra: NONE, ..*row });
        let Some(extra) = from.extras.get(row.extra as usize) else { return at };
        let status_message = self.copy_text(from, extra.status_message);
        let own = self.extra(at);
        own.status_message = status_message;
        own.trace_state = extra.trace_state.clone();
        own.dropped_attributes = extra.dropped_attributes;
        own.dropped_events = extra.dropped_events;
        own.dropped_links = extra.dropped_links;
        let mut next = extra.events.first;
        while let Some(event) = from.events.get(next as usize) {
            let name = self.copy_text(from, event.name);
            let attributes = self.copy_attributes(from, event.attributes);
            self.push_event(at, EventCell { name, attributes, next: NONE, ..*event });
            next = event.next;
        }
        let mut next = extra.links.first;
        while let Some(link) = from.links.get(next as usize) {
            let attributes = self.copy_attributes(from, link.attributes);
            self.push_link(at, LinkCell { attributes, next: NONE, ..link.clone() });
            next = link.next;
        }
        at
    }

    fn copy_attributes(&mut self, from: &Self, list: List) -> List {
        let mut copy = List::EMPTY;
        let mut next = list.first;
        while let Some(&AttributeCell { key, value, next: following }) = from.attributes.get(next as usize) {
            let key = self.copy_text(from, key);
            let value = self.copy_cell(from, value);
            self.push_attribute(&mut copy, key, value);
            next = following;
        }
        copy
    }

    fn copy_text(&mut self, from: &Self, text: Text) -> Text {
        if text.fixed.is_empty() { self.store(from.str(text)) } else { text }
    }

    fn copy_cell(&mut self, from: &Self, cell: Cell) -> Cell {
        match cell.kind {
            CellKind::Text => self.store_value(from.slice((cell.bits >> 32) as u32, cell.bits as u32)),
            CellKind::Array => match from.arrays.get(cell.bits as usize) {
                Some(array) => self.store_array(array.clone()),
                None => self.store_value(""),
            },
            CellKind::Bool | CellKind::I64 | CellKind::F64 => cell,
        }
    }
}
