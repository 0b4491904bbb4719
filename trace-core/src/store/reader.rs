//! The trait of everything that stored traces can be read from.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Page, ReadError, SpanQuery, StoredTrace, TraceSummary};
use crate::model::TraceId;

/// Reads stored traces.
#[async_trait]
pub trait SpanReader: Send + Sync {
    /// A trace with all its spans, or `None` if the store has none of it.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn trace(&self, id: &TraceId) -> Result<Option<StoredTrace>, ReadError>;

    /// Traces that match, the latest start first.
    ///
    /// # Errors
    /// If the store does not answer, or the cursor is not its own.
    async fn search(&self, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError>;

    /// The services that have spans, in alphabetical order.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn services(&self) -> Result<Vec<String>, ReadError>;

    /// The span names of a service in alphabetical order; empty for an unknown one.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn operations(&self, service: &str) -> Result<Vec<String>, ReadError>;
}

#[async_trait]
impl<T: SpanReader + ?Sized> SpanReader for Arc<T> {
    async fn trace(&self, id: &TraceId) -> Result<Option<StoredTrace>, ReadError> {
        (**self).trace(id).await
    }
    async fn search(&self, query: &SpanQuery) -> Result<Page<TraceSummary>, ReadError> {
        (**self).search(query).await
    }
    async fn services(&self) -> Result<Vec<String>, ReadError> {
        (**self).services().await
    }
    async fn operations(&self, service: &str) -> Result<Vec<String>, ReadError> {
        (**self).operations(service).await
    }
}
