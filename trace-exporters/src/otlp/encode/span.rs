//! `ExportTraceServiceRequest`, written straight from a [`SpanBatch`].
//!
//! Field numbers: `opentelemetry/proto/trace/v1/trace.proto`.

use trace_core::batch::{EventRef, LinkRef, SpanBatch, SpanRef, StatusRef};
use trace_core::model::TraceFlags;

use super::shared::{Attribute, ResourceMessage, ScopeMessage};
use crate::wire_writer::{Message, Sink, delimited_len, length_of};

/// "It is known whether the parent is remote" (`SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`).
const REMOTE_IS_KNOWN: u32 = 0x100;
/// "The parent is remote" (`SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`).
const IS_REMOTE: u32 = 0x200;

/// A batch measured and sorted by scope: what is needed to write it, and how long it will be.
pub(crate) struct SpanRequest<'a> {
    batch: &'a SpanBatch,
    /// Rows and the length of each, rows of a scope together.
    rows: Vec<(u32, usize)>,
    /// Ends in `rows`, and the length of each `ScopeSpans`.
    scopes: Vec<(usize, usize)>,
    /// Length of the one `ResourceSpans`.
    length: usize,
}

impl<'a> SpanRequest<'a> {
    /// Measures a batch.
    pub(crate) fn new(batch: &'a SpanBatch) -> Self {
        let mut rows: Vec<(u32, usize)> =
            batch.iter().enumerate().map(|(i, span)| (i as u32, length_of(&SpanMessage(span)))).collect();
        let scope_of = |row: u32| batch.get(row as usize).map_or(0, |s| s.scope_index());
        // Stable, so that spans of one scope stay in the order of recording.
        rows.sort_by_key(|&(row, _)| scope_of(row));

        let mut request = Self { batch, rows: Vec::new(), scopes: Vec::new(), length: 0 };
        let mut start = 0;
        for of_scope in rows.chunk_by(|a, b| scope_of(a.0) == scope_of(b.0)) {
            start += of_scope.len();
            let length = length_of(&ScopeSpans { batch, rows: of_scope });
            request.scopes.push((start, length));
            request.length += delimited_len(2, length);
        }
        request.rows = rows;
        request.length += length_of(&ResourceHead(batch));
        request
    }

    /// The exact length of the request in bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        if self.batch.is_empty() { 0 } else { delimited_len(1, self.length) }
    }

    /// Appends the request; nothing for an empty batch.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        if !self.batch.is_empty() {
            out.reserve(self.encoded_len());
            out.message_of_length(1, self, self.length);
        }
    }
}

/// `ResourceSpans`.
impl Message for SpanRequest<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
        ResourceHead(self.batch).fields(s);
        let mut start = 0;
        for &(end, length) in &self.scopes {
            s.message_of_length(2, &ScopeSpans { batch: self.batch, rows: &self.rows[start..end] }, length);
            start = end;
        }
    }
}

/// The fields of `ResourceSpans` other than its spans.
struct ResourceHead<'a>(&'a SpanBatch);

impl Message for ResourceHead<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
        let resource = self.0.resource();
        s.message(1, &ResourceMessage(resource));
        s.string(3, &resource.schema_url);
    }
}

struct ScopeSpans<'a> {
    batch: &'a SpanBatch,
    /// Not empty, all of one scope.
    rows: &'a [(u32, usize)],
}

impl Message for ScopeSpans<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
        let scope =
            self.rows.first().and_then(|&(row, _)| self.batch.get(row as usize)).map(|span| span.scope());
        if let Some(scope) = scope {
            s.message(1, &ScopeMessage(scope));
            s.string(3, &scope.schema_url);
        }
        for &(row, length) in self.rows {
            if let Some(span) = self.batch.get(row as usize) {
                s.message_of_length(2, &SpanMessage(span), length);
            }
        }
    }
}

struct SpanMessage<'a>(SpanRef<'a>);

impl Message for SpanMessage<'_> {
    #[inline]
    fn fields<S: Sink>(&self, s: &mut S) {
        let span = &self.0;
        s.bytes_always(1, &span.trace_id().to_bytes());
        s.bytes_always(2, &span.span_id().to_bytes());
        s.string(3, span.trace_state().as_str());
        if let Some(parent) = span.parent_span_id() {
            s.bytes_always(4, &parent.to_bytes());
        }
        s.string(5, span.name());
        s.uint(6, span.kind() as u64);
        s.fixed64(7, span.start().unix_nanos());
        s.fixed64(8, span.end().unix_nanos());
        for (key, value) in span.attributes() {
            s.message(9, &Attribute(key, value));
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
        s.fixed32(16, flags(span.flags(), span.parent_is_remote()));
    }
}

fn flags(w3c: TraceFlags, is_remote: bool) -> u32 {
    u32::from(w3c.0) | REMOTE_IS_KNOWN | if is_remote { IS_REMOTE } else { 0 }
}

struct EventMessage<'a>(EventRef<'a>);

impl Message for EventMessage<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
        s.fixed64(1, self.0.time().unix_nanos());
        s.string(2, self.0.name());
        for (key, value) in self.0.attributes() {
            s.message(3, &Attribute(key, value));
        }
        s.uint(4, self.0.dropped_attributes().into());
    }
}

struct LinkMessage<'a>(LinkRef<'a>);

impl Message for LinkMessage<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
        let context = self.0.context();
        s.bytes_always(1, &context.trace_id.to_bytes());
        s.bytes_always(2, &context.span_id.to_bytes());
        s.string(3, context.trace_state.as_str());
        for (key, value) in self.0.attributes() {
            s.message(4, &Attribute(key, value));
        }
        s.uint(5, self.0.dropped_attributes().into());
        s.fixed32(6, flags(context.flags, context.is_remote));
    }
}

struct StatusMessage<'a>(StatusRef<'a>);

impl Message for StatusMessage<'_> {
    fn fields<S: Sink>(&self, s: &mut S) {
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
