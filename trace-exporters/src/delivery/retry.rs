//! Repeating what failed.

use std::sync::Arc;

use tokio::time::{Instant, sleep};
use trace_core::pipeline::RetryPolicy;
use trace_core::signal::{ExportError, Keeper, MetricExporter, SpanExporter};

use super::batch::{Batch, Target, decorator};

/// Repeats attempts whose error is retryable, with the pipeline's own [`RetryPolicy`]: exponential back-off with full
/// jitter, `Retry-After` honoured, an end after `give_up_after`.
///
/// The pipeline retries itself, and a [`Spill`](super::spill::Spill) does: this is for exporters used without either. The
/// error at the end is the last attempt's; it stays retryable.
#[derive(Debug)]
pub struct Retry<E> {
    inner: E,
    policy: RetryPolicy,
}

impl<E> Retry<E> {
    /// An exporter that repeats failed attempts like this.
    pub fn new(inner: E, policy: RetryPolicy) -> Self {
        Self { inner, policy }
    }

    async fn send<B: Batch>(&self, batch: &B) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        let began = Instant::now();
        let mut failed = 0;
        loop {
            let Err(error) = self.inner.export(batch).await else { return Ok(()) };
            if !error.is_retryable() {
                return Err(error);
            }
            failed += 1;
            let wait = self.policy.wait(failed, random(), error.retry_after());
            if began.elapsed().saturating_add(wait) > self.policy.give_up_after {
                return Err(error);
            }
            sleep(wait).await;
        }
    }

    async fn settle<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        self.inner.flush().await
    }

    async fn end<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        self.inner.shutdown().await
    }

    fn keeps<B: Batch>(&self) -> Option<Arc<dyn Keeper>>
    where
        E: Target<B>,
    {
        self.inner.keeper()
    }
}

decorator!(Retry);

/// Uniform in [0, 1). The keys of the standard library's hasher are random, and new each time: good enough to spread
/// retries.
pub(super) fn random() -> f64 {
    use std::hash::{BuildHasher as _, RandomState};
    (RandomState::new().hash_one(0u8) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{Answers, spans};
    use super::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(4),
            give_up_after: Duration::from_secs(60),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_for_now_is_repeated_until_it_is_taken() {
        let down = || Err(ExportError::retryable("down"));
        let answers = Answers::new([down(), down(), down()]);
        let retry = Retry::new(answers.clone(), policy());
        SpanExporter::export(&retry, &spans(1..3)).await.unwrap();
        assert_eq!((answers.calls(), answers.taken()), (4, vec![1, 2]));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_that_is_asked_for_is_kept() {
        let began = Instant::now();
        let answers = Answers::new([Err(ExportError::retryable("busy").after(Duration::from_secs(17)))]);
        SpanExporter::export(&Retry::new(answers, policy()), &spans(1..2)).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 17);
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_in_time_and_repeats_no_permanent_error() {
        let began = Instant::now();
        let answers = Answers::repeating(|| Err(ExportError::retryable("down")));
        let error = SpanExporter::export(&Retry::new(answers, policy()), &spans(1..2)).await.unwrap_err();
        assert!(error.is_retryable() && began.elapsed() <= Duration::from_secs(60));
        let answers = Answers::new([Err(ExportError::permanent("bad"))]);
        let retry = Retry::new(answers.clone(), policy());
        assert!(SpanExporter::export(&retry, &spans(1..2)).await.is_err());
        assert_eq!(answers.calls(), 1);
    }
}
