//! Who holds what was received.

use async_trait::async_trait;
use trace_core::batch::SpanBatchMut;
use trace_core::model::{LogBatchMut, MetricBatch, TenantId};
use trace_core::pipeline::{Ingest, IngestError, LogIngest, LogIngestError, MetricIngest, MetricIngestError};

/// Takes received spans into its keeping: a pipeline, or a log on disk.
///
/// A receiver tells its client that all is well when this has returned `Ok`, and only then.
#[async_trait]
pub trait Holder: Send + Sync + 'static {
    /// Takes all batches of one request, or none of them. `tenant` is whose they are, if the request has proved it.
    ///
    /// # Errors
    /// If they were not taken. The client is told so, keeps them, and may send them again: count nothing as lost.
    async fn hold(&self, batches: Vec<SpanBatchMut>, tenant: Option<TenantId>) -> Result<(), NotHeld>;
}

/// The same for metrics.
#[async_trait]
pub trait MetricHolder: Send + Sync + 'static {
    /// Takes all batches of one request, or none of them.
    ///
    /// # Errors
    /// As [`Holder::hold`].
    async fn hold(&self, batches: Vec<MetricBatch>, tenant: Option<TenantId>) -> Result<(), NotHeld>;
}

/// The same for log records.
#[async_trait]
pub trait LogHolder: Send + Sync + 'static {
    /// Takes all batches of one request, or none of them.
    ///
    /// # Errors
    /// As [`Holder::hold`].
    async fn hold(&self, batches: Vec<LogBatchMut>, tenant: Option<TenantId>) -> Result<(), NotHeld>;
}

/// What was received is not held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotHeld {
    /// There is no room now.
    #[error("there is no room now: send it again later")]
    Full,
    /// It is being shut down; another instance may take it.
    #[error("this receiver is shutting down: send it again later")]
    Closed,
}

#[async_trait]
impl Holder for Ingest {
    async fn hold(&self, batches: Vec<SpanBatchMut>, tenant: Option<TenantId>) -> Result<(), NotHeld> {
        let taken = match tenant {
            Some(tenant) => self.clone().of_tenant(tenant).hand_in(batches).await,
            None => self.hand_in(batches).await,
        };
        taken.map_err(|not| match not.why {
            IngestError::Full { .. } => NotHeld::Full,
            _ => NotHeld::Closed,
        })
    }
}

#[async_trait]
impl MetricHolder for MetricIngest {
    async fn hold(&self, batches: Vec<MetricBatch>, tenant: Option<TenantId>) -> Result<(), NotHeld> {
        let taken = match tenant {
            Some(tenant) => self.clone().of_tenant(tenant).hand_in(batches),
            None => self.hand_in(batches),
        };
        taken.map_err(|why| match why {
            MetricIngestError::Full => NotHeld::Full,
            _ => NotHeld::Closed,
        })
    }
}

#[async_trait]
impl LogHolder for LogIngest {
    async fn hold(&self, batches: Vec<LogBatchMut>, tenant: Option<TenantId>) -> Result<(), NotHeld> {
        let taken = match tenant {
            Some(tenant) => self.clone().of_tenant(tenant).hand_in(batches),
            None => self.hand_in(batches),
        };
        taken.map_err(|why| match why {
            LogIngestError::Full => NotHeld::Full,
            _ => NotHeld::Closed,
        })
    }
}

macro_rules! forward {
    ($trait:ident, $batch:ty, $($ptr:ident),*) => {$(
        #[async_trait]
        impl<T: $trait + ?Sized> $trait for $ptr<T> {
            async fn hold(&self, batches: Vec<$batch>, tenant: Option<TenantId>) -> Result<(), NotHeld> {
                (**self).hold(batches, tenant).await
            }
        }
    )*};
}
use std::sync::Arc;
forward!(Holder, SpanBatchMut, Box, Arc);
forward!(MetricHolder, MetricBatch, Box, Arc);
forward!(LogHolder, LogBatchMut, Box, Arc);
