//! Finds out whose a span is.

use crate::batch::{SpanBatchMut, SpanRef};
use crate::model::{AttributeSet, KeyValue, TenantId, ValueRef};

/// Where the tenant of a span is looked for, in this order: what the door that it came through has proved, attributes
/// of the span, attributes of the resource, a fixed tenant, the default tenant. Texts that are not a [`TenantId`]
/// count as absent.
///
/// Attributes are as trustworthy as the program that sets them. Spans from outside should come through an
/// [`Ingest`](crate::pipeline::Ingest) of a tenant that has been authenticated, which wins over what they say.
#[derive(Clone, Debug)]
pub struct TenantResolver {
    span_keys: Vec<String>,
    resource_keys: Vec<String>,
    fixed: TenantId,
}

impl Default for TenantResolver {
    fn default() -> Self {
        Self::new()
    }
}

impl TenantResolver {
    /// Looks for [`TenantId::ATTRIBUTE`] on the span and on the resource.
    pub fn new() -> Self {
        let own = || vec![TenantId::ATTRIBUTE.to_owned()];
        Self { span_keys: own(), resource_keys: own(), fixed: TenantId::default() }
    }

    /// Looks also for this attribute of a span, after those named before.
    #[must_use]
    pub fn span_attribute(mut self, key: impl Into<String>) -> Self {
        self.span_keys.push(key.into());
        self
    }

    /// Looks also for this attribute of the resource, after those named before.
    #[must_use]
    pub fn resource_attribute(mut self, key: impl Into<String>) -> Self {
        self.resource_keys.push(key.into());
        self
    }

    /// Whose spans are that say nothing.
    #[must_use]
    pub fn otherwise(mut self, tenant: TenantId) -> Self {
        self.fixed = tenant;
        self
    }

    /// The name that the span itself gives.
    pub(super) fn of_span<'a>(&self, span: SpanRef<'a>) -> Option<&'a str> {
        self.span_keys.iter().find_map(|key| span.attribute(key).and_then(ValueRef::as_str)).filter(valid)
    }

    /// The tenant of spans that say nothing themselves.
    pub(super) fn of_resource(&self, attributes: &AttributeSet) -> TenantId {
        let named = self.resource_keys.iter().find_map(|key| attributes.get(key)?.as_ref().as_str());
        named.and_then(|name| TenantId::new(name).ok()).unwrap_or_else(|| self.fixed.clone())
    }

    /// Writes the tenant on every span that is not of the default tenant.
    pub(crate) fn stamp(&self, batch: &mut SpanBatchMut) {
        let rest = self.of_resource(&batch.resource().attributes);
        let default = TenantId::default();
        for i in 0..batch.len() {
            let Some(span) = batch.get(i) else { break };
            let name = self.of_span(span).unwrap_or(rest.as_str());
            let written = span.attribute(TenantId::ATTRIBUTE).and_then(ValueRef::as_str);
            if name != written.unwrap_or(default.as_str()) {
                let name = name.to_owned();
                batch.set_attribute(i, KeyValue::new(TenantId::ATTRIBUTE, name));
            }
        }
    }
}

fn valid(name: &&str) -> bool {
    TenantId::is_valid(name)
}
