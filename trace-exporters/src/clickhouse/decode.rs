//! Rows of the table of spans as spans.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use trace_core::model::{
    Event, KeyValue, Link, Resource, Scope, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp,
    TraceFlags, TraceId, TraceState, Value,
};
use trace_core::store::StoredSpan;

use super::row::{Malformed, Reader};

/// The columns that [`decode_spans`] reads, in its order.
pub(super) const COLUMNS: &str = "toUnixTimestamp64Nano(Timestamp), SpanId, ParentSpanId, TraceState, SpanName, \
    SpanKind, ServiceName, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, \
    StatusMessage, arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp), Events.Name, Events.Attributes, \
    Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes, mapKeys(NumberAttributes)";

/// The spans of one trace. One whose id is none, as others may write, is left out.
pub(super) fn decode_spans(trace: TraceId, rows: &[u8]) -> Result<Vec<StoredSpan>, Malformed> {
    let mut reader = Reader(rows);
    let mut spans: Vec<StoredSpan> = Vec::new();
    let mut resources = Resources::default();
    while !reader.is_at_end() {
        spans.extend(span(trace, &mut reader, &mut resources)?);
    }
    Ok(spans)
}

/// Most spans of a trace come from few resources.
#[derive(Default)]
struct Resources(Vec<Arc<Resource>>);

impl Resources {
    fn shared(&mut self, service: &str, attributes: Vec<(String, String)>) -> Arc<Resource> {
        let named = attributes.iter().any(|(k, _)| k == "service.name");
        let service =
            (!named && !service.is_empty()).then(|| KeyValue::new("service.name", service.to_owned()));
        let resource = Resource::new(service.into_iter().chain(texts(attributes)));
        match self.0.iter().rev().take(16).find(|known| ***known == resource) {
            Some(known) => known.clone(),
            None => {
                self.0.push(Arc::new(resource));
                self.0[self.0.len() - 1].clone()
            }
        }
    }
}

fn texts(map: Vec<(String, String)>) -> impl Iterator<Item = KeyValue> {
    map.into_iter().map(|(k, v)| KeyValue::new(k, v))
}

fn span(
    trace: TraceId,
    r: &mut Reader<'_>,
    resources: &mut Resources,
) -> Result<Option<StoredSpan>, Malformed> {
    let start = time(r.i64()?);
    let (id, parent, state) = (r.text()?, r.text()?, r.text()?);
    let (name, kind, service) = (r.text()?.into_owned(), kind(&r.text()?), r.text()?);
    let resource = resources.shared(&service, r.map()?);
    let (scope_name, scope_version) = (r.text()?.into_owned(), r.text()?.into_owned());
    let attributes = r.map()?;
    let duration = Duration::from_nanos(r.u64()?);
    let (status, message) = (r.text()?, r.text()?);
    let (times, names, details) = (r.array(Reader::i64)?, r.array(owned)?, r.array(Reader::map)?);
    let events = times.into_iter().zip(names).zip(details).map(|((at, name), attributes)| Event {
        name: name.into(),
        time: time(at),
        attributes: texts(attributes).collect(),
        dropped_attributes: 0,
    });
    let links = links(r)?;
    let numbers: HashSet<String> = r.array(owned)?.into_iter().collect();

    let Ok(id) = id.parse::<SpanId>() else { return Ok(None) };
    let mut context = SpanContext::new(trace, id, TraceFlags::SAMPLED);
    context.trace_state = TraceState::from_validated(&state);
    let mut span = SpanData::new(context, name, start, start + duration);
    span.parent_span_id = parent.parse().ok();
    span.kind = kind;
    span.attributes = attributes.into_iter().map(|(k, v)| typed(k, v, &numbers)).collect();
    span.events = events.collect();
    span.links = links;
    span.status = match status.as_ref() {
        "Ok" | "STATUS_CODE_OK" => Status::Ok,
        "Error" | "STATUS_CODE_ERROR" => Status::Error(message.into_owned().into()),
        _ => Status::Unset,
    };
    span.scope = Arc::new(Scope { version: scope_version.into(), ..Scope::named(scope_name) });
    Ok(Some(StoredSpan { resource, span }))
}

fn links(r: &mut Reader<'_>) -> Result<Vec<Link>, Malformed> {
    let (traces, ids) = (r.array(owned)?, r.array(owned)?);
    let (states, details) = (r.array(owned)?, r.array(Reader::map)?);
    let rows = traces.into_iter().zip(ids).zip(states).zip(details);
    let link = |(((trace, id), state), attributes): (((String, String), String), Vec<_>)| {
        let mut context = SpanContext::new(trace.parse().ok()?, id.parse().ok()?, TraceFlags::default());
        context.trace_state = TraceState::from_validated(&state);
        Some(Link { context, attributes: texts(attributes).collect(), dropped_attributes: 0 })
    };
    Ok(rows.filter_map(link).collect())
}

/// A number if the row says that it was one, and if it shows as the same text: what the column of numbers has is only
/// as exact as a double.
fn typed(key: String, text: String, numbers: &HashSet<String>) -> KeyValue {
    let integer = || text.parse::<i64>().ok().map(Value::from);
    let double = || text.parse::<f64>().ok().map(Value::from);
    let is_same = |value: &Value| value.to_string() == text;
    if numbers.contains(&key)
        && let Some(number) = integer().filter(is_same).or_else(|| double().filter(is_same))
    {
        return KeyValue::new(key, number);
    }
    KeyValue::new(key, text)
}

fn owned(r: &mut Reader<'_>) -> Result<String, Malformed> {
    Ok(r.text()?.into_owned())
}

/// Times before 1970 cannot be kept and are put there.
fn time(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// By the Collector's names, of which there are two generations.
fn kind(text: &str) -> SpanKind {
    match text {
        "Server" | "SPAN_KIND_SERVER" => SpanKind::Server,
        "Client" | "SPAN_KIND_CLIENT" => SpanKind::Client,
        "Producer" | "SPAN_KIND_PRODUCER" => SpanKind::Producer,
        "Consumer" | "SPAN_KIND_CONSUMER" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}
