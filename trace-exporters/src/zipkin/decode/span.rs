//! One span as it is sent, and as the data model has it.

use serde::Deserialize;
use trace_core::model::{
    Event, KeyValue, Scope, SpanContext, SpanData, SpanId, SpanKind, Timestamp, TraceFlags, TraceId,
    TraceState,
};

use super::super::endpoint::Endpoint;
use super::super::{annotation, names};
use super::MAX_LIST;
use super::tags::Tags;

/// A span of Zipkin's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Incoming {
    trace_id: String,
    id: String,
    parent_id: Option<String>,
    name: Option<String>,
    kind: Option<String>,
    timestamp: Option<u64>,
    duration: Option<u64>,
    debug: Option<bool>,
    shared: Option<bool>,
    local_endpoint: Option<Endpoint>,
    remote_endpoint: Option<Endpoint>,
    annotations: Option<Vec<Annotation>>,
    tags: Option<Tags>,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    timestamp: u64,
    value: String,
}

impl Incoming {
    /// The span, the name of its service, and whether it has the id of its client's span.
    pub(super) fn read(self) -> Result<(SpanData, String, bool), &'static str> {
        let trace_id = hex(&self.trace_id, 32).and_then(TraceId::new).ok_or("a trace id is none")?;
        let span_id = narrow(&self.id).ok_or("a span id is none")?;
        let parent = match self.parent_id.as_deref() {
            None | Some("") => None,
            Some(text) => Some(narrow(text).ok_or("a parent id is none")?),
        };
        let annotations = self.annotations.unwrap_or_default();
        // Half a span may have no time but those of its annotations.
        let first = annotations.iter().map(|a| a.timestamp).min();
        let start = self.timestamp.filter(|t| *t > 0).or(first).ok_or("a span has no time")?;
        let tags = self.tags.unwrap_or_default();

        let shared = self.shared.unwrap_or(false);
        let debug = if self.debug.unwrap_or(false) { TraceFlags::DEBUG.0 } else { 0 };
        let mut context = SpanContext::new(trace_id, span_id, TraceFlags(TraceFlags::SAMPLED.0 | debug));
        context.trace_state = TraceState::from_validated(&tags.trace_state);
        let end = start.saturating_add(self.duration.unwrap_or(0));
        let mut span = SpanData::new(context, self.name.unwrap_or_default(), micros(start), micros(end));
        span.parent_span_id = parent;
        span.kind = match self.kind.as_deref() {
            Some("CLIENT") => SpanKind::Client,
            Some("SERVER") => SpanKind::Server,
            Some("PRODUCER") => SpanKind::Producer,
            Some("CONSUMER") => SpanKind::Consumer,
            _ if shared => SpanKind::Server,
            _ => SpanKind::Internal,
        };
        span.status = tags.status();
        span.scope =
            std::sync::Arc::new(Scope { version: tags.scope_version.into(), ..Scope::named(tags.scope) });
        span.attributes = tags.attributes;
        span.links = tags.links;
        (span.dropped_attributes, span.dropped_events, span.dropped_links) =
            (tags.dropped_attributes, tags.dropped_events, tags.dropped_links);
        let left_out = annotations.len().saturating_sub(MAX_LIST);
        span.dropped_events = span.dropped_events.saturating_add(u32::try_from(left_out).unwrap_or(u32::MAX));
        span.events = annotations.into_iter().take(MAX_LIST).map(event).collect();
        let local = self.local_endpoint.unwrap_or_default();
        sides(&mut span, &local, self.remote_endpoint.unwrap_or_default());
        Ok((span, local.service_name.unwrap_or_default(), shared))
    }
}

/// Both endpoints as attributes, as far as no tag has said the same.
fn sides(span: &mut SpanData, local: &Endpoint, remote: Endpoint) {
    let mut set = |key: &'static str, value: trace_core::model::Value| {
        if span.attributes.iter().all(|kv| kv.key != key) {
            span.attributes.push(KeyValue::new(key, value));
        }
    };
    if let Some(ip) = local.ip() {
        set("network.local.address", ip.into());
    }
    if let Some(port) = local.port() {
        set("network.local.port", port.into());
    }
    if let Some(ip) = remote.ip() {
        set("network.peer.address", ip.into());
    }
    if let Some(port) = remote.port() {
        set("network.peer.port", port.into());
    }
    // The name may be that of a host, which a tag has told better.
    let Some(name) = remote.service_name.filter(|name| !name.is_empty()) else { return };
    let told = |kv: &KeyValue| kv.key == names::PEER_SERVICE || kv.value.as_ref().as_str() == Some(&name);
    if !span.attributes.iter().any(told) {
        span.attributes.push(KeyValue::new(names::PEER_SERVICE, name));
    }
}

fn event(annotation: Annotation) -> Event {
    let (name, attributes) = annotation::parse(annotation.value);
    Event { name: name.into(), time: micros(annotation.timestamp), attributes, dropped_attributes: 0 }
}

/// Hex digits, at most so many; fewer stand for a number with zeros before it.
pub(super) fn hex(text: &str, most: usize) -> Option<u128> {
    if text.is_empty() || text.len() > most || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// A span's id.
pub(super) fn narrow(text: &str) -> Option<SpanId> {
    SpanId::new(u64::try_from(hex(text, 16)?).ok()?)
}

fn micros(micros: u64) -> Timestamp {
    Timestamp::from_unix_nanos(micros.saturating_mul(1000))
}
