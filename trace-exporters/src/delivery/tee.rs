//! Several destinations for each batch.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use trace_core::signal::{ExportError, Keeper, MetricExporter, SpanExporter};

use super::attempt::limited;
use super::batch::{Batch, Target, decorator};

/// When a batch counts as taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TeePolicy {
    /// When every destination took it. A batch that one of them could not take is offered to all of them again.
    #[default]
    All,
    /// When at least one destination took it; what the others missed is missed.
    Any,
}

/// Sends each batch to several destinations at the same time, each for at most its deadline.
///
/// As destinations of their own in the pipeline each has its own queue, thread, retries and account, and a batch that one
/// could not take is not sent to the others twice: prefer that to [`TeePolicy::All`]. A tee is for [`TeePolicy::Any`], such
/// as a pair of collectors of which one may be away, and for exporters used without a pipeline.
#[derive(Debug)]
pub struct Tee<E> {
    targets: Vec<E>,
    policy: TeePolicy,
    deadline: Duration,
}

impl<E> Tee<E> {
    /// An exporter to all of these, each for at most the deadline.
    pub fn new(targets: impl IntoIterator<Item = E>, policy: TeePolicy, deadline: Duration) -> Self {
        Self { targets: targets.into_iter().collect(), policy, deadline }
    }

    async fn each<'a, F>(&'a self, call: impl Fn(&'a E) -> F) -> Result<(), ExportError>
    where
        F: Future<Output = Result<(), ExportError>> + 'a,
    {
        let results = join_all(self.targets.iter().map(|t| limited(self.deadline, call(t)))).await;
        let all = results.len();
        let mut errors: Vec<ExportError> = results.into_iter().filter_map(Result::err).collect();
        // Taken in part is taken: what was refused stays refused.
        let failed = errors.iter().filter(|e| e.rejected().is_none()).count();
        if errors.is_empty() || (self.policy == TeePolicy::Any && failed < all) {
            return Ok(());
        }
        // One that may pass comes first: it decides that the batch is offered again.
        errors.sort_by_key(|e| (!e.is_retryable(), e.rejected().is_some()));
        let first = errors.swap_remove(0);
        Err(first)
    }

    async fn send<B: Batch>(&self, batch: &B) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        self.each(|t| t.export(batch)).await
    }

    async fn settle<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        self.each(|t| t.flush()).await
    }

    async fn end<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        self.each(|t| t.shutdown()).await
    }

    fn keeps<B: Batch>(&self) -> Option<Arc<dyn Keeper>>
    where
        E: Target<B>,
    {
        None
    }
}

decorator!(Tee);

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::super::testing::{Answers, spans};
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_holds_the_others_up_for_its_deadline_only() {
        let up = Answers::new([]);
        let tee = Tee::new([Answers::hang(), up.clone()], TeePolicy::Any, DEADLINE);
        let began = Instant::now();
        SpanExporter::export(&tee, &spans(1..3)).await.unwrap();
        assert_eq!((began.elapsed(), up.taken()), (DEADLINE, vec![1, 2]));
    }

    #[tokio::test(start_paused = true)]
    async fn all_must_take_it_or_any() {
        let down = || Answers::repeating(|| Err(ExportError::retryable("down")));
        let bad = || Answers::repeating(|| Err(ExportError::permanent("bad")));
        let ends = async |targets: [Answers; 2], policy| {
            SpanExporter::export(&Tee::new(targets, policy, DEADLINE), &spans(1..2)).await
        };
        assert!(ends([Answers::new([]), Answers::new([])], TeePolicy::All).await.is_ok());
        assert!(ends([Answers::new([]), down()], TeePolicy::Any).await.is_ok());
        assert!(ends([bad(), down()], TeePolicy::All).await.unwrap_err().is_retryable());
        assert!(ends([bad(), down()], TeePolicy::Any).await.unwrap_err().is_retryable());
        assert!(!ends([bad(), Answers::new([])], TeePolicy::All).await.unwrap_err().is_retryable());
    }
}
