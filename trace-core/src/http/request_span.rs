//! The server span, for handlers.

use std::borrow::Cow;
use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::model::{KeyValue, SpanContext, SpanId, TraceId, Value};
use crate::record::Span;

/// The server span of a request, found in the request's extensions. Absent for excluded paths.
///
/// It may be kept after the request is over: the span ends with the request all the same, and what is set
/// afterwards is ignored.
#[derive(Clone, Debug)]
pub struct RequestSpan {
    context: Option<SpanContext>,
    span: Weak<ServerSpan>,
}

/// The span, and what handlers and inner layers add to it.
#[derive(Debug)]
pub(super) struct ServerSpan {
    pub(super) span: Span,
    /// The number of its attributes at the start.
    pub(super) started_with: u16,
    /// `service/method` of a gRPC call.
    pub(super) call: Option<Box<str>>,
    /// A handler has set the span's status.
    pub(super) has_status: AtomicBool,
    /// Bytes of the request body that were read, or [`Self::NOT_MEASURED`].
    pub(super) request_bytes: AtomicU64,
}

impl ServerSpan {
    pub(super) const NOT_MEASURED: u64 = u64::MAX;

    /// What was read of the request body, if [`super::MeasureRequestBodies`] measured it.
    pub(super) fn request_bytes(&self) -> Option<u64> {
        Some(self.request_bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes != Self::NOT_MEASURED)
    }
}

impl RequestSpan {
    pub(super) fn of(server: &Arc<ServerSpan>) -> Self {
        Self { context: server.span.context().cloned(), span: Arc::downgrade(server) }
    }

    pub(super) fn server(&self) -> &Weak<ServerSpan> {
        &self.span
    }

    /// The span's identity; `None` after the shutdown of the recorder.
    pub fn context(&self) -> Option<&SpanContext> {
        self.context.as_ref()
    }

    /// The identity, with the tenant that was named since the start.
    pub(super) fn inherited(&self) -> Option<SpanContext> {
        self.span.upgrade().and_then(|server| server.span.inherited()).or_else(|| self.context.clone())
    }

    /// The trace, to show to a client or to write into a log.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.context.as_ref().map(|c| c.trace_id)
    }

    /// The server span's own id.
    pub fn span_id(&self) -> Option<SpanId> {
        self.context.as_ref().map(|c| c.span_id)
    }

    /// Adds an attribute, or replaces its value.
    pub fn set_attribute(&self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        if let Some(s) = self.span.upgrade() {
            s.span.set_attribute(key, value);
        }
    }

    /// Adds an event at the present moment.
    pub fn add_event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: impl IntoIterator<Item = KeyValue>,
    ) {
        if let Some(s) = self.span.upgrade() {
            s.span.add_event(name, attributes);
        }
    }

    /// Adds an `exception` event and sets the error status, which then stays whatever the response is.
    pub fn record_error<E: Error + ?Sized>(&self, error: &E) {
        if let Some(s) = self.span.upgrade() {
            s.has_status.store(true, Ordering::Relaxed);
            s.span.record_error(error);
        }
    }
}
