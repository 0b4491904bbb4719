//! Views of one span.

use std::borrow::Cow;
use std::time::Duration;

use super::columns::{Columns, EventCell, LinkCell, List, NONE, Row, StatusCode, Text};
use crate::model::{
    Event, KeyValue, Link, Resource, Scope, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp,
    TraceFlags, TraceId, TraceState, ValueRef,
};
use crate::sample::{OtelTraceState, Threshold};

static NO_STATE: TraceState = TraceState::EMPTY;

/// A view of one span in a batch. Copying it costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct SpanRef<'a> {
    pub(super) columns: &'a Columns,
    pub(super) row: &'a Row,
    pub(super) resource: &'a Resource,
}

/// The outcome of a span, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusRef<'a> {
    /// Nothing was said.
    Unset,
    /// Declared a success.
    Ok,
    /// Failed, with a description that may be empty.
    Error(&'a str),
}

impl<'a> SpanRef<'a> {
    pub(crate) fn of(columns: &'a Columns, row: &'a Row, resource: &'a Resource) -> Self {
        Self { columns, row, resource }
    }

    /// The trace the span belongs to.
    pub fn trace_id(&self) -> TraceId {
        self.row.trace_id
    }

    /// The span's own id.
    pub fn span_id(&self) -> SpanId {
        self.row.span_id
    }

    /// The parent, if there is one.
    pub fn parent_span_id(&self) -> Option<SpanId> {
        self.row.parent
    }

    /// Whether the parent lives in another process.
    pub fn parent_is_remote(&self) -> bool {
        self.row.has(Row::REMOTE_PARENT)
    }

    /// The W3C flags.
    pub fn flags(&self) -> TraceFlags {
        self.row.flags
    }

    /// Whether the span is meant for destinations. One that is not was recorded for processors alone.
    pub fn is_sampled(&self) -> bool {
        self.row.flags.is_sampled()
    }

    /// Whether the span was recorded with certainty, and not because its trace is among the sampled ones.
    pub fn is_recorded_regardless(&self) -> bool {
        self.row.has(Row::REGARDLESS)
    }

    /// How many spans of the application this one stands for: `2^56 / (2^56 - T)` if its trace state has the
    /// threshold `ot=th:T`, one if all were recorded or the probability is unknown.
    pub fn adjusted_count(&self) -> f64 {
        let state = self.trace_state();
        if state.is_empty() || self.is_recorded_regardless() {
            return 1.0;
        }
        OtelTraceState::threshold_of(state).map_or(1.0, Threshold::adjusted_count)
    }

    /// Vendor data of the trace.
    pub fn trace_state(&self) -> &'a TraceState {
        self.columns.extras.get(self.row.extra as usize).map_or(&NO_STATE, |x| &x.trace_state)
    }

    /// Ids, flags and trace state together.
    pub fn context(&self) -> SpanContext {
        SpanContext {
            trace_id: self.row.trace_id,
            span_id: self.row.span_id,
            flags: self.row.flags,
            trace_state: self.trace_state().clone(),
            is_remote: false,
            tenant: self.row.tenant,
        }
    }

    /// What the work is called.
    pub fn name(&self) -> &'a str {
        self.columns.str(self.row.name)
    }

    /// The same, owned; costs nothing if it is static.
    pub(crate) fn name_cow(&self) -> Cow<'static, str> {
        cow(self.columns, self.row.name)
    }

    /// The role in the trace.
    pub fn kind(&self) -> SpanKind {
        self.row.kind
    }

    /// When the work began.
    pub fn start(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.row.start)
    }

    /// When it ended.
    pub fn end(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.row.end)
    }

    /// How long it took; zero if the clock went backwards.
    pub fn duration(&self) -> Duration {
        self.end().since(self.start())
    }

    /// Names and values in the order they were set.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { columns: self.columns, at: self.row.attributes.first }
    }

    /// How many attributes there are.
    pub fn attribute_count(&self) -> usize {
        self.row.attribute_count.into()
    }

    /// The value of one attribute.
    pub fn attribute(&self, key: &str) -> Option<ValueRef<'a>> {
        self.attributes().find_map(|(k, v)| (k == key).then_some(v))
    }

    /// What happened inside, in the order it was recorded.
    pub fn events(&self) -> impl Iterator<Item = EventRef<'a>> + use<'a> {
        let columns = self.columns;
        let mut at = columns.extras.get(self.row.extra as usize).map_or(NONE, |x| x.events.first);
        std::iter::from_fn(move || {
            let cell = columns.events.get(at as usize)?;
            at = cell.next;
            Some(EventRef { columns, cell })
        })
    }

    /// Related spans.
    pub fn links(&self) -> impl Iterator<Item = LinkRef<'a>> + use<'a> {
        let columns = self.columns;
        let mut at = columns.extras.get(self.row.extra as usize).map_or(NONE, |x| x.links.first);
        std::iter::from_fn(move || {
            let cell = columns.links.get(at as usize)?;
            at = cell.next;
            Some(LinkRef { columns, cell })
        })
    }

    /// The outcome.
    pub fn status(&self) -> StatusRef<'a> {
        match self.row.status {
            StatusCode::Unset => StatusRef::Unset,
            StatusCode::Ok => StatusRef::Ok,
            StatusCode::Error => StatusRef::Error(
                self.columns
                    .extras
                    .get(self.row.extra as usize)
                    .map_or("", |x| self.columns.str(x.status_message)),
            ),
        }
    }

    /// The outcome without its message.
    pub fn status_code(&self) -> StatusCode {
        self.row.status
    }

    /// Whether the outcome is an error.
    pub fn is_error(&self) -> bool {
        self.row.status == StatusCode::Error
    }

    /// The library that recorded.
    pub fn scope(&self) -> &'a Scope {
        &self.columns.scopes[self.row.scope as usize]
    }

    /// A number that is equal for spans of the same batch with the same scope.
    pub fn scope_index(&self) -> usize {
        self.row.scope as usize
    }

    /// What produced the span.
    pub fn resource(&self) -> &'a Resource {
        self.resource
    }

    /// Attributes, events and links that limits left out.
    pub fn dropped_counts(&self) -> (u32, u32, u32) {
        self.columns
            .extras
            .get(self.row.extra as usize)
            .map_or((0, 0, 0), |x| (x.dropped_attributes, x.dropped_events, x.dropped_links))
    }

    /// An owned copy.
    pub fn to_span_data(&self) -> SpanData {
        let own = |(k, v): (Cow<'static, str>, ValueRef<'_>)| KeyValue::new(k, v.to_value());
        let (dropped_attributes, dropped_events, dropped_links) = self.dropped_counts();
        SpanData {
            context: self.context(),
            parent_span_id: self.parent_span_id(),
            parent_is_remote: self.parent_is_remote(),
            name: self.name_cow(),
            kind: self.kind(),
            start: self.start(),
            end: self.end(),
            attributes: self.attributes().owned_keys().map(own).collect(),
            events: self
                .events()
                .map(|e| Event {
                    name: e.name().to_owned().into(),
                    time: e.time(),
                    attributes: e.attributes().owned_keys().map(own).collect(),
                    dropped_attributes: e.dropped_attributes(),
                })
                .collect(),
            links: self
                .links()
                .map(|l| Link {
                    context: l.context().clone(),
                    attributes: l.attributes().owned_keys().map(own).collect(),
                    dropped_attributes: l.dropped_attributes(),
                })
                .collect(),
            status: match self.status() {
                StatusRef::Unset => Status::Unset,
                StatusRef::Ok => Status::Ok,
                StatusRef::Error(m) => Status::Error(m.to_owned().into()),
            },
            scope: match self.columns.scopes.get(self.row.scope as usize) {
                Some(super::ScopeRef::Shared(s)) => s.clone(),
                Some(super::ScopeRef::Static(s)) => std::sync::Arc::new((*s).clone()),
                None => std::sync::Arc::default(),
            },
            dropped_attributes,
            dropped_events,
            dropped_links,
        }
    }
}

/// Names and values of a span, event or link.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    columns: &'a Columns,
    at: u32,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(columns: &'a Columns, list: List) -> Self {
        Self { columns, at: list.first }
    }

    /// The same with names owned, which costs nothing for static ones.
    pub(crate) fn owned_keys(self) -> impl Iterator<Item = (Cow<'static, str>, ValueRef<'a>)> {
        let Self { columns, mut at } = self;
        std::iter::from_fn(move || {
            let cell = columns.attributes.get(at as usize)?;
            at = cell.next;
            Some((cow(columns, columns.key(*cell)), columns.value(cell.value())))
        })
    }
}

fn cow(columns: &Columns, text: Text) -> Cow<'static, str> {
    if text.fixed.is_empty() { Cow::Owned(columns.str(text).to_owned()) } else { Cow::Borrowed(text.fixed) }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, ValueRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        // NONE lies past the end of any table.
        let cell = self.columns.attributes.get(self.at as usize)?;
        self.at = cell.next;
        Some((self.columns.str(self.columns.key(*cell)), self.columns.value(cell.value())))
    }
}

/// A view of one event.
#[derive(Clone, Copy, Debug)]
pub struct EventRef<'a> {
    columns: &'a Columns,
    cell: &'a EventCell,
}

impl<'a> EventRef<'a> {
    /// What happened.
    pub fn name(&self) -> &'a str {
        self.columns.str(self.cell.name)
    }

    /// When.
    pub fn time(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.cell.time)
    }

    /// Details.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.columns, self.cell.attributes)
    }

    /// Attributes left out by a limit.
    pub fn dropped_attributes(&self) -> u32 {
        self.cell.dropped_attributes
    }
}

/// A view of one link.
#[derive(Clone, Copy, Debug)]
pub struct LinkRef<'a> {
    columns: &'a Columns,
    cell: &'a LinkCell,
}

impl<'a> LinkRef<'a> {
    /// The related span.
    pub fn context(&self) -> &'a SpanContext {
        &self.cell.context
    }

    /// Details.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::of(self.columns, self.cell.attributes)
    }

    /// Attributes left out by a limit.
    pub fn dropped_attributes(&self) -> u32 {
        self.cell.dropped_attributes
    }
}
