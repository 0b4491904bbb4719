//! The API's span.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace as api;

use super::convert;
use crate::record::Span;

/// A span behind the `opentelemetry` API. Ends when it is dropped, if it has not been ended before.
#[derive(Debug)]
pub struct OtelSpan {
    span: Span,
    context: api::SpanContext,
}

impl OtelSpan {
    pub(super) fn new(span: Span, context: api::SpanContext) -> Self {
        Self { span, context }
    }
}

impl api::Span for OtelSpan {
    fn add_event_with_timestamp<T>(&mut self, name: T, timestamp: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if self.span.is_recording() {
            self.span.add_event_at(name, timestamp.into(), convert::attributes_from(attributes));
        }
    }

    fn span_context(&self) -> &api::SpanContext {
        &self.context
    }

    fn is_recording(&self) -> bool {
        self.span.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if self.span.is_recording() {
            self.span.set_attribute(String::from(attribute.key), convert::value_from(attribute.value));
        }
    }

    fn set_status(&mut self, status: api::Status) {
        self.span.set_status(convert::status_from(status));
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.span.update_name(new_name);
    }

    fn add_link(&mut self, span_context: api::SpanContext, attributes: Vec<KeyValue>) {
        if let (true, Some(c)) = (self.span.is_recording(), convert::context_from(&span_context)) {
            self.span.add_link(c, convert::attributes_from(attributes));
        }
    }

    fn end(&mut self) {
        self.span.end_in_place(None);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.span.end_in_place(Some(timestamp));
    }
}
