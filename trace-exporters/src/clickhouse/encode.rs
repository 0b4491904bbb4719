//! A batch as rows of the table of spans.

use trace_core::batch::{Attributes, SpanBatch, SpanRef, StatusCode, StatusRef};
use trace_core::model::SpanKind;

use super::row::{Writer, put_length, put_text};

/// The columns that [`encode_rows`] writes, in its order.
pub(super) const COLUMNS: &str = "Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, \
    ServiceName, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, StatusMessage, \
    Events.Timestamp, Events.Name, Events.Attributes, \
    Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes, Tenant, NumberAttributes";

/// The Collector's names.
pub(super) fn kind_text(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Internal => "Internal",
        SpanKind::Server => "Server",
        SpanKind::Client => "Client",
        SpanKind::Producer => "Producer",
        SpanKind::Consumer => "Consumer",
    }
}

/// The Collector's names.
pub(super) fn status_text(status: StatusCode) -> &'static str {
    match status {
        StatusCode::Unset => "Unset",
        StatusCode::Ok => "Ok",
        StatusCode::Error => "Error",
    }
}

/// The rows of a batch.
pub(super) fn encode_rows(batch: &SpanBatch) -> Vec<u8> {
    let mut rows = Rows::new(batch);
    batch.iter().for_each(|span| rows.span(span));
    rows.to.out
}

/// What is the same in every row is encoded once.
struct Rows<'a> {
    to: Writer,
    service: &'a str,
    resource: Vec<u8>,
    resource_numbers: Vec<(&'a str, f64)>,
}

impl<'a> Rows<'a> {
    fn new(batch: &'a SpanBatch) -> Self {
        let resource = batch.resource();
        let values = || resource.attributes.iter().map(|kv| (&*kv.key, kv.value.as_ref()));
        let mut rows = Self {
            to: Writer::default(),
            service: resource.service_name(),
            resource: Vec::new(),
            resource_numbers: values().filter_map(|(k, v)| Some((k, v.as_f64()?))).collect(),
        };
        rows.to.map(resource.attributes.len(), values());
        rows.resource = std::mem::take(&mut rows.to.out);
        rows.to.out.reserve(batch.byte_size());
        rows
    }

    fn span(&mut self, span: SpanRef<'_>) {
        self.to.time(span.start());
        self.to.shown(span.trace_id());
        self.to.shown(span.span_id());
        match span.parent_span_id() {
            Some(id) => self.to.shown(id),
            None => put_text(&mut self.to.out, ""),
        }
        put_text(&mut self.to.out, span.trace_state().as_str());
        put_text(&mut self.to.out, span.name());
        put_text(&mut self.to.out, kind_text(span.kind()));
        put_text(&mut self.to.out, self.service);
        self.to.out.extend_from_slice(&self.resource);
        put_text(&mut self.to.out, &span.scope().name);
        put_text(&mut self.to.out, &span.scope().version);
        self.attributes(span.attributes());
        let nanos = u64::try_from(span.duration().as_nanos()).unwrap_or(u64::MAX);
        self.to.out.extend_from_slice(&nanos.to_le_bytes());
        put_text(&mut self.to.out, status_text(span.status_code()));
        put_text(&mut self.to.out, if let StatusRef::Error(message) = span.status() { message } else { "" });
        self.events(span);
        self.links(span);
        put_text(&mut self.to.out, span.tenant());
        self.numbers(span);
    }

    fn events(&mut self, span: SpanRef<'_>) {
        let count = span.events().count();
        put_length(&mut self.to.out, count);
        span.events().for_each(|e| self.to.time(e.time()));
        put_length(&mut self.to.out, count);
        span.events().for_each(|e| put_text(&mut self.to.out, e.name()));
        put_length(&mut self.to.out, count);
        span.events().for_each(|e| self.attributes(e.attributes()));
    }

    fn links(&mut self, span: SpanRef<'_>) {
        let count = span.links().count();
        put_length(&mut self.to.out, count);
        span.links().for_each(|l| self.to.shown(l.context().trace_id));
        put_length(&mut self.to.out, count);
        span.links().for_each(|l| self.to.shown(l.context().span_id));
        put_length(&mut self.to.out, count);
        span.links().for_each(|l| put_text(&mut self.to.out, l.context().trace_state.as_str()));
        put_length(&mut self.to.out, count);
        span.links().for_each(|l| self.attributes(l.attributes()));
    }

    /// The numbers that a condition compares: the span's, and the resource's whose names the span does not use.
    fn numbers(&mut self, span: SpanRef<'_>) {
        let own = || span.attributes().filter_map(|(k, v)| Some((k, v.as_f64()?)));
        let visible = |(k, _): &&(&str, f64)| span.attribute(k).is_none();
        put_length(&mut self.to.out, own().count() + self.resource_numbers.iter().filter(visible).count());
        for (key, number) in own().chain(self.resource_numbers.iter().filter(visible).copied()) {
            put_text(&mut self.to.out, key);
            self.to.out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn attributes(&mut self, attributes: Attributes<'_>) {
        self.to.map(attributes.clone().count(), attributes);
    }
}
