//! Spans as Trace documents, one a trace.

use std::collections::HashMap;

use serde_json::json;
use trace_core::batch::{SpanBatch, SpanRef, StatusRef};
use trace_core::model::{Resource, Timestamp, TraceId, ValueRef};

use super::attributes::to_json;
use super::document::{Object, Root, Segment, Trace};
use super::id::Uuid;
use super::{event, keys};

/// The version of the protocol, and of its schemas.
const VERSION: &str = "1.0.0";

/// The documents of a batch.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// JSON text by the document's `trace_id`, in the order of the batch.
    pub documents: Vec<(String, String)>,
    /// Spans of traces that name no MPLP Context, which a document must have.
    pub without_context: u64,
}

/// One document for each trace of the batch.
///
/// The Context is what the attribute `mplp.context.id` of one of its spans says, else `default_context`; both must be
/// UUIDs of version 4 in lower case.
pub fn encode_documents(batch: &SpanBatch, default_context: Option<&str>) -> Encoded {
    let mut encoded = Encoded::default();
    for (id, spans) in traces(batch) {
        match document(&spans, batch.resource(), default_context) {
            Some(document) => encoded.documents.push((Uuid::of_trace(id).to_string(), text(&document))),
            None => encoded.without_context += spans.len() as u64,
        }
    }
    encoded
}

/// The spans of each trace, in order.
pub(super) fn traces(batch: &SpanBatch) -> Vec<(TraceId, Vec<SpanRef<'_>>)> {
    let mut places: HashMap<TraceId, usize> = HashMap::new();
    let mut traces: Vec<(TraceId, Vec<SpanRef<'_>>)> = Vec::new();
    for span in batch.iter() {
        let place = *places.entry(span.trace_id()).or_insert_with(|| {
            traces.push((span.trace_id(), Vec::new()));
            traces.len() - 1
        });
        traces[place].1.push(span);
    }
    traces
}

/// JSON with one field a line, for people too.
pub(super) fn text(document: &Trace) -> String {
    // Texts, numbers and maps with texts as keys are always JSON.
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// `None` if the trace has no Context.
pub(super) fn document(
    spans: &[SpanRef<'_>],
    resource: &Resource,
    default_context: Option<&str>,
) -> Option<Trace> {
    let root = *spans.iter().find(|s| s.parent_span_id().is_none()).or_else(|| {
        let known = |span: &&SpanRef<'_>| spans.iter().any(|s| Some(s.span_id()) == span.parent_span_id());
        // A circle has no root; its first span is as good as any.
        spans.iter().find(|span| !known(span)).or(spans.first())
    })?;
    let named = |key: &str| {
        let of = |span: &SpanRef<'_>| Uuid::parse(span.attribute(key)?.as_str()?);
        of(&root).or_else(|| spans.iter().find_map(of)).map(|id| id.to_string())
    };
    let context = named(keys::CONTEXT).or_else(|| Some(Uuid::parse(default_context?)?.to_string()))?;
    let trace = Uuid::of_trace(root.trace_id()).to_string();
    let start = spans.iter().map(SpanRef::start).min().unwrap_or_default();
    let end = spans.iter().map(SpanRef::end).max().unwrap_or_default();
    let status = status(root);
    let mut attributes = attributes(root);
    attributes.insert(keys::NAME.into(), root.name().into());
    attributes.insert(keys::KIND.into(), root.kind().as_str().into());
    let mut beside = beside(root);
    if !resource.attributes.is_empty() {
        let list = resource.attributes.iter().map(|kv| (kv.key.to_string(), to_json(kv.value.as_ref())));
        beside.insert("resource".into(), Object::from_iter(list).into());
    }
    // The times of the document are those of all spans.
    if (root.start(), root.end()) != (start, end) {
        beside.insert("start".into(), root.start().to_string().into());
        beside.insert("end".into(), root.end().to_string().into());
    }
    if !beside.is_empty() {
        attributes.insert(keys::OTEL.into(), beside.into());
    }
    let (mut segments, mut events) = (Vec::new(), Vec::new());
    for span in spans {
        if span.span_id() != root.span_id() {
            segments.push(segment(*span));
        }
        event::of_span(*span, root.span_id(), &mut events, &mut segments);
    }
    Some(Trace {
        _comment: None,
        meta: meta(root, start),
        governance: root
            .attribute(keys::GOVERNANCE)
            .and_then(ValueRef::as_str)
            .and_then(|text| serde_json::from_str(text).ok()),
        root_span: Root {
            trace_id: trace.clone(),
            span_id: Uuid::of_span(root.trace_id(), root.span_id()).to_string(),
            parent_span_id: root.parent_span_id().map(|id| Uuid::of_span(root.trace_id(), id).to_string()),
            context_id: Some(context.clone()),
            attributes,
        },
        trace_id: trace,
        context_id: context,
        plan_id: named(keys::PLAN),
        started_at: Some(start.to_string()),
        finished_at: (!matches!(status, "running" | "pending")).then(|| end.to_string()),
        status: status.to_owned(),
        segments,
        events,
    })
}

fn meta(root: SpanRef<'_>, start: Timestamp) -> Object {
    let mut meta = Object::new();
    for (key, value) in [("protocol_version", VERSION), ("schema_version", VERSION)] {
        meta.insert(key.into(), value.into());
    }
    meta.insert("created_at".into(), start.to_string().into());
    for (key, value) in root.attributes() {
        if let Some(key) = key.strip_prefix(keys::META) {
            meta.insert(key.into(), to_json(value));
        }
    }
    meta
}

fn segment(span: SpanRef<'_>) -> Segment {
    let id = |span_id| Uuid::of_span(span.trace_id(), span_id).to_string();
    let status = status(span);
    let mut attributes = attributes(span);
    attributes.insert(keys::KIND.into(), span.kind().as_str().into());
    let beside = beside(span);
    if !beside.is_empty() {
        attributes.insert(keys::OTEL.into(), beside.into());
    }
    Segment {
        segment_id: id(span.span_id()),
        parent_segment_id: span.parent_span_id().map(id),
        label: span.name().to_owned(),
        started_at: Some(span.start().to_string()),
        finished_at: (!matches!(status, "running" | "pending")).then(|| span.end().to_string()),
        status: status.to_owned(),
        attributes,
    }
}

/// What an attribute says wins, as far as the span's own status does not say more.
fn status(span: SpanRef<'_>) -> &'static str {
    let said = span.attribute(keys::STATUS).and_then(ValueRef::as_str);
    match (span.status(), said) {
        (StatusRef::Error(_), _) => "failed",
        (StatusRef::Unset, Some("cancelled")) => "cancelled",
        (StatusRef::Unset, Some("running")) => "running",
        (StatusRef::Unset, Some("pending")) => "pending",
        _ => "completed",
    }
}

/// The span's own, without those that are fields of the document.
fn attributes(span: SpanRef<'_>) -> Object {
    let field = |key: &str| {
        [keys::CONTEXT, keys::PLAN, keys::STATUS, keys::GOVERNANCE].contains(&key)
            || key.starts_with(keys::META)
    };
    let own = span.attributes().filter(|(key, _)| !field(key));
    own.map(|(key, value)| (key.to_owned(), to_json(value))).collect()
}

/// Everything that the protocol has no place for, left out where it says nothing.
fn beside(span: SpanRef<'_>) -> Object {
    let mut beside = Object::new();
    let mut set = |key: &str, value: serde_json::Value| beside.insert(key.into(), value);
    let (trace, id) = (span.trace_id(), span.span_id());
    if Uuid::of_trace(trace).trace_id() != trace {
        set("trace_id", trace.to_string().into());
    }
    if Uuid::of_span(trace, id).span_id() != id {
        set("span_id", id.to_string().into());
    }
    if let Some(parent) = span.parent_span_id()
        && Uuid::of_span(trace, parent).span_id() != parent
    {
        set("parent_span_id", parent.to_string().into());
    }
    match span.status() {
        StatusRef::Unset => {}
        StatusRef::Ok => drop(set("status", "ok".into())),
        StatusRef::Error(message) => drop(set("status_message", message.into())),
    }
    let scope = span.scope();
    if !(scope.name.is_empty() && scope.version.is_empty()) {
        set("scope", json!({"name": scope.name, "version": scope.version}));
    }
    if !span.trace_state().is_empty() {
        set("trace_state", span.trace_state().as_str().into());
    }
    if span.parent_is_remote() {
        set("remote_parent", true.into());
    }
    let (attributes, events, links) = span.dropped_counts();
    if (attributes, events, links) != (0, 0, 0) {
        set("dropped", json!({"attributes": attributes, "events": events, "links": links}));
    }
    beside
}
