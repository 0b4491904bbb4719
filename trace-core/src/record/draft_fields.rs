//! What the `tracing` layer does with drafts: it fills one with fields while no lock is held, and copies from it into the
//! span's own.

use super::draft::Draft;
use super::handle::write_status;
use crate::batch::{Cell, NONE, StatusCode, Text};
use crate::model::{SpanKind, Status, Timestamp};

const ROW: usize = Draft::ROW;

impl Draft {
    pub(super) fn kind(&self) -> SpanKind {
        self.columns.rows[ROW].kind
    }

    /// Sets the start to one that has been read.
    pub(super) fn set_start_ticks(&mut self, ticks: u64) {
        self.columns.rows[ROW].start = ticks;
    }

    /// Adds an attribute whose key is known to be new.
    #[inline]
    pub(super) fn push_attribute(&mut self, key: Text, value: Cell) {
        let c = &mut self.columns;
        let Some(count) = c.rows[ROW].attribute_count.checked_add(1) else {
            c.extra(ROW).dropped_attributes += 1;
            return;
        };
        c.rows[ROW].attribute_count = count;
        c.push_attribute_of(ROW, key, value);
    }

    /// Adds a text whose key is known to be new.
    pub(super) fn push_text(&mut self, key: &'static str, value: &str) {
        let value = self.columns.store_value(value);
        self.push_attribute(Text::fixed(key), value);
    }

    /// Sets the outcome before the span is begun.
    pub(super) fn set_first_status(&mut self, status: Status) {
        write_status(&mut self.columns, ROW, status);
    }

    /// Whether an outcome was set.
    pub(super) fn has_status(&self) -> bool {
        self.columns.rows[ROW].status != StatusCode::Unset
    }

    /// Sets the attributes of another draft, its name and its kind.
    pub(super) fn set_from(&mut self, other: &Self, renamed: bool, kind: Option<SpanKind>) {
        self.edit(|c, row, limits| {
            let from = &other.columns;
            let mut at = from.rows[ROW].attributes.first;
            while let Some(cell) = from.attributes.get(at as usize) {
                let key = c.copy_text(from, from.key(*cell));
                let value = c.copy_cell(from, cell.value());
                c.set_attribute(row, key, value, limits.attributes);
                at = cell.next;
            }
            if renamed {
                c.rows[row].name = c.copy_text(from, from.rows[ROW].name);
            }
            if let Some(kind) = kind {
                c.rows[row].kind = kind;
            }
        });
        let said = self.slot.map(|slot| slot.tenants.said_in(&other.columns, ROW)).unwrap_or_default();
        if !said.is_none() {
            self.set_tenant(said);
        }
    }

    /// Adds an event with the name and the attributes of another draft.
    pub(super) fn add_event_from(&mut self, other: &Self, time: Timestamp) {
        let (from, event) = (&other.columns, &other.columns.rows[ROW]);
        self.add_event(
            time,
            |c| c.copy_text(from, event.name),
            |c, limit| c.copy_list(from, event.attributes, limit),
        );
    }

    /// Whether an event would be kept.
    pub(super) fn has_room_for_event(&self) -> bool {
        let c = &self.columns;
        let extra = c.rows[ROW].extra;
        extra == NONE || self.slot.is_none_or(|s| c.extras[extra as usize].event_count < s.limits.events)
    }

    /// Counts an event that is not kept.
    pub(super) fn drop_event(&mut self) {
        self.columns.extra(ROW).dropped_events += 1;
    }
}
