//! A span of the API that is a draft, or is not recorded, or has ended.

use std::borrow::Cow;
use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::trace as api;

use super::{convert, tenants};
use crate::model::{SpanContext, SpanId, TenantTag, Timestamp};
use crate::record::draft::{Draft, End};

/// A span of the API that anything can be done to.
pub(super) struct Drafted {
    /// While it is recorded.
    draft: Option<Box<Draft>>,
    /// The identity of a span that is not recorded, or not any more.
    context: Option<SpanContext>,
    /// The identity as the API wants it, made when somebody asks: a trace state costs several allocations there.
    seen: OnceLock<api::SpanContext>,
    /// Its tenant is to be forgotten with it.
    remembered: bool,
}

impl Drafted {
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

    pub(super) fn span_context(&self) -> &api::SpanContext {
        self.seen.get_or_init(|| match (&self.draft, &self.context) {
            (Some(draft), _) => convert::context_to(&draft.context()),
            (None, Some(context)) => convert::context_to(context),
            (None, None) => api::SpanContext::NONE,
        })
    }

    /// The draft, while the span is recorded.
    #[inline]
    pub(super) fn draft(&mut self) -> Option<&mut Box<Draft>> {
        self.draft.as_mut()
    }

    pub(super) fn is_recording(&self) -> bool {
        self.draft.is_some()
    }

    pub(super) fn finish(&mut self, end: End) {
        if let Some(draft) = self.draft.take() {
            self.context = Some(draft.context());
            draft.commit(end);
        }
    }

    pub(super) fn add_event(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        time: Timestamp,
        attributes: &[KeyValue],
    ) {
        if let Some(d) = &mut self.draft {
            let name = name.into();
            d.add_event(time, |c| c.text_of(name), |c, limit| convert::list(c, attributes, limit));
        }
    }

    pub(super) fn add_link(&mut self, context: &api::SpanContext, attributes: &[KeyValue]) {
        if let (Some(d), Some(c)) = (&mut self.draft, convert::context_from(context)) {
            d.add_link(c, |c, limit| convert::list(c, attributes, limit));
        }
    }

    pub(super) fn set_attribute(&mut self, attribute: KeyValue) {
        let Some(d) = &mut self.draft else { return };
        let said = d.slot.map(|slot| slot.tenants.said_by_api(&attribute)).unwrap_or_default();
        let limit = d.attribute_limit();
        d.attributes.set(attribute, limit);
        if !said.is_none() {
            d.set_tenant(said);
            self.remember_tenant();
        }
    }
}

impl Drop for Drafted {
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
