//! Spans between the SDK's type and our batches.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace as api;
use opentelemetry_sdk::trace as official;

use super::resource::{attributes_to, cell_of, scope_index, scope_to};
use crate::batch::{
    Attributes, Columns, EventCell, LinkCell, List, NONE, Row, SpanBatch, SpanBatchMut, SpanRef, StatusCode,
    StatusRef, Text,
};
use crate::model::{
    Resource, SpanContext, SpanId, SpanKind, TenantTag, Timestamp, TraceFlags, TraceId, TraceState,
};
use crate::record::otel::convert::{context_from, kind_from};

/// A batch of the SDK's spans, and how many could not be kept because they have no trace id or no span id.
pub fn spans_from_sdk(
    resource: Arc<Resource>,
    spans: impl IntoIterator<Item = official::SpanData>,
) -> (SpanBatch, usize) {
    let mut batch = SpanBatchMut::new(resource);
    let invalid = spans.into_iter().filter(|span| !push(&mut batch.columns, span)).count();
    (batch.seal(), invalid)
}

/// The spans of a batch as the SDK's, in order. Their resource is that of the batch.
pub fn spans_to_sdk(batch: &SpanBatch) -> Vec<official::SpanData> {
    // The spans of one library mostly follow each other.
    let mut last: Option<(usize, opentelemetry::InstrumentationScope)> = None;
    batch
        .iter()
        .map(|span| {
            let scope = match &last {
                Some((index, scope)) if *index == span.scope_index() => scope.clone(),
                _ => last.insert((span.scope_index(), scope_to(span.scope()))).1.clone(),
            };
            span_to(span, scope)
        })
        .collect()
}

/// Adds a row; `false` if the span has no ids.
pub(super) fn push(c: &mut Columns, span: &official::SpanData) -> bool {
    let ids = &span.span_context;
    let (Some(trace_id), Some(span_id)) =
        (TraceId::from_bytes(ids.trace_id().to_bytes()), SpanId::from_bytes(ids.span_id().to_bytes()))
    else {
        return false;
    };
    let name = text(c, &span.name);
    let scope = scope_index(c, &span.instrumentation_scope);
    let attributes = push_attributes(c, &span.attributes);
    let remote = if span.parent_span_is_remote { Row::REMOTE_PARENT } else { 0 };
    let row = c.rows.len();
    c.rows.push(Row {
        trace_id,
        span_id,
        parent: SpanId::from_bytes(span.parent_span_id.to_bytes()),
        start: Timestamp::from(span.start_time).unix_nanos(),
        end: Timestamp::from(span.end_time).unix_nanos(),
        name,
        attributes,
        scope,
        extra: NONE,
        attribute_count: u16::try_from(span.attributes.len()).unwrap_or(u16::MAX),
        kind: kind_from(span.span_kind.clone()),
        status: StatusCode::Unset,
        flags: TraceFlags(ids.trace_flags().to_u8()),
        bits: Row::ENDED | Row::START_IS_UNIX | Row::END_IS_UNIX | remote,
        tenant: TenantTag::NONE,
    });
    push_status(c, row, &span.status);
    let state = state_from(ids.trace_state());
    if !state.is_empty() {
        c.extra(row).trace_state = state;
    }
    for event in span.events.iter() {
        let name = text(c, &event.name);
        let attributes = push_attributes(c, &event.attributes);
        let time = Timestamp::from(event.timestamp).unix_nanos();
        let dropped_attributes = event.dropped_attributes_count;
        c.push_event(row, EventCell { name, time, attributes, dropped_attributes, next: NONE });
    }
    let mut dropped_links = span.links.dropped_count;
    for link in span.links.iter() {
        let Some(mut context) = context_from(&link.span_context) else {
            dropped_links = dropped_links.saturating_add(1);
            continue;
        };
        context.trace_state = state_from(link.span_context.trace_state());
        let attributes = push_attributes(c, &link.attributes);
        let dropped_attributes = link.dropped_attributes_count;
        c.push_link(row, LinkCell { context, attributes, dropped_attributes, next: NONE });
    }
    if span.dropped_attributes_count | span.events.dropped_count | dropped_links != 0 {
        let extra = c.extra(row);
        extra.dropped_attributes = span.dropped_attributes_count;
        extra.dropped_events = span.events.dropped_count;
        extra.dropped_links = dropped_links;
    }
    true
}

#[expect(clippy::ptr_arg, reason = "a static text needs no copy")]
fn text(c: &mut Columns, s: &Cow<'static, str>) -> Text {
    match s {
        Cow::Borrowed(s) => Text::fixed(s),
        Cow::Owned(s) => c.store(s),
    }
}

fn push_attributes(c: &mut Columns, attributes: &[opentelemetry::KeyValue]) -> List {
    let mut list = List::EMPTY;
    for kv in attributes {
        let key = c.store(kv.key.as_str());
        let value = cell_of(c, &kv.value);
        c.push_attribute(&mut list, key, value);
    }
    list
}

fn push_status(c: &mut Columns, row: usize, status: &api::Status) {
    match status {
        api::Status::Unset => {}
        api::Status::Ok => c.rows[row].status = StatusCode::Ok,
        api::Status::Error { description } => {
            c.rows[row].status = StatusCode::Error;
            if !description.is_empty() {
                let message = text(c, description);
                c.extra(row).status_message = message;
            }
        }
    }
}

fn span_to(span: SpanRef<'_>, scope: opentelemetry::InstrumentationScope) -> official::SpanData {
    let (dropped_attributes, dropped_events, dropped_links) = span.dropped_counts();
    let mut events = official::SpanEvents::default();
    events.dropped_count = dropped_events;
    events.events.extend(span.events().map(|e| {
        let attributes = all(e.attributes());
        api::Event::new(e.name().to_owned(), e.time().into(), attributes, e.dropped_attributes())
    }));
    let mut links = official::SpanLinks::default();
    links.dropped_count = dropped_links;
    links.links.extend(
        span.links()
            .map(|l| api::Link::new(context_to(l.context()), all(l.attributes()), l.dropped_attributes())),
    );
    official::SpanData {
        span_context: context_to(&span.context()),
        parent_span_id: span
            .parent_span_id()
            .map_or(opentelemetry::SpanId::INVALID, |id| opentelemetry::SpanId::from_bytes(id.to_bytes())),
        parent_span_is_remote: span.parent_is_remote(),
        span_kind: kind_to(span.kind()),
        name: span.name_cow(),
        start_time: span.start().into(),
        end_time: span.end().into(),
        attributes: attributes_to(span.attributes(), span.attribute_count()),
        dropped_attributes_count: dropped_attributes,
        events,
        links,
        status: match span.status() {
            StatusRef::Unset => api::Status::Unset,
            StatusRef::Ok => api::Status::Ok,
            StatusRef::Error(message) => api::Status::error(message.to_owned()),
        },
        instrumentation_scope: scope,
    }
}

fn all(attributes: Attributes<'_>) -> Vec<opentelemetry::KeyValue> {
    attributes_to(attributes, 0)
}

fn kind_to(kind: SpanKind) -> api::SpanKind {
    match kind {
        SpanKind::Internal => api::SpanKind::Internal,
        SpanKind::Server => api::SpanKind::Server,
        SpanKind::Client => api::SpanKind::Client,
        SpanKind::Producer => api::SpanKind::Producer,
        SpanKind::Consumer => api::SpanKind::Consumer,
    }
}

fn context_to(c: &SpanContext) -> api::SpanContext {
    api::SpanContext::new(
        opentelemetry::TraceId::from_bytes(c.trace_id.to_bytes()),
        opentelemetry::SpanId::from_bytes(c.span_id.to_bytes()),
        opentelemetry::TraceFlags::new(c.flags.0),
        c.is_remote,
        state_to(&c.trace_state),
    )
}

fn state_from(state: &api::TraceState) -> TraceState {
    // Most spans have none, and making the text allocates.
    if *state == api::TraceState::NONE {
        TraceState::EMPTY
    } else {
        TraceState::from_validated(&state.header())
    }
}

/// Not by the type's own parser, which trims the members that its constructor accepts as they are.
fn state_to(state: &TraceState) -> api::TraceState {
    if state.is_empty() {
        return api::TraceState::NONE;
    }
    api::TraceState::from_key_value(state.members()).unwrap_or_else(|_| {
        // It refuses a key whose part behind the `@` has 14 characters, which the standard allows: that one goes.
        let good = |member: &(&str, &str)| api::TraceState::from_key_value([*member]).is_ok();
        api::TraceState::from_key_value(state.members().filter(good)).unwrap_or_default()
    })
}
