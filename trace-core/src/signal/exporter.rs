//! Where telemetry goes.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ExportError, Keeper};
use crate::batch::SpanBatch;
use crate::model::{LogBatch, MetricBatch};

/// A destination for spans.
///
/// The pipeline calls `export` from a thread of its own with a Tokio runtime; never concurrently with itself.
/// The exporter makes one attempt; the pipeline retries a batch whose error is retryable, with back-off, and
/// counts what it gives up. A call that takes longer than the destination's timeout is dropped at its next
/// await point. A panic is caught, counted and treated as a permanent failure.
#[async_trait]
pub trait SpanExporter: Send + Sync {
    /// Writes a batch. `Ok` means that the destination has taken every span.
    ///
    /// # Errors
    /// See [`ExportError`]: retryable, permanent, or partially refused.
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError>;

    /// Makes durable what earlier calls wrote.
    ///
    /// # Errors
    /// If that fails.
    async fn flush(&self) -> Result<(), ExportError> {
        Ok(())
    }

    /// Called once; no other call follows.
    ///
    /// # Errors
    /// If the last flush fails.
    async fn shutdown(&self) -> Result<(), ExportError> {
        self.flush().await
    }

    /// Who tells what this exporter has answered with `Ok` but still holds; nobody by default. Asked once, before the
    /// first batch. The ledger shows what is held, and counts it as delivered when it is.
    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        None
    }
}

/// A destination for metrics. The contract is that of [`SpanExporter`].
#[async_trait]
pub trait MetricExporter: Send + Sync {
    /// Writes one collection.
    ///
    /// # Errors
    /// See [`ExportError`].
    async fn export(&self, batch: &MetricBatch) -> Result<(), ExportError>;

    /// Makes durable what earlier calls wrote.
    ///
    /// # Errors
    /// If that fails.
    async fn flush(&self) -> Result<(), ExportError> {
        Ok(())
    }

    /// Called once; no other call follows.
    ///
    /// # Errors
    /// If the last flush fails.
    async fn shutdown(&self) -> Result<(), ExportError> {
        self.flush().await
    }

    /// Who tells what this exporter has answered with `Ok` but still holds; nobody by default. Asked once, before the
    /// first batch. The ledger shows what is held, and counts it as delivered when it is.
    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        None
    }
}

/// A destination for log records. The contract is that of [`SpanExporter`].
#[async_trait]
pub trait LogExporter: Send + Sync {
    /// Writes a batch. `Ok` means that the destination has taken every record.
    ///
    /// # Errors
    /// See [`ExportError`].
    async fn export(&self, batch: &LogBatch) -> Result<(), ExportError>;

    /// Makes durable what earlier calls wrote.
    ///
    /// # Errors
    /// If that fails.
    async fn flush(&self) -> Result<(), ExportError> {
        Ok(())
    }

    /// Called once; no other call follows.
    ///
    /// # Errors
    /// If the last flush fails.
    async fn shutdown(&self) -> Result<(), ExportError> {
        self.flush().await
    }

    /// Who tells what this exporter has answered with `Ok` but still holds; nobody by default. Asked once, before the
    /// first batch. The ledger shows what is held, and counts it as delivered when it is.
    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        None
    }
}

macro_rules! forward {
    ($trait:ident, $batch:ty, $($ptr:ident),*) => {$(
        #[async_trait]
        impl<T: $trait + ?Sized> $trait for $ptr<T> {
            async fn export(&self, batch: &$batch) -> Result<(), ExportError> { (**self).export(batch).await }
            async fn flush(&self) -> Result<(), ExportError> { (**self).flush().await }
            async fn shutdown(&self) -> Result<(), ExportError> { (**self).shutdown().await }
            fn keeper(&self) -> Option<Arc<dyn Keeper>> { (**self).keeper() }
        }
    )*};
}
forward!(SpanExporter, SpanBatch, Box, Arc);
forward!(MetricExporter, MetricBatch, Box, Arc);
forward!(LogExporter, LogBatch, Box, Arc);
