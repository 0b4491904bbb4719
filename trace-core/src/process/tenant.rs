//! Writes on every span whose it is.

use crate::batch::SpanBatchMut;
use crate::signal::SpanProcessor;
use crate::tenant::TenantResolver;

/// Finds the tenant of every span and writes it into [`TenantId::ATTRIBUTE`](crate::model::TenantId::ATTRIBUTE), where
/// stores and windows look for it. Spans of the default tenant stay as they are.
///
/// A pipeline with [`tenants`](crate::pipeline::PipelineBuilder::tenants) does this by itself; this processor is for one
/// that has no quotas.
#[derive(Clone, Debug)]
pub struct TenantProcessor(TenantResolver);

impl TenantProcessor {
    /// A processor that looks where the resolver does.
    pub fn new(resolver: TenantResolver) -> Self {
        Self(resolver)
    }
}

impl SpanProcessor for TenantProcessor {
    fn process(&self, batch: &mut SpanBatchMut) {
        self.0.stamp(batch);
    }
}
