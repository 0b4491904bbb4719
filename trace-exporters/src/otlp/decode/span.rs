//! `ExportTraceServiceRequest`, which `TracesData` equals on the wire.
//!
//! Field numbers: `opentelemetry/proto/trace/v1/trace.proto`.

use std::sync::Arc;

use trace_core::batch::SpanBatchMut;
use trace_core::model::{
    Event, Link, Scope, SpanContext, SpanData, SpanId, SpanKind, Status, Timestamp, TraceFlags, TraceId,
    TraceState,
};

use super::shared::{attribute, count, owned, resource, scope, text};
use super::{DecodeError, Decoded};
use crate::wire_reader::{Field, fields};

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
    let mut decoded = Decoded::new();
    for field in fields(bytes) {
        if let (1, Field::Bytes(v)) = field? {
            resource_spans(v, &mut decoded)?;
        }
    }
    Ok(decoded)
}

fn resource_spans(bytes: &[u8], decoded: &mut Decoded<SpanBatchMut>) -> Result<(), DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    let mut batch = SpanBatchMut::new(Arc::new(resource(head, schema_url)?));
    for field in fields(bytes) {
        if let (2, Field::Bytes(v)) = field? {
            scope_spans(v, &mut batch, decoded)?;
        }
    }
    if !batch.is_empty() {
        decoded.batches.push(batch);
    }
    Ok(())
}

fn scope_spans(
    bytes: &[u8],
    batch: &mut SpanBatchMut,
    decoded: &mut Decoded<SpanBatchMut>,
) -> Result<(), DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    let scope = Arc::new(scope(head, schema_url)?);
    for field in fields(bytes) {
        let (2, Field::Bytes(v)) = field? else { continue };
        match span(v, &scope)? {
            Ok(span) => batch.push(span),
            Err(reason) => decoded.reject(reason),
        }
    }
    Ok(())
}

/// One span, or why it cannot be kept.
fn span(bytes: &[u8], scope: &Arc<Scope>) -> Result<Result<SpanData, &'static str>, DecodeError> {
    // Placeholders until the ids are read; a span without them is refused.
    let context = SpanContext::new(TraceId::MIN, SpanId::MAX, TraceFlags::SAMPLED);
    let mut s = SpanData::new(context, "", Timestamp::default(), Timestamp::default());
    s.scope = scope.clone();
    let (mut trace_id, mut span_id) = (None, None);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => trace_id = trace_id_of(v),
            (2, Field::Bytes(v)) => span_id = span_id_of(v),
            (3, Field::Bytes(v)) => s.context.trace_state = TraceState::from_validated(text(v)?),
            // Empty means none; another length is as good as none.
            (4, Field::Bytes(v)) => s.parent_span_id = span_id_of(v),
            (5, Field::Bytes(v)) => s.name = owned(v)?,
            (6, Field::Varint(v)) => s.kind = kind(v),
            (7, Field::Fixed64(v)) => s.start = Timestamp::from_unix_nanos(v),
            (8, Field::Fixed64(v)) => s.end = Timestamp::from_unix_nanos(v),
            (9, Field::Bytes(v)) => s.attributes.push(attribute(v)?),
            (10, Field::Varint(v)) => s.dropped_attributes = count(v),
            (11, Field::Bytes(v)) => s.events.push(event(v)?),
            (12, Field::Varint(v)) => s.dropped_events = count(v),
            (13, Field::Bytes(v)) => s.links.extend(link(v)?),
            (14, Field::Varint(v)) => s.dropped_links = count(v),
            (15, Field::Bytes(v)) => s.status = status(v)?,
            (16, Field::Fixed32(v)) => (s.context.flags, s.parent_is_remote) = flags(v),
            _ => {}
        }
    }
    let Some(trace_id) = trace_id else { return Ok(Err("a trace id is not 16 bytes, or all zeros")) };
    let Some(span_id) = span_id else { return Ok(Err("a span id is not 8 bytes, or all zeros")) };
    (s.context.trace_id, s.context.span_id) = (trace_id, span_id);
    Ok(Ok(s))
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

fn event(bytes: &[u8]) -> Result<Event, DecodeError> {
    let mut event =
        Event { name: "".into(), time: Timestamp::default(), attributes: Vec::new(), dropped_attributes: 0 };
    for field in fields(bytes) {
        match field? {
            (1, Field::Fixed64(v)) => event.time = Timestamp::from_unix_nanos(v),
            (2, Field::Bytes(v)) => event.name = owned(v)?,
            (3, Field::Bytes(v)) => event.attributes.push(attribute(v)?),
            (4, Field::Varint(v)) => event.dropped_attributes = count(v),
            _ => {}
        }
    }
    Ok(event)
}

/// A link; `None` if it points nowhere.
fn link(bytes: &[u8]) -> Result<Option<Link>, DecodeError> {
    let (mut trace_id, mut span_id, mut trace_state) = (None, None, TraceState::EMPTY);
    let (mut attributes, mut dropped_attributes) = (Vec::new(), 0);
    let (mut w3c, mut is_remote) = (TraceFlags::default(), false);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => trace_id = trace_id_of(v),
            (2, Field::Bytes(v)) => span_id = span_id_of(v),
            (3, Field::Bytes(v)) => trace_state = TraceState::from_validated(text(v)?),
            (4, Field::Bytes(v)) => attributes.push(attribute(v)?),
            (5, Field::Varint(v)) => dropped_attributes = count(v),
            (6, Field::Fixed32(v)) => (w3c, is_remote) = (TraceFlags(v.to_le_bytes()[0]), v & IS_REMOTE != 0),
            _ => {}
        }
    }
    let (Some(trace_id), Some(span_id)) = (trace_id, span_id) else { return Ok(None) };
    let mut context = SpanContext::new(trace_id, span_id, w3c);
    (context.trace_state, context.is_remote) = (trace_state, is_remote);
    Ok(Some(Link { context, attributes, dropped_attributes }))
}

fn status(bytes: &[u8]) -> Result<Status, DecodeError> {
    let (mut message, mut code) = ("".into(), 0);
    for field in fields(bytes) {
        match field? {
            (2, Field::Bytes(v)) => message = owned(v)?,
            (3, Field::Varint(v)) => code = v,
            _ => {}
        }
    }
    Ok(match code {
        1 => Status::Ok,
        2 => Status::Error(message),
        _ => Status::Unset,
    })
}
