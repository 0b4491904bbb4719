//! `ExportTraceServiceRequest`, written straight from a [`SpanBatch`].
//!
//! Field numbers: `opentelemetry/proto/trace/v1/trace.proto`.

use trace_core::batch::{EventRef, LinkRef, SpanBatch, SpanRef, StatusRef};
use trace_core::model::TraceFlags;

use super::shared::{ResourceMessage, ScopeMessage, attribute};
use crate::wire_writer::{Message, Wire};

/// "It is known whether the parent is remote" (`SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`).
const REMOTE_IS_KNOWN: u32 = 0x100;
/// "The parent is remote" (`SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`).
const IS_REMOTE: u32 = 0x200;

/// What a span takes, roughly: decides how much room is left for lengths.
const SPAN_BYTES: usize = 200;

/// Appends the request; nothing for an empty batch.
pub(crate) fn span_request(batch: &SpanBatch, out: &mut Vec<u8>) {
    if batch.is_empty() {
        return;
    }
    let rows = rows_by_scope(batch);
    let scope_of = |row: &u32| batch.get(*row as usize).map(|s| s.scope_index());
    let resource = batch.resource();
    out.delimited(1, rows.len() * SPAN_BYTES, |out| {
        out.message(1, &ResourceMessage(resource));
        for rows in rows.chunk_by(|a, b| scope_of(a) == scope_of(b)) {
            out.delimited(2, rows.len() * SPAN_BYTES, |out| scope_spans(out, batch, rows));
        }
        out.string(3, &resource.schema_url);
    });
}

/// The rows of a batch, those of a scope together; stable, so that they stay in the order of recording.
pub(crate) fn rows_by_scope(batch: &SpanBatch) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..batch.len() as u32).collect();
    rows.sort_by_key(|row| batch.get(*row as usize).map(|s| s.scope_index()));
    rows
}

/// The content of `ScopeSpans`; the rows are not none, and of one scope.
fn scope_spans(out: &mut Vec<u8>, batch: &SpanBatch, rows: &[u32]) {
    let spans = || rows.iter().filter_map(|row| batch.get(*row as usize));
    let scope = spans().next().map(|span| span.scope());
    if let Some(scope) = scope {
        out.message(1, &ScopeMessage(scope));
    }
    for span in spans() {
        out.delimited(2, SPAN_BYTES, |out| SpanMessage(span).fields(out));
    }
    if let Some(scope) = scope {
        out.string(3, &scope.schema_url);
    }
}

struct SpanMessage<'a>(SpanRef<'a>);

impl Message for SpanMessage<'_> {
    #[inline]
    fn fields(&self, s: &mut Vec<u8>) {
        let span = &self.0;
        let mut ids = [0; 28];
        ids[..2].copy_from_slice(&[0x0a, 16]);
        ids[2..18].copy_from_slice(&span.trace_id().to_bytes());
        ids[18..20].copy_from_slice(&[0x12, 8]);
        ids[20..].copy_from_slice(&span.span_id().to_bytes());
        s.put(&ids);
        s.string(3, span.trace_state().as_str());
        if let Some(parent) = span.parent_span_id() {
            let mut id = [0x22, 8, 0, 0, 0, 0, 0, 0, 0, 0];
            id[2..].copy_from_slice(&parent.to_bytes());
            s.put(&id);
        }
        s.string(5, span.name());
        s.uint(6, span.kind() as u64);
        s.fixed64(7, span.start().unix_nanos());
        s.fixed64(8, span.end().unix_nanos());
        for (key, value) in span.attributes() {
            attribute(s, 9, key, value);
        }
        let (attributes, events, links) = span.dropped_counts();
        s.uint(10, attributes.into());
        for event in span.events() {
            s.message(11, &EventMessage(event));
        }
        s.uint(12, events.into());
        for link in span.links() {
            s.message(13, &LinkMessage(link));
        }
        s.uint(14, links.into());
        if span.status() != StatusRef::Unset {
            s.message(15, &StatusMessage(span.status()));
        }
        s.fixed32(16, span_flags(span.flags(), span.parent_is_remote()));
    }
}

/// The bits of `flags`.
pub(crate) fn span_flags(w3c: TraceFlags, is_remote: bool) -> u32 {
    u32::from(w3c.0) | REMOTE_IS_KNOWN | if is_remote { IS_REMOTE } else { 0 }
}

struct EventMessage<'a>(EventRef<'a>);

impl Message for EventMessage<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        s.fixed64(1, self.0.time().unix_nanos());
        s.string(2, self.0.name());
        for (key, value) in self.0.attributes() {
            attribute(s, 3, key, value);
        }
        s.uint(4, self.0.dropped_attributes().into());
    }
}

struct LinkMessage<'a>(LinkRef<'a>);

impl Message for LinkMessage<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        let context = self.0.context();
        s.bytes_always(1, &context.trace_id.to_bytes());
        s.bytes_always(2, &context.span_id.to_bytes());
        s.string(3, context.trace_state.as_str());
        for (key, value) in self.0.attributes() {
            attribute(s, 4, key, value);
        }
        s.uint(5, self.0.dropped_attributes().into());
        s.fixed32(6, span_flags(context.flags, context.is_remote));
    }
}

struct StatusMessage<'a>(StatusRef<'a>);

impl Message for StatusMessage<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        match self.0 {
            StatusRef::Unset => {}
            StatusRef::Ok => s.uint(3, 1),
            StatusRef::Error(message) => {
                s.string(2, message);
                s.uint(3, 2);
            }
        }
    }
}
