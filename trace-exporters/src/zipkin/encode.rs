//! A [`SpanBatch`] as a list of Zipkin v2 spans.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use trace_core::batch::{EventRef, LinkRef, SpanBatch, SpanRef, StatusRef};
use trace_core::model::SpanKind;

use super::endpoint::Written;
use super::{annotation, names};

/// Appends the batch as the body of `POST /api/v2/spans`.
pub fn encode_json(batch: &SpanBatch, out: &mut Vec<u8>) {
    out.extend(pack(batch, usize::MAX).bodies.into_iter().next().map_or_else(|| b"[]".to_vec(), |(b, _)| b));
}

/// A batch as bodies, none over the limit.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Each with the number of its spans.
    pub(super) bodies: Vec<(Vec<u8>, usize)>,
    /// Spans that are over the limit each alone.
    pub(super) oversized: usize,
}

/// Encodes each span once, and fills bodies in the order of the batch.
pub(super) fn pack(batch: &SpanBatch, limit: usize) -> Packed {
    let mut packed = Packed::default();
    let mut body = Vec::new();
    let mut count = 0;
    let mut one = Vec::new();
    for span in batch.iter() {
        one.clear();
        // Writing JSON of texts and numbers to memory does not fail.
        if serde_json::to_writer(&mut one, &ZipkinSpan(span)).is_err() || one.len() + 2 > limit {
            packed.oversized += 1;
            continue;
        }
        if count > 0 && body.len() + one.len() + 2 > limit {
            packed.close(&mut body, &mut count);
        }
        body.push(if count == 0 { b'[' } else { b',' });
        body.extend_from_slice(&one);
        count += 1;
    }
    packed.close(&mut body, &mut count);
    packed
}

impl Packed {
    fn close(&mut self, body: &mut Vec<u8>, count: &mut usize) {
        if *count > 0 {
            body.push(b']');
            self.bodies.push((std::mem::take(body), std::mem::take(count)));
        }
    }
}

struct ZipkinSpan<'a>(SpanRef<'a>);

impl Serialize for ZipkinSpan<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = s.serialize_map(None)?;
        map.serialize_entry("traceId", &Text(span.trace_id()))?;
        map.serialize_entry("id", &Text(span.span_id()))?;
        if let Some(parent) = span.parent_span_id() {
            map.serialize_entry("parentId", &Text(parent))?;
        }
        map.serialize_entry("name", span.name())?;
        if let Some(kind) = kind(span.kind()) {
            map.serialize_entry("kind", kind)?;
        }
        // Zero means unknown to Zipkin.
        let start = span.start().unix_nanos() / 1000;
        if start > 0 {
            map.serialize_entry("timestamp", &start)?;
        }
        // Rounded up below one; a span without duration has not ended, to Zipkin.
        map.serialize_entry("duration", &span.duration().as_micros().max(1))?;
        if span.flags().is_debug() {
            map.serialize_entry("debug", &true)?;
        }
        map.serialize_entry("localEndpoint", &Written::local(span.resource().service_name()))?;
        if let Some(remote) = Written::remote(span) {
            map.serialize_entry("remoteEndpoint", &remote)?;
        }
        if span.events().next().is_some() {
            map.serialize_entry("annotations", &Annotations(span))?;
        }
        map.serialize_entry("tags", &Tags(span))?;
        map.end()
    }
}

fn kind(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Internal => None,
        SpanKind::Server => Some("SERVER"),
        SpanKind::Client => Some("CLIENT"),
        SpanKind::Producer => Some("PRODUCER"),
        SpanKind::Consumer => Some("CONSUMER"),
    }
}

struct Annotations<'a>(SpanRef<'a>);

impl Serialize for Annotations<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut list = s.serialize_seq(None)?;
        for event in self.0.events() {
            list.serialize_element(&Annotation(event))?;
        }
        list.end()
    }
}

struct Annotation<'a>(EventRef<'a>);

impl Serialize for Annotation<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(2))?;
        map.serialize_entry("timestamp", &(self.0.time().unix_nanos() / 1000))?;
        map.serialize_entry("value", &annotation::text(self.0))?;
        map.end()
    }
}

struct Tags<'a>(SpanRef<'a>);

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = s.serialize_map(None)?;
        // What the span says wins over what its process says; a key must not stand twice.
        for kv in &span.resource().attributes {
            if kv.key != names::SERVICE && span.attribute(&kv.key).is_none() && !is_own(&kv.key) {
                map.serialize_entry(&*kv.key, &Text(kv.value.as_ref()))?;
            }
        }
        for (key, value) in span.attributes().filter(|(key, _)| !is_own(key)) {
            map.serialize_entry(key, &Text(value))?;
        }
        match span.status() {
            StatusRef::Unset => {
                // Without a status of ours it is the user's own.
                if let Some(value) = span.attribute(names::ERROR) {
                    map.serialize_entry(names::ERROR, &Text(value))?;
                }
            }
            StatusRef::Ok => map.serialize_entry(names::STATUS, "OK")?,
            StatusRef::Error(message) => {
                map.serialize_entry(names::STATUS, "ERROR")?;
                map.serialize_entry(names::ERROR, message)?;
            }
        }
        let scope = span.scope();
        let texts = [
            (names::SCOPE, &*scope.name),
            (names::SCOPE_VERSION, &*scope.version),
            (names::TRACE_STATE, span.trace_state().as_str()),
        ];
        for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            map.serialize_entry(key, text)?;
        }
        let (attributes, events, links) = span.dropped_counts();
        let counts = [
            (names::DROPPED_ATTRIBUTES, attributes),
            (names::DROPPED_EVENTS, events),
            (names::DROPPED_LINKS, links),
        ];
        for (key, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            map.serialize_entry(key, &Text(count))?;
        }
        for (i, link) in span.links().enumerate() {
            map.serialize_entry(&Text(format_args!("{}{i}", names::LINK)), &Text(Link(link)))?;
        }
        map.end()
    }
}

/// Whether the encoder itself writes this key.
fn is_own(key: &str) -> bool {
    let own = [
        names::STATUS,
        names::ERROR,
        names::SCOPE,
        names::SCOPE_VERSION,
        names::TRACE_STATE,
        names::DROPPED_ATTRIBUTES,
        names::DROPPED_EVENTS,
        names::DROPPED_LINKS,
    ];
    own.contains(&key) || key.strip_prefix(names::LINK).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()))
}

/// `TRACE|SPAN|STATE|ATTRIBUTES|DROPPED`.
struct Link<'a>(LinkRef<'a>);

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let context = self.0.context();
        // The Collector refuses a whole request over an empty text here.
        let attributes =
            serde_json::to_string(&annotation::Object(self.0.attributes())).map_err(|_| fmt::Error)?;
        write!(
            f,
            "{}|{}|{}|{attributes}|{}",
            context.trace_id,
            context.span_id,
            context.trace_state.as_str(),
            self.0.dropped_attributes()
        )
    }
}

/// Anything as a JSON text.
struct Text<T>(T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}
