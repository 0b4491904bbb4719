//! One attempt, bounded in time.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use trace_core::signal::{ExportError, Keeper, MetricExporter, SpanExporter};

use super::batch::{Batch, Target, decorator};

/// Ends an attempt after this time with an error that is retryable, and one that panics with an error that is permanent.
///
/// Around destinations of a [`Failover`](super::Failover) or behind a [`Throttle`](super::Throttle), where the limit of the
/// pipeline would count waiting too. `export` needs a Tokio runtime with time.
#[derive(Debug)]
pub struct TimeLimit<E> {
    inner: E,
    limit: Duration,
}

impl<E> TimeLimit<E> {
    /// An exporter whose calls take no longer than this.
    pub fn new(inner: E, limit: Duration) -> Self {
        Self { inner, limit }
    }

    async fn send<B: Batch>(&self, batch: &B) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        limited(self.limit, self.inner.export(batch)).await
    }

    async fn settle<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        limited(self.limit, self.inner.flush()).await
    }

    async fn end<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        limited(self.limit, self.inner.shutdown()).await
    }

    fn keeps<B: Batch>(&self) -> Option<Arc<dyn Keeper>>
    where
        E: Target<B>,
    {
        self.inner.keeper()
    }
}

decorator!(TimeLimit);

/// Runs a call for at most this time; a panic becomes an error.
pub(super) async fn limited(
    limit: Duration,
    call: impl Future<Output = Result<(), ExportError>>,
) -> Result<(), ExportError> {
    match tokio::time::timeout(limit, guarded(call)).await {
        Ok(result) => result,
        Err(_) => Err(ExportError::retryable(format!("no answer within {limit:?}"))),
    }
}

/// Runs a call; a panic becomes an error.
pub(super) async fn guarded(call: impl Future<Output = Result<(), ExportError>>) -> Result<(), ExportError> {
    let caught = AssertUnwindSafe(call).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(ExportError::permanent("the exporter panicked")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Answers, spans};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_or_panics_ends() {
        let exporter = TimeLimit::new(Answers::hang(), Duration::from_secs(3));
        let error = SpanExporter::export(&exporter, &spans(1..2)).await.unwrap_err();
        assert!(error.is_retryable() && error.to_string().contains("3s"), "{error}");
        let exporter = TimeLimit::new(Answers::panic(), Duration::from_secs(3));
        let error = SpanExporter::export(&exporter, &spans(1..2)).await.unwrap_err();
        assert!(!error.is_retryable() && error.to_string().contains("panicked"), "{error}");
    }
}
