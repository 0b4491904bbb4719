//! A Trace document as spans.

use std::sync::Arc;

use serde_json::Value as Json;
use trace_core::batch::SpanBatchMut;
use trace_core::model::{
    Event as SpanEvent, KeyValue, Resource, Scope, SpanContext, SpanData, SpanId, SpanKind, Status,
    Timestamp, TraceFlags, TraceId, TraceState,
};

use super::attributes::{from_json, from_object};
use super::document::{Object, Segment, Trace};
use super::event::{self, Read};
use super::id::Uuid;
use super::keys;

/// The most segments and events of a document.
const MAX_RECORDS: usize = 100_000;

/// A document that is none of the protocol's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDocument {
    /// It is not JSON of the schema's form.
    #[error("the document is no MPLP Trace: {0}")]
    Form(#[source] serde_json::Error),
    /// A field holds what it must not.
    #[error("the document is no MPLP Trace: {0}")]
    Field(&'static str),
    /// There is more in it than is taken at once.
    #[error("the document has more than {limit} segments and events")]
    TooLong {
        /// The limit.
        limit: usize,
    },
}

/// The spans of a document: the root first, then the segments in order.
///
/// A segment that is pending or skipped has no span; its parent has an event that keeps it. A span that has not finished
/// ends when it starts, with the attribute `mplp.status`.
///
/// # Errors
/// If it is no JSON of that form, or names a field that breaks the protocol.
pub fn decode_document(json: &[u8]) -> Result<SpanBatchMut, InvalidDocument> {
    let document: Trace = serde_json::from_slice(json).map_err(InvalidDocument::Form)?;
    if document.segments.len() + document.events.len() > MAX_RECORDS {
        return Err(InvalidDocument::TooLong { limit: MAX_RECORDS });
    }
    spans(document).map_err(InvalidDocument::Field)
}

fn spans(document: Trace) -> Result<SpanBatchMut, &'static str> {
    let id = Uuid::parse(&document.trace_id).ok_or("trace_id is no UUID v4 in lower case")?;
    Uuid::parse(&document.context_id).ok_or("context_id is no UUID v4 in lower case")?;
    let root_id = Uuid::parse(&document.root_span.span_id).ok_or("root_span.span_id is no UUID v4")?;
    if document.root_span.trace_id != document.trace_id {
        return Err("root_span.trace_id is not trace_id");
    }
    let mut shared = vec![KeyValue::new(keys::CONTEXT, document.context_id.clone())];
    if let Some(plan) = &document.plan_id {
        Uuid::parse(plan).ok_or("plan_id is no UUID v4 in lower case")?;
        shared.push(KeyValue::new(keys::PLAN, plan.clone()));
    }
    let mut attributes = document.root_span.attributes;
    let name = take_text(&mut attributes, keys::NAME);
    let beside = beside(&mut attributes);
    let trace = parsed::<TraceId>(&beside, "trace_id").unwrap_or_else(|| id.trace_id());
    let reader = Reader { trace, shared };

    let earliest = document.started_at.as_deref().and_then(|time| time.parse().ok());
    let created = document.meta.get("created_at").and_then(Json::as_str).map(str::to_owned);
    let start = beside_time(&beside, "start").or(document.started_at).or(created);
    let end = beside_time(&beside, "end").or(document.finished_at);
    let parent = document.root_span.parent_span_id.as_deref();
    let times = (start.as_deref(), end.as_deref());
    let mut root = reader.span(root_id, parent, &document.status, times, attributes, &beside)?;
    root.name = name.unwrap_or_else(|| "trace".to_owned()).into();
    let meta = document.meta.iter().filter(|(key, value)| made_elsewhere(key, value, earliest));
    root.attributes.extend(
        meta.filter_map(|(key, value)| {
            Some(KeyValue::new(format!("{}{key}", keys::META), from_json(value)?))
        }),
    );
    if let Some(governance) = document.governance {
        root.attributes.push(KeyValue::new(keys::GOVERNANCE, Json::from(governance).to_string()));
    }

    let mut spans = vec![root];
    let mut waiting = Vec::new();
    for segment in document.segments {
        match segment.status.as_str() {
            "pending" | "skipped" => waiting.push(segment),
            _ => spans.push(reader.segment(segment, root_id)?),
        }
    }
    for segment in waiting {
        let (owner, event) = without_span(&segment, spans[0].start)?;
        find(&mut spans, owner).events.push(event);
    }
    for event in &document.events {
        match event::read(event, id)? {
            Read::Event(of, event) => find(&mut spans, of).events.push(event),
            Read::Link(of, link) => find(&mut spans, of).links.push(link),
        }
    }
    let resource = beside.get("resource").and_then(Json::as_object);
    let resource = resource.into_iter().flatten();
    let resource = resource.filter_map(|(key, json)| Some(KeyValue::new(key.clone(), from_json(json)?)));
    let mut batch = SpanBatchMut::new(Arc::new(Resource::new(resource)));
    batch.extend(spans);
    Ok(batch)
}

/// Whether writing the document anew would not give the same field.
fn made_elsewhere(key: &str, value: &Json, start: Option<Timestamp>) -> bool {
    match key {
        "created_at" => value.as_str().and_then(|t| t.parse().ok()) != start,
        "protocol_version" | "schema_version" => value != "1.0.0",
        _ => true,
    }
}

/// A span by its id, else the root.
fn find(spans: &mut [SpanData], id: Option<SpanId>) -> &mut SpanData {
    let place = spans.iter().position(|span| Some(span.context.span_id) == id).unwrap_or(0);
    &mut spans[place]
}

struct Reader {
    trace: TraceId,
    /// What every span of the trace has.
    shared: Vec<KeyValue>,
}

impl Reader {
    fn segment(&self, segment: Segment, root: Uuid) -> Result<SpanData, &'static str> {
        let id = Uuid::parse(&segment.segment_id).ok_or("a segment_id is no UUID v4 in lower case")?;
        let root = root.to_string();
        let parent = segment.parent_segment_id.as_deref().unwrap_or(&root);
        let mut attributes = segment.attributes;
        let beside = beside(&mut attributes);
        let times = (segment.started_at.as_deref(), segment.finished_at.as_deref());
        let mut span = self.span(id, Some(parent), &segment.status, times, attributes, &beside)?;
        span.name = segment.label.into();
        Ok(span)
    }

    fn span(
        &self,
        id: Uuid,
        parent: Option<&str>,
        status: &str,
        (start, end): (Option<&str>, Option<&str>),
        mut attributes: Object,
        beside: &Object,
    ) -> Result<SpanData, &'static str> {
        let time = |text: &str| text.parse::<Timestamp>().map_err(|_| "a time is no RFC 3339 time");
        let start = start.or(end).map(time).transpose()?.unwrap_or_default();
        let end = end.map(time).transpose()?;
        let span_id = parsed(beside, "span_id").unwrap_or_else(|| id.span_id());
        let mut context = SpanContext::new(self.trace, span_id, TraceFlags::SAMPLED);
        let text = |key: &str| beside.get(key).and_then(Json::as_str);
        context.trace_state = TraceState::from_validated(text("trace_state").unwrap_or_default());
        let mut span = SpanData::new(context, "", start, end.unwrap_or(start));
        span.parent_span_id = match parent {
            None => None,
            Some(parent) => {
                let uuid = Uuid::parse(parent).ok_or("the id of a parent is no UUID v4 in lower case")?;
                Some(parsed(beside, "parent_span_id").unwrap_or_else(|| uuid.span_id()))
            }
        };
        span.parent_is_remote = beside.get("remote_parent").and_then(Json::as_bool).unwrap_or(false);
        let kind = take_text(&mut attributes, keys::KIND);
        span.kind = kind.as_deref().and_then(kind_of).unwrap_or(SpanKind::Internal);
        span.attributes = from_object(&attributes);
        span.attributes.extend(self.shared.iter().cloned());
        match status {
            "failed" => {
                span.status = Status::Error(text("status_message").unwrap_or_default().to_owned().into());
            }
            "completed" if text("status") == Some("ok") => span.status = Status::Ok,
            "completed" => {}
            "cancelled" | "running" | "pending" => {
                span.attributes.push(KeyValue::new(keys::STATUS, status.to_owned()));
            }
            _ => return Err("a status is none of the protocol's"),
        }
        let scope = |key: &str| beside.get("scope").and_then(|s| s.get(key)).and_then(Json::as_str);
        let version = scope("version").unwrap_or_default().to_owned().into();
        span.scope =
            Arc::new(Scope { version, ..Scope::named(scope("name").unwrap_or_default().to_owned()) });
        let dropped = |key: &str| {
            let count = beside.get("dropped").and_then(|d| d.get(key)).and_then(Json::as_u64).unwrap_or(0);
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        (span.dropped_attributes, span.dropped_events, span.dropped_links) =
            (dropped("attributes"), dropped("events"), dropped("links"));
        Ok(span)
    }
}

/// A segment without a span: the parent's id, and the event that keeps it.
fn without_span(segment: &Segment, start: Timestamp) -> Result<(Option<SpanId>, SpanEvent), &'static str> {
    Uuid::parse(&segment.segment_id).ok_or("a segment_id is no UUID v4 in lower case")?;
    let owner = segment.parent_segment_id.as_deref().and_then(Uuid::parse).map(Uuid::span_id);
    let time = segment.started_at.as_deref().and_then(|time| time.parse().ok()).unwrap_or(start);
    let json = serde_json::to_string(segment).map_err(|_| "a segment cannot be kept as JSON")?;
    let name = format!("{}{}", keys::SEGMENT, segment.status).into();
    let attributes = vec![KeyValue::new(keys::SEGMENT_JSON, json)];
    Ok((owner, SpanEvent { name, time, attributes, dropped_attributes: 0 }))
}

/// Takes out what stands for fields that the protocol does not have.
fn beside(attributes: &mut Object) -> Object {
    match attributes.remove(keys::OTEL) {
        Some(Json::Object(beside)) => beside,
        Some(other) => {
            attributes.insert(keys::OTEL.to_owned(), other);
            Object::new()
        }
        None => Object::new(),
    }
}

fn beside_time(beside: &Object, key: &str) -> Option<String> {
    Some(beside.get(key)?.as_str()?.to_owned())
}

fn parsed<T: std::str::FromStr>(beside: &Object, key: &str) -> Option<T> {
    beside.get(key)?.as_str()?.parse().ok()
}

fn take_text(attributes: &mut Object, key: &str) -> Option<String> {
    attributes.get(key)?.as_str()?;
    match attributes.remove(key) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    }
}

fn kind_of(text: &str) -> Option<SpanKind> {
    let known =
        [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer];
    known.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text))
}
