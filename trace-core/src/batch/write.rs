//! Writing spans into a batch field by field, for those who decode them: no span, event or attribute is allocated for
//! itself.

use std::sync::Arc;

use super::columns::{Cell, Columns, EventCell, Extra, LinkCell, List, NONE, Row, StatusCode, Text};
use super::scope_ref::ScopeRef;
use super::{SpanBatchMut, StatusRef};
use crate::model::{
    Scope, SpanContext, SpanId, SpanKind, TenantTag, Timestamp, TraceFlags, TraceId, TraceState, ValueRef,
};

impl SpanBatchMut {
    /// Begins a span of this scope. It becomes part of the batch with [`SpanWriter::finish`]; what was written of one
    /// that is dropped before is forgotten, and takes room until the batch goes.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use trace_core::batch::SpanBatchMut;
    /// # use trace_core::model::{Resource, Scope, SpanId, TraceId, ValueRef};
    /// let mut batch = SpanBatchMut::new(Arc::new(Resource::service("shop")));
    /// let mut span = batch.begin_span(&Arc::new(Scope::named("lib")));
    /// span.name("GET /");
    /// span.attribute("http.route", ValueRef::String("/"));
    /// let mut event = span.event();
    /// event.name("sent");
    /// event.finish();
    /// span.finish(TraceId::MIN, SpanId::MAX);
    /// assert_eq!(batch.get(0).unwrap().attribute_count(), 1);
    /// ```
    #[inline]
    pub fn begin_span(&mut self, scope: &Arc<Scope>) -> SpanWriter<'_> {
        let c = &mut self.columns;
        let scope = match c.scopes.last() {
            Some(last) if std::ptr::eq::<Scope>(&**last, &**scope) => c.scopes.len() as u32 - 1,
            _ => c.scope_index(&ScopeRef::Shared(scope.clone())),
        };
        let guess = c.rows.last().map_or(NONE, |row| row.attributes.first);
        let row = Row {
            trace_id: TraceId::MIN,
            span_id: SpanId::MAX,
            parent: None,
            start: 0,
            end: 0,
            name: Text::EMPTY,
            attributes: List::EMPTY,
            scope,
            extra: NONE,
            attribute_count: 0,
            kind: SpanKind::Internal,
            status: StatusCode::Unset,
            flags: TraceFlags::default(),
            tenant: TenantTag::NONE,
            bits: Row::ENDED | Row::START_IS_UNIX | Row::END_IS_UNIX,
        };
        SpanWriter { columns: c, row, guess }
    }

    /// Makes room for so many more spans, attributes of all of them, and bytes of text, so that writing them does not
    /// move what is there.
    pub fn reserve(&mut self, spans: usize, attributes: usize, text: usize) {
        self.columns.rows.reserve(spans);
        self.columns.attributes.reserve(attributes);
        self.columns.text.reserve(text);
    }
}

/// A span that is being written; see [`SpanBatchMut::begin_span`]. Fields come in any order; one that is written twice
/// has its last value. One that is not written is that of a span that says nothing: no parent, internal, not sampled.
#[derive(Debug)]
#[must_use = "it is not in the batch before it is finished"]
pub struct SpanWriter<'a> {
    columns: &'a mut Columns,
    row: Row,
    /// The attribute that the next one may have its key in common with: spans in a row have mostly the same keys.
    guess: u32,
}

impl SpanWriter<'_> {
    /// What the work is called.
    #[inline]
    pub fn name(&mut self, name: &str) {
        self.row.name = self.columns.store(name);
    }

    /// The role in the trace.
    #[inline]
    pub fn kind(&mut self, kind: SpanKind) {
        self.row.kind = kind;
    }

    /// When the work began.
    #[inline]
    pub fn start(&mut self, time: Timestamp) {
        self.row.start = time.unix_nanos();
    }

    /// When it ended.
    #[inline]
    pub fn end(&mut self, time: Timestamp) {
        self.row.end = time.unix_nanos();
    }

    /// The parent.
    #[inline]
    pub fn parent(&mut self, id: Option<SpanId>) {
        self.row.parent = id;
    }

    /// Whether the parent lives in another process.
    #[inline]
    pub fn parent_is_remote(&mut self, yes: bool) {
        self.row.bits =
            if yes { self.row.bits | Row::REMOTE_PARENT } else { self.row.bits & !Row::REMOTE_PARENT };
    }

    /// The W3C flags. Destinations get sampled spans only, unless they ask for others.
    #[inline]
    pub fn flags(&mut self, flags: TraceFlags) {
        self.row.flags = flags;
    }

    /// Vendor data of the trace.
    pub fn trace_state(&mut self, state: TraceState) {
        if !(state.is_empty() && self.row.extra == NONE) {
            self.extra().trace_state = state;
        }
    }

    /// The outcome.
    #[inline]
    pub fn status(&mut self, status: StatusRef<'_>) {
        self.row.status = match status {
            StatusRef::Unset => StatusCode::Unset,
            StatusRef::Ok => StatusCode::Ok,
            StatusRef::Error(_) => StatusCode::Error,
        };
        if let StatusRef::Error(message) = status
            && !(message.is_empty() && self.row.extra == NONE)
        {
            let message = self.columns.store(message);
            self.extra().status_message = message;
        }
    }

    /// How many attributes, events and links limits have left out already.
    #[inline]
    pub fn dropped_counts(&mut self, attributes: u32, events: u32, links: u32) {
        if attributes | events | links != 0 || self.row.extra != NONE {
            let extra = self.extra();
            extra.dropped_attributes = attributes;
            extra.dropped_events = events;
            extra.dropped_links = links;
        }
    }

    /// Adds an attribute, behind those that are there. Whether its key is among them is not looked for.
    #[inline]
    pub fn attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.columns.write_attribute(&mut self.row.attributes, &mut self.guess, key, value);
        self.row.attribute_count = self.row.attribute_count.saturating_add(1);
    }

    /// The same for a key that is not known to be UTF-8. That is found out only of one that the span before does not have.
    ///
    /// # Errors
    /// If the key is not UTF-8; nothing is added then.
    #[inline]
    pub fn attribute_utf8(&mut self, key: &[u8], value: ValueRef<'_>) -> Result<(), std::str::Utf8Error> {
        let key = self.columns.guessed_key(&mut self.guess, key)?;
        self.columns.write_value(&mut self.row.attributes, key, value);
        self.row.attribute_count = self.row.attribute_count.saturating_add(1);
        Ok(())
    }

    /// Begins an event, to be added behind those that are there.
    pub fn event(&mut self) -> EventWriter<'_> {
        let guess = self.columns.events.last().map_or(NONE, |e| e.attributes.first);
        let cell = EventCell {
            name: Text::EMPTY,
            time: 0,
            attributes: List::EMPTY,
            dropped_attributes: 0,
            next: NONE,
        };
        EventWriter { columns: self.columns, row: &mut self.row, cell, guess }
    }

    /// Begins a link, to be added behind those that are there.
    pub fn link(&mut self) -> LinkWriter<'_> {
        let guess = self.columns.links.last().map_or(NONE, |l| l.attributes.first);
        LinkWriter {
            columns: self.columns,
            row: &mut self.row,
            attributes: List::EMPTY,
            dropped_attributes: 0,
            guess,
        }
    }

    /// Adds the span to the batch.
    #[inline]
    pub fn finish(mut self, trace_id: TraceId, span_id: SpanId) {
        self.row.trace_id = trace_id;
        self.row.span_id = span_id;
        self.columns.rows.push(self.row);
    }

    fn extra(&mut self) -> &mut Extra {
        self.columns.extra_of(&mut self.row)
    }
}

/// An event of a span that is being written.
#[derive(Debug)]
#[must_use = "it is not in the span before it is finished"]
pub struct EventWriter<'a> {
    columns: &'a mut Columns,
    row: &'a mut Row,
    cell: EventCell,
    guess: u32,
}

impl EventWriter<'_> {
    /// What happened.
    pub fn name(&mut self, name: &str) {
        self.cell.name = self.columns.store(name);
    }

    /// When.
    pub fn time(&mut self, time: Timestamp) {
        self.cell.time = time.unix_nanos();
    }

    /// Adds an attribute.
    pub fn attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.columns.write_attribute(&mut self.cell.attributes, &mut self.guess, key, value);
    }

    /// How many attributes a limit has left out already.
    pub fn dropped_attributes(&mut self, count: u32) {
        self.cell.dropped_attributes = count;
    }

    /// Adds the event to the span.
    pub fn finish(self) {
        let Self { columns, row, cell, .. } = self;
        let at = columns.events.len() as u32;
        columns.events.push(cell);
        let extra = columns.extra_of(row);
        extra.event_count = extra.event_count.saturating_add(1);
        let last = std::mem::replace(&mut extra.events.last, at);
        if last == NONE {
            extra.events.first = at;
        } else if let Some(cell) = columns.events.get_mut(last as usize) {
            cell.next = at;
        }
    }
}

/// A link of a span that is being written.
#[derive(Debug)]
#[must_use = "it is not in the span before it is finished"]
pub struct LinkWriter<'a> {
    columns: &'a mut Columns,
    row: &'a mut Row,
    attributes: List,
    dropped_attributes: u32,
    guess: u32,
}

impl LinkWriter<'_> {
    /// Adds an attribute.
    pub fn attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.columns.write_attribute(&mut self.attributes, &mut self.guess, key, value);
    }

    /// How many attributes a limit has left out already.
    pub fn dropped_attributes(&mut self, count: u32) {
        self.dropped_attributes = count;
    }

    /// Adds the link, to this span, to the one that is being written.
    pub fn finish(self, context: SpanContext) {
        let Self { columns, row, attributes, dropped_attributes, .. } = self;
        let at = columns.links.len() as u32;
        columns.links.push(LinkCell { context, attributes, dropped_attributes, next: NONE });
        let extra = columns.extra_of(row);
        extra.link_count = extra.link_count.saturating_add(1);
        let last = std::mem::replace(&mut extra.links.last, at);
        if last == NONE {
            extra.links.first = at;
        } else if let Some(cell) = columns.links.get_mut(last as usize) {
            cell.next = at;
        }
    }
}

impl Columns {
    #[inline]
    fn write_attribute(&mut self, list: &mut List, guess: &mut u32, key: &str, value: ValueRef<'_>) {
        // It is UTF-8, so this does not fail.
        if let Ok(key) = self.guessed_key(guess, key.as_bytes()) {
            self.write_value(list, key, value);
        }
    }

    #[inline]
    fn write_value(&mut self, list: &mut List, key: u32, value: ValueRef<'_>) {
        let value = match value {
            ValueRef::Bool(v) => Cell::bool(v),
            ValueRef::I64(v) => Cell::i64(v),
            ValueRef::F64(v) => Cell::f64(v),
            ValueRef::String(v) => self.store_value(v),
            ValueRef::Array(v) => self.store_array(v.clone()),
        };
        self.push_value(list, key, value);
    }

    /// What most spans do not have, of a row that is not in the table yet.
    fn extra_of(&mut self, row: &mut Row) -> &mut Extra {
        if row.extra == NONE {
            self.extras.push(Extra::EMPTY);
            row.extra = (self.extras.len() - 1) as u32;
        }
        &mut self.extras[row.extra as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Resource;

    #[test]
    fn a_span_that_is_not_finished_leaves_nothing_behind_and_keys_stay_right() {
        let scope = Arc::new(Scope::named("lib"));
        let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
        let write = |span: &mut SpanWriter<'_>, keys: &[&str]| {
            keys.iter().for_each(|k| span.attribute(k, ValueRef::String(k)));
            let mut event = span.event();
            event.name("e");
            keys.iter().for_each(|k| event.attribute(k, ValueRef::I64(1)));
            event.finish();
            span.status(StatusRef::Error("bad"));
        };
        let shapes: [&[&str]; 5] =
            [&["a", "b", "c"], &["b", "c"], &[], &["a", "b", "c", "d"], &["a", "b", "c"]];
        for (i, keys) in shapes.iter().enumerate() {
            let mut lost = batch.begin_span(&scope);
            write(&mut lost, &["x", "a"]);
            drop(lost);
            let mut span = batch.begin_span(&scope);
            write(&mut span, keys);
            span.finish(TraceId::MIN, SpanId::new(i as u64 + 1).unwrap());
        }
        let batch = batch.seal();
        assert_eq!(batch.len(), 5);
        for (span, keys) in batch.iter().zip(shapes) {
            let got: Vec<(&str, &str)> = span.attributes().map(|(k, v)| (k, v.as_str().unwrap())).collect();
            assert_eq!(got, keys.iter().map(|k| (*k, *k)).collect::<Vec<_>>());
            assert_eq!(span.attribute_count(), keys.len());
            let events: Vec<Vec<&str>> =
                span.events().map(|e| e.attributes().map(|(k, _)| k).collect()).collect();
            assert_eq!(events, [keys.to_vec()]);
            assert_eq!(span.status(), StatusRef::Error("bad"));
        }
    }

    #[test]
    fn a_key_of_bytes_is_added_if_it_is_utf8() {
        let scope = Arc::new(Scope::named("lib"));
        let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
        for id in 1..=2 {
            let mut span = batch.begin_span(&scope);
            for key in [&b"key"[..], b"k\xffy", "clé".as_bytes()] {
                let added = span.attribute_utf8(key, ValueRef::Bool(true));
                assert_eq!(added.is_ok(), std::str::from_utf8(key).is_ok());
            }
            span.finish(TraceId::MIN, SpanId::new(id).unwrap());
        }
        for span in batch.seal().iter() {
            assert_eq!(span.attributes().map(|(k, _)| k).collect::<Vec<_>>(), ["key", "clé"]);
            assert_eq!(span.attribute_count(), 2);
        }
    }
}
