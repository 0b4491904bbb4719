//! The trait of everything that stored traces can be read from.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Durations, Page, ReadError, SpanFilter, SpanQuery, StoredTrace, TraceSummary};
use crate::model::{TenantId, TimeRange, TraceId};

/// Reads stored traces. Every question is asked for one tenant, and answered from what it owns alone.
#[async_trait]
pub trait SpanReader: Send + Sync {
    /// A trace with all its spans, or `None` if the store has none of it.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn trace(&self, tenant: &TenantId, id: &TraceId) -> Result<Option<StoredTrace>, ReadError>;

    /// Traces that match, the latest start first.
    ///
    /// # Errors
    /// If the store does not answer, or the cursor is not its own.
    async fn search(&self, tenant: &TenantId, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError>;

    /// The services that have spans, in alphabetical order.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn services(&self, tenant: &TenantId) -> Result<Vec<String>, ReadError>;

    /// The span names of a service in alphabetical order; empty for an unknown one.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn operations(&self, tenant: &TenantId, service: &str) -> Result<Vec<String>, ReadError>;

    /// How long the spans took that pass the filter and started inside the range; of all times if there is none.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn durations(
        &self,
        tenant: &TenantId,
        filter: &SpanFilter,
        range: Option<TimeRange>,
    ) -> Result<Durations, ReadError>;
}

#[async_trait]
impl<T: SpanReader + ?Sized> SpanReader for Arc<T> {
    async fn trace(&self, tenant: &TenantId, id: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        (**self).trace(tenant, id).await
    }
    async fn search(&self, tenant: &TenantId, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        (**self).search(tenant, query).await
    }
    async fn services(&self, tenant: &TenantId) -> Result<Vec<String>, ReadError> {
        (**self).services(tenant).await
    }
    async fn operations(&self, tenant: &TenantId, service: &str) -> Result<Vec<String>, ReadError> {
        (**self).operations(tenant, service).await
    }
    async fn durations(
        &self,
        tenant: &TenantId,
        filter: &SpanFilter,
        range: Option<TimeRange>,
    ) -> Result<Durations, ReadError> {
        (**self).durations(tenant, filter, range).await
    }
}
