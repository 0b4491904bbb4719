//! A batch that one owner builds or changes.

use std::sync::Arc;

use super::columns::{Columns, EventCell, LinkCell, List, NONE, Row, StatusCode};
use super::scope_ref::ScopeRef;
use super::{Home, SpanBatch, SpanRef};
use crate::model::{KeyValue, Resource, SpanData, Status, TenantId, TenantTag, TraceState, Value};

/// A batch that one owner builds or changes, and then seals.
#[derive(Clone, Debug)]
pub struct SpanBatchMut {
    pub(crate) columns: Columns,
    pub(crate) resource: Arc<Resource>,
    pub(crate) home: Home,
}

impl Drop for SpanBatchMut {
    fn drop(&mut self) {
        if let Some(pool) = self.home.0.take() {
            pool.put(std::mem::take(&mut self.columns));
        }
    }
}

impl SpanBatchMut {
    /// An empty batch of this resource.
    pub fn new(resource: Arc<Resource>) -> Self {
        Self { columns: Columns::default(), resource, home: Home::default() }
    }

    pub(crate) fn from_columns(columns: Columns, resource: Arc<Resource>) -> Self {
        Self { columns, resource, home: Home::default() }
    }

    /// How many spans it holds.
    pub fn len(&self) -> usize {
        self.columns.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.columns.rows.is_empty()
    }

    /// What produced the spans.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// Replaces the resource of all spans.
    pub fn set_resource(&mut self, resource: Arc<Resource>) {
        self.resource = resource;
    }

    /// The spans.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        self.columns.rows.iter().map(|row| SpanRef { columns: &self.columns, row, resource: &self.resource })
    }

    /// One span, if the index is within the batch.
    pub fn get(&self, index: usize) -> Option<SpanRef<'_>> {
        let row = self.columns.rows.get(index)?;
        Some(SpanRef { columns: &self.columns, row, resource: &self.resource })
    }

    /// Adds or replaces an attribute of one span.
    ///
    /// # Panics
    /// If the index is not within the batch.
    pub fn set_attribute(&mut self, index: usize, attribute: KeyValue) {
        self.columns.forget_tenant(index, &attribute.key);
        let key = self.columns.text_of(attribute.key);
        let value = self.columns.cell_of(attribute.value);
        self.columns.set_attribute(index, key, value, u16::MAX);
    }

    /// Replaces the value of every attribute, event attribute and link attribute for which `f` returns one.
    /// The first argument is the key.
    pub fn replace_values(&mut self, mut f: impl FnMut(&str, &Value) -> Option<Value>) {
        for i in 0..self.columns.attributes.len() {
            let cell = self.columns.attributes[i];
            let new =
                f(self.columns.str(self.columns.key(cell)), &self.columns.value(cell.value()).to_value());
            if let Some(new) = new {
                if self.columns.str(self.columns.key(cell)) == TenantId::ATTRIBUTE {
                    self.columns.forget_tenants();
                }
                let value = self.columns.cell_of(new);
                self.columns.attributes[i].set_value(value);
            }
        }
    }

    /// Removes an attribute of one span.
    ///
    /// # Panics
    /// If the index is not within the batch.
    pub fn remove_attribute(&mut self, index: usize, key: &str) {
        self.columns.forget_tenant(index, key);
        let c = &mut self.columns;
        let mut kept = List::EMPTY;
        let mut count = 0_u16;
        let mut at = c.rows[index].attributes.first;
        while at != NONE {
            let cell = c.attributes[at as usize];
            if c.str(c.key(cell)) != key {
                if kept.first == NONE {
                    kept.first = at;
                } else {
                    c.attributes[kept.last as usize].next = at;
                }
                kept.last = at;
                count = count.saturating_add(1);
            }
            at = cell.next;
        }
        if kept.last != NONE {
            c.attributes[kept.last as usize].next = NONE;
        }
        c.rows[index].attributes = kept;
        c.rows[index].attribute_count = count;
    }

    /// Replaces the name of one span.
    ///
    /// # Panics
    /// If the index is not within the batch.
    pub fn set_name(&mut self, index: usize, name: &str) {
        self.columns.rows[index].name = self.columns.store(name);
    }

    /// Keeps the spans for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(SpanRef<'_>) -> bool) {
        // First all decisions, so that a panic leaves the batch as it was.
        let kept: Vec<bool> = self.iter().map(&mut keep).collect();
        let mut kept = kept.into_iter();
        self.columns.rows.retain(|_| kept.next().unwrap_or(true));
    }

    /// Adds a copy of a span of another batch, and says at which index. The resource is that of this batch.
    pub fn push_ref(&mut self, span: SpanRef<'_>) -> usize {
        self.columns.copy_row(span.columns, span.row)
    }

    /// Replaces the trace state of one span.
    ///
    /// # Panics
    /// If the index is not within the batch.
    pub fn set_trace_state(&mut self, index: usize, state: TraceState) {
        if !(state.is_empty() && self.columns.rows[index].extra == NONE) {
            self.columns.extra(index).trace_state = state;
        }
    }

    /// Sets or clears the sampled flag of one span. Destinations get sampled spans only, unless they ask for others.
    ///
    /// # Panics
    /// If the index is not within the batch.
    pub fn set_sampled(&mut self, index: usize, sampled: bool) {
        let row = &mut self.columns.rows[index];
        row.flags = row.flags.with_sampled(sampled);
    }

    /// Says that one span was recorded with certainty.
    pub(crate) fn set_recorded_regardless(&mut self, index: usize) {
        self.columns.rows[index].bits |= Row::REGARDLESS;
    }

    /// Says whose one span is, in the drain's stead.
    pub(crate) fn set_tenant(&mut self, index: usize, tenant: TenantTag) {
        self.columns.rows[index].tenant = tenant;
    }

    /// Adds a span.
    pub fn push(&mut self, span: SpanData) {
        let c = &mut self.columns;
        let name = c.text_of(span.name);
        let scope = c.scope_index(&ScopeRef::Shared(span.scope));
        let mut attributes = List::EMPTY;
        let attribute_count = push_all(c, &mut attributes, span.attributes);
        let mut bits = Row::ENDED | Row::START_IS_UNIX | Row::END_IS_UNIX;
        if span.parent_is_remote {
            bits |= Row::REMOTE_PARENT;
        }
        let (status, message) = match span.status {
            Status::Unset => (StatusCode::Unset, None),
            Status::Ok => (StatusCode::Ok, None),
            Status::Error(m) => (StatusCode::Error, (!m.is_empty()).then_some(m)),
        };
        let row = c.rows.len();
        c.rows.push(Row {
            trace_id: span.context.trace_id,
            span_id: span.context.span_id,
            parent: span.parent_span_id,
            start: span.start.unix_nanos(),
            end: span.end.unix_nanos(),
            name,
            attributes,
            scope,
            extra: NONE,
            attribute_count,
            kind: span.kind,
            status,
            flags: span.context.flags,
            bits,
            // What it says of its tenant is an attribute like any other here.
            tenant: TenantTag::NONE,
        });
        if let Some(m) = message {
            let m = c.text_of(m);
            c.extra(row).status_message = m;
        }
        if !span.context.trace_state.is_empty() {
            c.extra(row).trace_state = span.context.trace_state;
        }
        if span.dropped_attributes | span.dropped_events | span.dropped_links != 0 {
            let x = c.extra(row);
            x.dropped_attributes = span.dropped_attributes;
            x.dropped_events = span.dropped_events;
            x.dropped_links = span.dropped_links;
        }
        for e in span.events {
            let name = c.text_of(e.name);
            let mut attributes = List::EMPTY;
            push_all(c, &mut attributes, e.attributes);
            let event = EventCell {
                name,
                time: e.time.unix_nanos(),
                attributes,
                dropped_attributes: e.dropped_attributes,
                next: NONE,
            };
            c.push_event(row, event);
        }
        for l in span.links {
            let mut attributes = List::EMPTY;
            push_all(c, &mut attributes, l.attributes);
            let link = LinkCell {
                context: l.context,
                attributes,
                dropped_attributes: l.dropped_attributes,
                next: NONE,
            };
            c.push_link(row, link);
        }
    }

    /// Bytes allocated.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.columns.capacity_bytes()
    }

    /// The same in storage without much spare capacity, for those who keep it for long.
    pub(crate) fn without_spare(self) -> Self {
        // Cloned tables have no spare capacity, and the roomy ones go back to where they came from.
        if self.columns.capacity_bytes() > self.columns.byte_size() / 4 * 5 { self.clone() } else { self }
    }

    /// Makes it immutable and shareable.
    pub fn seal(self) -> SpanBatch {
        SpanBatch::new(self)
    }
}

impl Extend<SpanData> for SpanBatchMut {
    fn extend<T: IntoIterator<Item = SpanData>>(&mut self, iter: T) {
        iter.into_iter().for_each(|s| self.push(s));
    }
}

fn push_all(c: &mut Columns, list: &mut List, attributes: Vec<KeyValue>) -> u16 {
    let mut n = 0_u16;
    for kv in attributes {
        let key = c.text_of(kv.key);
        let value = c.cell_of(kv.value);
        c.push_attribute(list, key, value);
        n = n.saturating_add(1);
    }
    n
}
