//! Spans as Jaeger's Thrift structs, packed into messages of bounded size.
//!
//! Field numbers: `jaeger.thrift` of jaeger-idl. What has no place there is a tag with the name that the OpenTelemetry
//! specification or Collector gives it; attributes of links are left out.

use trace_core::batch::{EventRef, LinkRef, SpanBatch, SpanRef, StatusRef};
use trace_core::model::{Resource, SpanContext, TraceId, ValueRef};

use super::decode::names;
use crate::thrift::{BinaryWriter, CompactWriter, ONE_WAY, Write};

/// Room for the count of spans in the head of a message.
const COUNT_BYTES: usize = 10;

/// A reference that is no parent.
pub(super) const FOLLOWS_FROM: i32 = 1;
pub(super) const SAMPLED: i32 = 1;
pub(super) const DEBUG: i32 = 2;

/// Which protocol, and so which envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A bare `Batch` in the binary protocol, for HTTP.
    Binary,
    /// The one-way call `emitBatch` in the compact protocol, for datagrams.
    Compact,
}

/// A batch as messages, none over the limit.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// Each with the number of its spans.
    pub(super) messages: Vec<(Vec<u8>, usize)>,
    /// Spans that are over the limit each alone.
    pub(super) oversized: usize,
}

/// Appends the batch as a bare `Batch` in Thrift's binary protocol, the body of a request to `/api/traces`.
pub fn encode_binary(batch: &SpanBatch, out: &mut Vec<u8>) {
    out.extend(pack(batch, Form::Binary, usize::MAX).messages.into_iter().flat_map(|(bytes, _)| bytes));
}

/// Appends the batch as one call `emitBatch` in Thrift's compact protocol, the content of a datagram. It may be longer
/// than a datagram can be.
pub fn encode_compact(batch: &SpanBatch, out: &mut Vec<u8>) {
    out.extend(pack(batch, Form::Compact, usize::MAX).messages.into_iter().flat_map(|(bytes, _)| bytes));
}

/// Encodes each span once, and fills messages in the order of the batch.
pub(super) fn pack(batch: &SpanBatch, form: Form, limit: usize) -> Packed {
    let mut packed = Packed::default();
    let mut bytes = Vec::new();
    message(form, batch.resource(), 0, &[], &mut bytes);
    let room = limit.saturating_sub(bytes.len() + COUNT_BYTES);
    bytes.clear();
    // Where the open message begins, and how many spans it has.
    let (mut first, mut count) = (0, 0);
    for row in batch.iter() {
        let before = bytes.len();
        match form {
            Form::Binary => span(&mut BinaryWriter::new(&mut bytes), row),
            Form::Compact => span(&mut CompactWriter::new(&mut bytes), row),
        }
        if bytes.len() - before > room {
            bytes.truncate(before);
            packed.oversized += 1;
            continue;
        }
        if bytes.len() - first > room {
            packed.close(form, batch.resource(), count, &bytes[first..before]);
            (first, count) = (before, 0);
        }
        count += 1;
    }
    packed.close(form, batch.resource(), count, &bytes[first..]);
    packed
}

impl Packed {
    fn close(&mut self, form: Form, resource: &Resource, count: usize, spans: &[u8]) {
        if count > 0 {
            let mut bytes = Vec::with_capacity(spans.len() + 256);
            message(form, resource, count, spans, &mut bytes);
            self.messages.push((bytes, count));
        }
    }
}

fn message(form: Form, resource: &Resource, count: usize, spans: &[u8], out: &mut Vec<u8>) {
    match form {
        Form::Binary => batch_of(&mut BinaryWriter::new(out), resource, count, spans),
        Form::Compact => {
            let mut writer = CompactWriter::new(out);
            writer.message(ONE_WAY, 0, "emitBatch");
            writer.begin();
            writer.struct_field(1);
            batch_of(&mut writer, resource, count, spans);
            writer.end();
        }
    }
}

/// `Batch` around spans that are already encoded.
fn batch_of(w: &mut impl Write, resource: &Resource, count: usize, spans: &[u8]) {
    w.begin();
    w.struct_field(1);
    process(w, resource);
    w.structs_field(2, count);
    w.raw(spans);
    w.end();
}

/// `Process`.
fn process(w: &mut impl Write, resource: &Resource) {
    let tags = || resource.attributes.iter().filter(|kv| kv.key != names::SERVICE);
    w.begin();
    w.text_field(1, resource.service_name());
    w.structs_field(2, tags().count());
    for kv in tags() {
        tag(w, &kv.key, kv.value.as_ref());
    }
    w.end();
}

/// `Span`.
fn span(w: &mut impl Write, span: SpanRef<'_>) {
    let (low, high) = halves(span.trace_id());
    w.begin();
    w.i64_field(1, low);
    w.i64_field(2, high);
    w.i64_field(3, span.span_id().to_u64() as i64);
    w.i64_field(4, span.parent_span_id().map_or(0, |id| id.to_u64() as i64));
    w.text_field(5, span.name());
    let links = span.links().count();
    if links > 0 {
        w.structs_field(6, links);
        span.links().for_each(|link| reference(w, link));
    }
    let sampled = if span.is_sampled() { SAMPLED } else { 0 };
    w.i32_field(7, sampled | if span.flags().is_debug() { DEBUG } else { 0 });
    w.i64_field(8, micros(span.start().unix_nanos()));
    w.i64_field(9, i64::try_from(span.duration().as_micros()).unwrap_or(i64::MAX));
    tags(w, span);
    let events = span.events().count();
    if events > 0 {
        w.structs_field(11, events);
        span.events().for_each(|event| log(w, event));
    }
    w.end();
}

fn tags(w: &mut impl Write, span: SpanRef<'_>) {
    let scope = span.scope();
    let (attributes, events, links) = span.dropped_counts();
    let status = match span.status() {
        StatusRef::Unset => None,
        StatusRef::Ok => Some("OK"),
        StatusRef::Error(_) => Some("ERROR"),
    };
    let message = match span.status() {
        StatusRef::Error(message) => message,
        _ => "",
    };
    let texts = [
        (names::KIND, span.kind().as_str()),
        (names::STATUS, status.unwrap_or_default()),
        (names::STATUS_MESSAGE, message),
        (names::SCOPE, &scope.name),
        (names::SCOPE_VERSION, &scope.version),
        (names::TRACE_STATE, span.trace_state().as_str()),
    ];
    let counts = [
        (names::DROPPED_ATTRIBUTES, attributes),
        (names::DROPPED_EVENTS, events),
        (names::DROPPED_LINKS, links),
    ];
    let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let own = texts.clone().count() + counts.clone().count() + usize::from(span.is_error());
    w.structs_field(10, span.attribute_count() + own);
    span.attributes().for_each(|(key, value)| tag(w, key, value));
    texts.for_each(|(key, text)| tag(w, key, ValueRef::String(text)));
    counts.for_each(|(key, count)| tag(w, key, ValueRef::I64(count.into())));
    if span.is_error() {
        tag(w, names::ERROR, ValueRef::Bool(true));
    }
}

/// `SpanRef`.
fn reference(w: &mut impl Write, link: LinkRef<'_>) {
    let SpanContext { trace_id, span_id, .. } = link.context();
    let (low, high) = halves(*trace_id);
    w.begin();
    w.i32_field(1, FOLLOWS_FROM);
    w.i64_field(2, low);
    w.i64_field(3, high);
    w.i64_field(4, span_id.to_u64() as i64);
    w.end();
}

/// `Log`. An attribute `event` wins over the event's name (specification).
fn log(w: &mut impl Write, event: EventRef<'_>) {
    let named = event.attributes().any(|(key, _)| key == names::EVENT);
    let dropped = event.dropped_attributes();
    let own = usize::from(!named) + usize::from(dropped > 0);
    w.begin();
    w.i64_field(1, micros(event.time().unix_nanos()));
    w.structs_field(2, event.attributes().count() + own);
    if !named {
        tag(w, names::EVENT, ValueRef::String(event.name()));
    }
    event.attributes().for_each(|(key, value)| tag(w, key, value));
    if dropped > 0 {
        tag(w, names::DROPPED_ATTRIBUTES, ValueRef::I64(dropped.into()));
    }
    w.end();
}

/// `Tag`. What is no scalar is a text in JSON.
fn tag(w: &mut impl Write, key: &str, value: ValueRef<'_>) {
    w.begin();
    w.text_field(1, key);
    match value {
        ValueRef::String(v) => {
            w.i32_field(2, 0);
            w.text_field(3, v);
        }
        ValueRef::F64(v) => {
            w.i32_field(2, 1);
            w.double_field(4, v);
        }
        ValueRef::Bool(v) => {
            w.i32_field(2, 2);
            w.bool_field(5, v);
        }
        ValueRef::I64(v) => {
            w.i32_field(2, 3);
            w.i64_field(6, v);
        }
        other => {
            w.i32_field(2, 0);
            w.text_field(3, &other.to_string());
        }
    }
    w.end();
}

fn halves(id: TraceId) -> (i64, i64) {
    let bits = id.to_u128();
    (bits as u64 as i64, (bits >> 64) as u64 as i64)
}

fn micros(nanos: u64) -> i64 {
    // A quotient of a u64 by a thousand is far below the largest i64.
    (nanos / 1000) as i64
}
