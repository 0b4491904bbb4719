//! `ExportTraceServiceRequest` as JSON.

use trace_core::batch::{EventRef, LinkRef, SpanBatch, SpanRef, StatusRef};

use super::value::{attributes, resource, scope};
use super::writer::Json;
use crate::otlp::encode::{rows_by_scope, span_flags};

pub(super) fn request(json: &mut Json<'_>, batch: &SpanBatch) {
    let rows = rows_by_scope(batch);
    let scope_of = |row: &u32| batch.get(*row as usize).map(|s| s.scope_index());
    json.object(|json| {
        json.key("resourceSpans").array([()], |json, ()| {
            json.object(|json| {
                resource(json, batch.resource());
                json.key("scopeSpans").array(
                    rows.chunk_by(|a, b| scope_of(a) == scope_of(b)),
                    |json, rows| {
                        json.object(|json| scope_spans(json, batch, rows));
                    },
                );
                json.text("schemaUrl", &batch.resource().schema_url);
            });
        });
    });
}

fn scope_spans(json: &mut Json<'_>, batch: &SpanBatch, rows: &[u32]) {
    let spans = || rows.iter().filter_map(|row| batch.get(*row as usize));
    if let Some(first) = spans().next() {
        scope(json, first.scope());
        json.text("schemaUrl", &first.scope().schema_url);
    }
    json.key("spans").array(spans(), |json, s| json.object(|json| span(json, s)));
}

fn span(json: &mut Json<'_>, s: SpanRef<'_>) {
    json.key("traceId").hex(&s.trace_id().to_bytes());
    json.key("spanId").hex(&s.span_id().to_bytes());
    json.text("traceState", s.trace_state().as_str());
    if let Some(parent) = s.parent_span_id() {
        json.key("parentSpanId").hex(&parent.to_bytes());
    }
    json.number("flags", span_flags(s.flags(), s.parent_is_remote()).into());
    json.text("name", s.name());
    json.number("kind", s.kind() as i64);
    json.long("startTimeUnixNano", s.start().unix_nanos());
    json.long("endTimeUnixNano", s.end().unix_nanos());
    attributes(json, "attributes", s.attributes());
    let (dropped_attributes, dropped_events, dropped_links) = s.dropped_counts();
    json.number("droppedAttributesCount", dropped_attributes.into());
    json.list("events", s.events(), |json, e| json.object(|json| event(json, e)));
    json.number("droppedEventsCount", dropped_events.into());
    json.list("links", s.links(), |json, l| json.object(|json| link(json, l)));
    json.number("droppedLinksCount", dropped_links.into());
    match s.status() {
        StatusRef::Unset => {}
        StatusRef::Ok => json.key("status").object(|json| json.number("code", 1)),
        StatusRef::Error(message) => json.key("status").object(|json| {
            json.text("message", message);
            json.number("code", 2);
        }),
    }
}

fn event(json: &mut Json<'_>, e: EventRef<'_>) {
    json.long("timeUnixNano", e.time().unix_nanos());
    json.text("name", e.name());
    attributes(json, "attributes", e.attributes());
    json.number("droppedAttributesCount", e.dropped_attributes().into());
}

fn link(json: &mut Json<'_>, l: LinkRef<'_>) {
    let context = l.context();
    json.key("traceId").hex(&context.trace_id.to_bytes());
    json.key("spanId").hex(&context.span_id.to_bytes());
    json.text("traceState", context.trace_state.as_str());
    attributes(json, "attributes", l.attributes());
    json.number("droppedAttributesCount", l.dropped_attributes().into());
    json.number("flags", span_flags(context.flags, context.is_remote).into());
}
