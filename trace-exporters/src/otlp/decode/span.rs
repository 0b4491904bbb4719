//! `ExportTraceServiceRequest`, which `TracesData` equals on the wire, straight into the columns of batches.
//!
//! Field numbers: `opentelemetry/proto/trace/v1/trace.proto`.

use std::sync::Arc;

use trace_core::batch::{SpanBatchMut, SpanWriter, StatusRef};
use trace_core::model::{SpanContext, SpanId, SpanKind, Timestamp, TraceFlags, TraceId, TraceState};

use super::reading::Reading;
use super::shared::{count, resource, scope, text, with_attribute};
use super::{DecodeError, Decoded};
use crate::wire_reader::{Field, Reader, fields};

/// "The parent is remote" (`SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`).
const IS_REMOTE: u32 = 0x200;
/// A flags field of a producer that knows of the sampled flag.
const REMOTE_IS_KNOWN: u32 = 0x100;

/// The spans of a request.
///
/// A span that says nothing of its flags counts as sampled: only sampled ones are exported.
///
/// # Errors
/// If the bytes are no such request.
pub fn decode_spans(bytes: &[u8]) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    decode_spans_within(bytes, usize::MAX)
}

/// The same for at most so many spans, events, links, scopes and resources together, which take more room than bytes on the wire.
///
/// # Errors
/// If the bytes are no such request, or there are more.
pub fn decode_spans_within(bytes: &[u8], most: usize) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    let mut reading = Reading::new(most);
    for field in fields(bytes) {
        if let (1, Field::Bytes(v)) = field? {
            resource_spans(v, &mut reading)?;
        }
    }
    Ok(reading.decoded)
}

fn resource_spans(bytes: &[u8], reading: &mut Reading<SpanBatchMut>) -> Result<(), DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    reading.records(1)?;
    let mut batch = SpanBatchMut::new(Arc::new(resource(head, schema_url)?));
    for field in fields(bytes) {
        if let (2, Field::Bytes(v)) = field? {
            scope_spans(v, &mut batch, reading)?;
        }
    }
    if !batch.is_empty() {
        reading.decoded.batches.push(batch);
    }
    Ok(())
}

fn scope_spans(
    bytes: &[u8],
    batch: &mut SpanBatchMut,
    reading: &mut Reading<SpanBatchMut>,
) -> Result<(), DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    let mut spans = 0;
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (2, Field::Bytes(_)) => spans += 1,
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    let scope = Arc::new(scope(head, schema_url)?);
    reading.records(1 + spans)?;
    // Of the bytes of a span about half are text.
    batch.reserve(spans, 4 * spans, bytes.len() / 2);
    for field in fields(bytes) {
        let (2, Field::Bytes(v)) = field? else { continue };
        if let Err(reason) = span(v, batch.begin_span(&scope), reading)? {
            reading.decoded.reject(reason);
        }
    }
    Ok(())
}

/// The fields of `Span`.
mod key {
    use crate::wire_reader::{bytes_key, fixed32_key, fixed64_key, varint_key};

    pub(super) const TRACE_ID: u64 = bytes_key(1);
    pub(super) const SPAN_ID: u64 = bytes_key(2);
    pub(super) const TRACE_STATE: u64 = bytes_key(3);
    pub(super) const PARENT: u64 = bytes_key(4);
    pub(super) const NAME: u64 = bytes_key(5);
    pub(super) const KIND: u64 = varint_key(6);
    pub(super) const START: u64 = fixed64_key(7);
    pub(super) const END: u64 = fixed64_key(8);
    pub(super) const ATTRIBUTE: u64 = bytes_key(9);
    pub(super) const DROPPED_ATTRIBUTES: u64 = varint_key(10);
    pub(super) const EVENT: u64 = bytes_key(11);
    pub(super) const DROPPED_EVENTS: u64 = varint_key(12);
    pub(super) const LINK: u64 = bytes_key(13);
    pub(super) const DROPPED_LINKS: u64 = varint_key(14);
    pub(super) const STATUS: u64 = bytes_key(15);
    pub(super) const FLAGS: u64 = fixed32_key(16);
}

/// One span, or why it cannot be kept.
fn span(
    bytes: &[u8],
    mut s: SpanWriter<'_>,
    reading: &mut Reading<SpanBatchMut>,
) -> Result<Result<(), &'static str>, DecodeError> {
    s.flags(TraceFlags::SAMPLED);
    let (mut trace_id, mut span_id) = (None, None);
    let mut dropped = [0; 3];
    let mut reader = Reader::new(bytes);
    while let Some(key) = reader.key()? {
        match key {
            key::TRACE_ID => trace_id = trace_id_of(reader.bytes()?),
            key::SPAN_ID => span_id = span_id_of(reader.bytes()?),
            key::TRACE_STATE => s.trace_state(TraceState::from_validated(text(reader.bytes()?)?)),
            // Empty means none; another length is as good as none.
            key::PARENT => s.parent(span_id_of(reader.bytes()?)),
            key::NAME => s.name(text(reader.bytes()?)?),
            key::KIND => s.kind(kind(reader.varint()?)),
            key::START => s.start(Timestamp::from_unix_nanos(reader.fixed64()?)),
            key::END => s.end(Timestamp::from_unix_nanos(reader.fixed64()?)),
            key::ATTRIBUTE => with_attribute(reader.bytes()?, |key, value| {
                s.attribute_utf8(key, value).map_err(|_| DecodeError::NotUtf8)
            })?,
            key::DROPPED_ATTRIBUTES => dropped[0] = count(reader.varint()?),
            key::EVENT => {
                reading.records(1)?;
                event(reader.bytes()?, &mut s)?;
            }
            key::DROPPED_EVENTS => dropped[1] = count(reader.varint()?),
            key::LINK => {
                reading.records(1)?;
                link(reader.bytes()?, &mut s)?;
            }
            key::DROPPED_LINKS => dropped[2] = count(reader.varint()?),
            key::STATUS => status(reader.bytes()?, &mut s)?,
            key::FLAGS => {
                let (w3c, is_remote) = flags(reader.fixed32()?);
                s.flags(w3c);
                s.parent_is_remote(is_remote);
            }
            other => reader.skip(other)?,
        }
    }
    s.dropped_counts(dropped[0], dropped[1], dropped[2]);
    let Some(trace_id) = trace_id else { return Ok(Err("a trace id is not 16 bytes, or all zeros")) };
    let Some(span_id) = span_id else { return Ok(Err("a span id is not 8 bytes, or all zeros")) };
    s.finish(trace_id, span_id);
    Ok(Ok(()))
}

pub(super) fn trace_id_of(bytes: &[u8]) -> Option<TraceId> {
    TraceId::new(u128::from_be_bytes(bytes.try_into().ok()?))
}

pub(super) fn span_id_of(bytes: &[u8]) -> Option<SpanId> {
    SpanId::new(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn kind(v: u64) -> SpanKind {
    match v {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

/// The W3C flags, and whether the other end is remote. Producers older than the field send zero.
fn flags(v: u32) -> (TraceFlags, bool) {
    let w3c = TraceFlags(v.to_le_bytes()[0]);
    let w3c = if v & (REMOTE_IS_KNOWN | 0xff) == 0 { TraceFlags::SAMPLED } else { w3c };
    (w3c, v & IS_REMOTE != 0)
}

fn event(bytes: &[u8], span: &mut SpanWriter<'_>) -> Result<(), DecodeError> {
    let mut event = span.event();
    for field in fields(bytes) {
        match field? {
            (1, Field::Fixed64(v)) => event.time(Timestamp::from_unix_nanos(v)),
            (2, Field::Bytes(v)) => event.name(text(v)?),
            (3, Field::Bytes(v)) => with_attribute(v, |key, value| {
                event.attribute(text(key)?, value);
                Ok(())
            })?,
            (4, Field::Varint(v)) => event.dropped_attributes(count(v)),
            _ => {}
        }
    }
    event.finish();
    Ok(())
}

/// A link; one that points nowhere is left out.
fn link(bytes: &[u8], span: &mut SpanWriter<'_>) -> Result<(), DecodeError> {
    let (mut trace_id, mut span_id, mut trace_state) = (None, None, TraceState::EMPTY);
    let (mut w3c, mut is_remote) = (TraceFlags::default(), false);
    let mut link = span.link();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => trace_id = trace_id_of(v),
            (2, Field::Bytes(v)) => span_id = span_id_of(v),
            (3, Field::Bytes(v)) => trace_state = TraceState::from_validated(text(v)?),
            (4, Field::Bytes(v)) => with_attribute(v, |key, value| {
                link.attribute(text(key)?, value);
                Ok(())
            })?,
            (5, Field::Varint(v)) => link.dropped_attributes(count(v)),
            (6, Field::Fixed32(v)) => (w3c, is_remote) = (TraceFlags(v.to_le_bytes()[0]), v & IS_REMOTE != 0),
            _ => {}
        }
    }
    if let (Some(trace_id), Some(span_id)) = (trace_id, span_id) {
        let mut context = SpanContext::new(trace_id, span_id, w3c);
        (context.trace_state, context.is_remote) = (trace_state, is_remote);
        link.finish(context);
    }
    Ok(())
}

fn status(bytes: &[u8], span: &mut SpanWriter<'_>) -> Result<(), DecodeError> {
    let (mut message, mut code) = ("", 0);
    for field in fields(bytes) {
        match field? {
            (2, Field::Bytes(v)) => message = text(v)?,
            (3, Field::Varint(v)) => code = v,
            _ => {}
        }
    }
    span.status(match code {
        1 => StatusRef::Ok,
        2 => StatusRef::Error(message),
        _ => StatusRef::Unset,
    });
    Ok(())
}
