//! Finds out whose a span is.

use crate::batch::{SpanBatchMut, SpanRef};
use crate::model::{AttributeSet, TenantId};

/// Where the tenant of a span is looked for, in this order: what the door that it came through has proved, attributes
/// of the span, the span's parent, attributes of the resource, a fixed tenant, the default tenant. Texts that are not a
/// [`TenantId`] count as absent.
///
/// A span that is recorded in this process inherits the tenant of the span that it was started under, if that was named
/// at its start, or while it was active; see [`TenantTag`](crate::model::TenantTag). From another process it comes only with
/// [`TenantBaggage`](crate::propagate::TenantBaggage).
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

    /// Attributes that name the tenant of a span, the first one first.
    pub(crate) fn span_keys(&self) -> &[String] {
        &self.span_keys
    }

    /// What the span itself says, found in one pass over its attributes.
    pub(super) fn read<'a>(&self, span: SpanRef<'a>) -> Said<'a> {
        let (mut best, mut first, mut written) = (None, usize::MAX, None);
        for (key, value) in span.attributes() {
            let Some(rank) = self.span_keys.iter().position(|k| k == key) else { continue };
            let Some(name) = value.as_str() else { continue };
            if rank == 0 {
                written = Some(name);
            }
            if rank < first {
                (best, first) = (Some(name), rank);
            }
        }
        Said { tenant: best.filter(valid), written }
    }

    /// The tenant of spans that say nothing themselves.
    pub(super) fn of_resource(&self, attributes: &AttributeSet) -> TenantId {
        let named = self.resource_keys.iter().find_map(|key| attributes.get(key)?.as_ref().as_str());
        named.and_then(|name| TenantId::new(name).ok()).unwrap_or_else(|| self.fixed.clone())
    }

    /// Writes the tenant on every span that is not of the default tenant.
    pub(crate) fn stamp(&self, batch: &mut SpanBatchMut) {
        let rest = self.of_resource(&batch.resource().attributes);
        let mut stamps = Stamps::default();
        for (at, span) in batch.iter().enumerate().filter(|(_, span)| span.tenant_tag().is_none()) {
            let said = self.read(span);
            stamps.note(at, said.tenant.unwrap_or(rest.as_str()), said.written);
        }
        stamps.write(batch);
    }
}

/// What a span says of its tenant.
pub(super) struct Said<'a> {
    /// The name, if it is one.
    pub(super) tenant: Option<&'a str>,
    /// What [`TenantId::ATTRIBUTE`] says, whatever that is.
    pub(super) written: Option<&'a str>,
}

/// Names to be written on spans, each with the indexes of its spans.
#[derive(Default)]
pub(super) struct Stamps(Vec<(String, Vec<u32>)>);

impl Stamps {
    /// The span at this index is of this tenant, and has this written on it.
    pub(super) fn note(&mut self, at: usize, name: &str, written: Option<&str>) {
        if name == written.unwrap_or(TenantId::DEFAULT) {
            return;
        }
        match self.0.last_mut() {
            Some((same, rows)) if same == name => rows.push(at as u32),
            _ => self.0.push((name.to_owned(), vec![at as u32])),
        }
    }

    pub(super) fn write(self, batch: &mut SpanBatchMut) {
        for (name, rows) in self.0 {
            batch.write_tenant(&rows, &name);
        }
    }
}

fn valid(name: &&str) -> bool {
    TenantId::is_valid(name)
}
