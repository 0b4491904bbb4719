//! Events and links of spans as events of the document, and back.

use serde_json::{Value as Json, json};
use trace_core::batch::{EventRef, LinkRef, SpanRef};
use trace_core::model::{
    Event as SpanEvent, KeyValue, Link, SpanContext, SpanId, Timestamp, TraceFlags, TraceId, TraceState,
    Value, ValueRef,
};

use super::attributes::{from_json, to_json};
use super::document::{Event, Object, Segment};
use super::id::Uuid;
use super::keys;

/// The type of an event that is an exception (OpenTelemetry's `exception`).
const FAILED: &str = "execution.failed";
/// The type of an event that is a link to a span elsewhere.
const LINKED: &str = "trace.linked";
/// Where an event came from, unless it says.
const SOURCE: &str = "trace";
/// Beside an event whose id and source were made here.
const MADE: &str = "made";

/// Appends what belongs to this span: its events, its links, and the segments that it tells of.
pub(super) fn of_span(span: SpanRef<'_>, root: SpanId, events: &mut Vec<Event>, segments: &mut Vec<Segment>) {
    for (i, event) in span.events().enumerate() {
        let text = |key| event.attributes().find_map(|(k, v)| (k == key).then(|| v.as_str())?);
        if event.name().starts_with(keys::SEGMENT)
            && let Some(segment) = text(keys::SEGMENT_JSON).and_then(|json| serde_json::from_str(json).ok())
        {
            segments.push(segment);
            continue;
        }
        events.push(of_event(span, event, i, root));
    }
    events.extend(span.links().enumerate().map(|(i, link)| of_link(span, link, i, root)));
}

fn of_event(span: SpanRef<'_>, event: EventRef<'_>, index: usize, root: SpanId) -> Event {
    let find = |key| event.attributes().find_map(|(k, v)| (k == key).then_some(v));
    let text = |key| find(key).and_then(ValueRef::as_str);
    let event_type = match event.name() {
        "exception" => FAILED.to_owned(),
        name => type_of(name),
    };
    let mut beside = Object::new();
    if span.span_id() != root {
        beside.insert("span_id".into(), span.span_id().to_string().into());
    }
    if event_type != event.name() {
        beside.insert("name".into(), event.name().into());
    }
    let fields = [keys::EVENT_ID, keys::EVENT_SOURCE, keys::EVENT_DATA];
    let own = event.attributes().filter(|(key, _)| !fields.contains(key));
    let own: Object = own.map(|(key, value)| (key.to_owned(), to_json(value))).collect();
    if !own.is_empty() {
        beside.insert("attributes".into(), own.into());
    }
    if event.dropped_attributes() > 0 {
        beside.insert("dropped_attributes".into(), event.dropped_attributes().into());
    }
    let id = text(keys::EVENT_ID).and_then(Uuid::parse);
    if id.is_none() {
        beside.insert(MADE.into(), true.into());
    }
    // What came with a document goes out as it came.
    let mut data =
        text(keys::EVENT_DATA).and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Json::Null);
    if event.name() == "exception" {
        let said = |key| text(key).unwrap_or_default();
        data["error"] =
            json!({"error_type": said("exception.type"), "error_message": said("exception.message")});
    }
    if !beside.is_empty() {
        data[keys::OTEL] = beside.into();
    }
    Event {
        event_id: id.unwrap_or_else(|| made(span, "event", index, event.name())).to_string(),
        event_type,
        source: text(keys::EVENT_SOURCE).unwrap_or(SOURCE).to_owned(),
        timestamp: event.time().to_string(),
        trace_id: None,
        data: (!data.is_null()).then_some(data),
    }
}

fn of_link(span: SpanRef<'_>, link: LinkRef<'_>, index: usize, root: SpanId) -> Event {
    let context = link.context();
    let mut beside = Object::new();
    if span.span_id() != root {
        beside.insert("span_id".into(), span.span_id().to_string().into());
    }
    let attributes: Object = link.attributes().map(|(key, value)| (key.to_owned(), to_json(value))).collect();
    beside.insert(
        "link".into(),
        json!({
            "trace_id": context.trace_id, "span_id": context.span_id, "trace_state": context.trace_state.as_str(),
            "flags": context.flags.0, "attributes": attributes, "dropped_attributes": link.dropped_attributes(),
        }),
    );
    Event {
        event_id: made(span, "link", index, "").to_string(),
        event_type: LINKED.to_owned(),
        source: SOURCE.to_owned(),
        timestamp: span.start().to_string(),
        trace_id: Some(Uuid::of_trace(context.trace_id).to_string()),
        data: Some(json!({keys::OTEL: beside})),
    }
}

/// An id that is the same whenever the span is written.
fn made(span: SpanRef<'_>, what: &str, index: usize, name: &str) -> Uuid {
    let (trace, id) = (span.trace_id().to_bytes(), span.span_id().to_bytes());
    Uuid::of_parts(&[&trace, &id, what.as_bytes(), &(index as u64).to_be_bytes(), name.as_bytes()])
}

/// A name in the form that the schema asks for: lower-case words of letters and digits, with dots between.
fn type_of(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    // The first must begin with a letter; the others need not differ from it to be readable.
    let word = |word: &String| match word.starts_with(|c: char| c.is_ascii_lowercase()) {
        true => word.clone(),
        false => format!("n{word}"),
    };
    if words.is_empty() { "event".to_owned() } else { words.iter().map(word).collect::<Vec<_>>().join(".") }
}

/// What an event of a document is in spans.
pub(super) enum Read {
    /// An event, of this span or of the root.
    Event(Option<SpanId>, SpanEvent),
    /// A link, of this span or of the root.
    Link(Option<SpanId>, Link),
}

/// The trace's own id tells events of other traces.
pub(super) fn read(event: &Event, trace: Uuid) -> Result<Read, &'static str> {
    let time: Timestamp = event.timestamp.parse().map_err(|_| "an event's timestamp is no RFC 3339 time")?;
    let beside = event.data.as_ref().and_then(|data| data.get(keys::OTEL)).and_then(Json::as_object);
    let field = |key: &str| beside.and_then(|beside| beside.get(key));
    let text = |key: &str| field(key).and_then(Json::as_str);
    let of = text("span_id").and_then(|id| id.parse().ok());
    if let Some(link) = field("link").and_then(link) {
        return Ok(Read::Link(of, link));
    }
    let name = text("name").unwrap_or(&event.event_type);
    let mut attributes = list(field("attributes"));
    // Any other is an event of the protocol, and keeps all of its own.
    if field(MADE).is_none() {
        attributes.push(KeyValue::new(keys::EVENT_ID, event.event_id.clone()));
        attributes.push(KeyValue::new(keys::EVENT_SOURCE, event.source.clone()));
        if let Some(data) = event.data.as_ref().filter(|data| !data.is_null()) {
            let mut data = data.clone();
            if let Some(object) = data.as_object_mut() {
                object.remove(keys::OTEL);
            }
            attributes.push(KeyValue::new(keys::EVENT_DATA, data.to_string()));
        }
    }
    let foreign = event.trace_id.as_deref().and_then(Uuid::parse).filter(|id| *id != trace);
    if let Some(foreign) = foreign {
        attributes.push(KeyValue::new("mplp.event.type", event.event_type.clone()));
        let context = SpanContext::new(foreign.trace_id(), foreign.span_id(), TraceFlags::default());
        return Ok(Read::Link(of, Link { context, attributes, dropped_attributes: 0 }));
    }
    let dropped = field("dropped_attributes").and_then(Json::as_u64).unwrap_or(0);
    Ok(Read::Event(
        of,
        SpanEvent {
            name: name.to_owned().into(),
            time,
            attributes,
            dropped_attributes: u32::try_from(dropped).unwrap_or(u32::MAX),
        },
    ))
}

fn link(json: &Json) -> Option<Link> {
    let text = |key: &str| json.get(key).and_then(Json::as_str);
    let number = |key: &str| json.get(key).and_then(Json::as_u64).unwrap_or(0);
    let trace: TraceId = text("trace_id")?.parse().ok()?;
    let flags = TraceFlags(u8::try_from(number("flags")).unwrap_or(0));
    let mut context = SpanContext::new(trace, text("span_id")?.parse().ok()?, flags);
    context.trace_state = TraceState::from_validated(text("trace_state").unwrap_or_default());
    let dropped_attributes = u32::try_from(number("dropped_attributes")).unwrap_or(u32::MAX);
    Some(Link { context, attributes: list(json.get("attributes")), dropped_attributes })
}

/// Attributes that this module has written: their keys stay as they are.
fn list(json: Option<&Json>) -> Vec<KeyValue> {
    let value = |json: &Json| from_json(json).unwrap_or_else(|| Value::from(json.to_string()));
    let object = json.and_then(Json::as_object);
    object.into_iter().flatten().map(|(key, json)| KeyValue::new(key.clone(), value(json))).collect()
}
