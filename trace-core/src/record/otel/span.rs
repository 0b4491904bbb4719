//! The API's span.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::SystemTime;

use opentelemetry::KeyValue;
use opentelemetry::trace as api;

use super::{convert, tenants};
use crate::model::{SpanContext, SpanId, TenantTag, Timestamp};
use crate::record::draft::{Draft, End};

/// A span behind the `opentelemetry` API. Ends when it is dropped, if it has not been ended before.
///
/// Where the API leaves a choice, or differs from the specification, the specification is followed: an attribute whose
/// key is set again is replaced, and of several errors the last one counts. A span that is dropped while its
/// thread panics gets the error status `panicked`, unless it has a status.
pub struct OtelSpan {
    /// While it is recorded.
    draft: Option<Box<Draft>>,
    /// The identity of a span that is not recorded, or not any more.
    context: Option<SpanContext>,
    /// The identity as the API wants it, made when somebody asks: a trace state costs several allocations there.
    seen: OnceLock<api::SpanContext>,
    /// Its tenant is to be forgotten with it.
    remembered: bool,
}

impl OtelSpan {
    /// A span that records nothing.
    pub(super) fn of(context: Option<SpanContext>) -> Self {
        Self { draft: None, context, seen: OnceLock::new(), remembered: false }
    }

    pub(super) fn recording(draft: Box<Draft>) -> Self {
        Self { draft: Some(draft), context: None, seen: OnceLock::new(), remembered: false }
    }

    /// For children that find it in a context.
    #[inline]
    pub(super) fn remember_tenant(&mut self) {
        let tenant = match (&self.draft, &self.context) {
            (Some(draft), _) => draft.columns.rows[Draft::ROW].tenant,
            (None, Some(context)) => context.tenant,
            (None, None) => TenantTag::NONE,
        };
        if !tenant.is_none()
            && let Some(span_id) = self.span_id()
        {
            tenants::remember(span_id, tenant);
            self.remembered = true;
        }
    }

    fn span_id(&self) -> Option<SpanId> {
        match &self.draft {
            Some(draft) => Some(draft.columns.rows[Draft::ROW].span_id),
            None => self.context.as_ref().map(|c| c.span_id),
        }
    }

    fn finish(&mut self, end: End) {
        if let Some(draft) = self.draft.take() {
            self.context = Some(draft.context());
            draft.commit(end);
        }
    }

    /// Adds the events and links of a builder.
    #[cold]
    pub(super) fn add_all(&mut self, events: Vec<api::Event>, links: Vec<api::Link>) {
        for e in events {
            self.add_event_at(e.name, e.timestamp.into(), e.attributes);
        }
        for l in links {
            api::Span::add_link(self, l.span_context, l.attributes);
        }
    }

    fn add_event_at(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        time: Timestamp,
        attributes: Vec<KeyValue>,
    ) {
        if let Some(d) = &mut self.draft {
            let name = name.into();
            d.add_event(time, |c| c.text_of(name), |c, limit| convert::list(c, &attributes, limit));
        }
    }
}

impl api::Span for OtelSpan {
    fn add_event<T>(&mut self, name: T, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(d) = &self.draft {
            let now = d.now();
            self.add_event_at(name, now, attributes);
        }
    }

    fn add_event_with_timestamp<T>(&mut self, name: T, timestamp: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        self.add_event_at(name, timestamp.into(), attributes);
    }

    fn span_context(&self) -> &api::SpanContext {
        self.seen.get_or_init(|| match (&self.draft, &self.context) {
            (Some(draft), _) => convert::context_to(&draft.context()),
            (None, Some(context)) => convert::context_to(context),
            (None, None) => api::SpanContext::NONE,
        })
    }

    fn is_recording(&self) -> bool {
        self.draft.is_some()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        if let Some(d) = &mut self.draft {
            let said = d.slot.map(|slot| slot.tenants.said_by_api(&attribute)).unwrap_or_default();
            if !said.is_none() {
                d.set_tenant(said);
                self.remember_tenant();
            }
        }
        if let Some(d) = &mut self.draft {
            let limit = d.attribute_limit();
            d.attributes.set(attribute, limit);
        }
    }

    fn set_status(&mut self, status: api::Status) {
        if let Some(d) = &mut self.draft {
            d.set_status(convert::status_from(status));
        }
    }

    fn update_name<T>(&mut self, new_name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        if let Some(d) = &mut self.draft {
            let name = new_name.into();
            d.edit(|c, row, _| c.rows[row].name = c.text_of(name));
        }
    }

    fn add_link(&mut self, span_context: api::SpanContext, attributes: Vec<KeyValue>) {
        if let (Some(d), Some(c)) = (&mut self.draft, convert::context_from(&span_context)) {
            d.add_link(c, |c, limit| convert::list(c, &attributes, limit));
        }
    }

    fn end(&mut self) {
        self.finish(End::Now);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.finish(End::At(timestamp.into()));
    }
}

impl Drop for OtelSpan {
    #[inline]
    fn drop(&mut self) {
        if self.remembered
            && let Some(span_id) = self.span_id()
        {
            tenants::forget(span_id);
        }
        if let Some(draft) = self.draft.take() {
            draft.commit(End::Now);
        }
    }
}

impl std::fmt::Debug for OtelSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtelSpan")
            .field("context", &api::Span::span_context(self))
            .field("recording", &self.draft.is_some())
            .finish()
    }
}
