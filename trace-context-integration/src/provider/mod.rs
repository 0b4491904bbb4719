//! Where contexts come from.

mod memory;
mod record;
mod v1;

use std::time::Duration;

use async_trait::async_trait;
use trace_core::model::TenantId;

use crate::context::ContextRef;

pub use memory::InMemoryContextProvider;
pub use record::ContextRecord;
pub use v1::MAX_CONTEXT_JSON;

/// Why a context could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The tenant has no such context.
    #[error("context {0} not found")]
    NotFound(ContextRef),
    /// The provider does not know who asks.
    #[error("context provider does not accept the credentials")]
    Unauthorized,
    /// The one who asks may not see the context.
    #[error("context {0} may not be read with these credentials")]
    Forbidden(ContextRef),
    /// The provider does not answer; the same call may succeed later.
    #[error("context provider is unavailable: {message}")]
    Unavailable {
        /// What happened.
        message: String,
        /// When to try again, if it said so.
        retry_after: Option<Duration>,
    },
    /// The provider took too long.
    #[error("context provider did not answer within {0:?}")]
    Timeout(Duration),
    /// The answer is no context.
    #[error("context is unreadable: {0}")]
    Decode(String),
}

impl ProviderError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Timeout(_))
    }
}

/// Looks contexts up. Called at the start of every monitored operation, so an implementation over a network should
/// keep what it has seen.
#[async_trait]
pub trait ContextProvider: Send + Sync {
    /// The tenant's context with this id.
    ///
    /// # Errors
    /// If it cannot be had; a context of another tenant is [`ProviderError::NotFound`].
    async fn context(&self, tenant: &TenantId, id: &ContextRef) -> Result<ContextRecord, ProviderError>;
}

#[async_trait]
impl<T: ContextProvider + ?Sized> ContextProvider for std::sync::Arc<T> {
    async fn context(&self, tenant: &TenantId, id: &ContextRef) -> Result<ContextRecord, ProviderError> {
        (**self).context(tenant, id).await
    }
}
