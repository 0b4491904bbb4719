//! An ordered list of destinations, of which one takes each batch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use trace_core::signal::{ExportError, Keeper, MetricExporter, SpanExporter};

use super::batch::{Batch, Target, decorator};

/// Sends each batch to the first destination that takes it, and stays with it; the first of the list is tried again after
/// a while.
///
/// An error that is retryable makes it go on to the next one (time limits are such, if a
/// [`TimeLimit`](super::TimeLimit) is around each destination), and one that is about this destination, such as an unknown
/// token. One that says that the batch is bad would hear the same elsewhere. If a destination took a part of a batch and then failed, the whole batch goes to the next one: each record
/// arrives at one destination or at several, and none is missing.
///
/// If none takes it, the error is the last one's that is retryable, with the shortest wait that any of them asked for. Destinations that
/// hold records themselves do not belong in here: what one holds is in no account.
#[derive(Debug)]
pub struct Failover<E> {
    targets: Vec<E>,
    probe_after: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: usize,
    /// When the first destination last failed.
    failed_at: Option<Instant>,
    switches: u64,
}

impl<E> Failover<E> {
    /// The first destination is the preferred one; after a failure it is tried again when this time has passed.
    pub fn new(first: E, others: impl IntoIterator<Item = E>, probe_after: Duration) -> Self {
        let targets = std::iter::once(first).chain(others).collect();
        Self { targets, probe_after, state: Mutex::new(State { current: 0, failed_at: None, switches: 0 }) }
    }

    /// Which destination took the last batch: 0 is the first.
    pub fn current(&self) -> usize {
        self.lock().current
    }

    /// How often another destination than before took a batch.
    pub fn switches(&self) -> u64 {
        self.lock().switches
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to begin.
    fn start(&self) -> usize {
        let state = self.lock();
        match state.failed_at {
            Some(at) if at.elapsed() < self.probe_after => state.current,
            _ => 0,
        }
    }

    async fn send<B: Batch>(&self, batch: &B) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        let start = self.start();
        let mut last: Option<ExportError> = None;
        let mut wait: Option<Duration> = None;
        for at in (start..self.targets.len()).chain(0..start) {
            let Some(target) = self.targets.get(at) else { continue };
            match target.export(batch).await {
                Err(error) if error.is_retryable() || error.is_misconfigured() => {
                    if at == 0 {
                        self.lock().failed_at = Some(Instant::now());
                    }
                    wait = [wait, error.retry_after()].into_iter().flatten().min();
                    if error.is_retryable() || !last.as_ref().is_some_and(ExportError::is_retryable) {
                        last = Some(error);
                    }
                }
                result => {
                    let mut state = self.lock();
                    if state.current != at {
                        (state.current, state.switches) = (at, state.switches + 1);
                    }
                    if at == 0 {
                        state.failed_at = None;
                    }
                    return result;
                }
            }
        }
        let last = last.unwrap_or_else(|| ExportError::retryable("no destination"));
        Err(match wait {
            Some(wait) => last.after(wait),
            None => last,
        })
    }

    async fn settle<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        let mut result = Ok(());
        for target in &self.targets {
            result = result.and(target.flush().await);
        }
        result
    }

    async fn end<B: Batch>(&self) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        let mut result = Ok(());
        for target in &self.targets {
            result = result.and(target.shutdown().await);
        }
        result
    }

    fn keeps<B: Batch>(&self) -> Option<Arc<dyn Keeper>>
    where
        E: Target<B>,
    {
        None
    }
}

decorator!(Failover);

#[cfg(test)]
mod tests {
    use super::super::testing::{Answers, spans};
    use super::*;

    fn down() -> Result<(), ExportError> {
        Err(ExportError::retryable("down"))
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_takes_over_and_the_first_comes_back_after_a_probe() {
        let (first, second) = (Answers::new([down(), down()]), Answers::new([]));
        let failover = Failover::new(first.clone(), [second.clone()], Duration::from_secs(30));
        for id in 1..4 {
            SpanExporter::export(&failover, &spans(id..id + 1)).await.unwrap();
        }
        assert_eq!((first.calls(), second.taken(), failover.current()), (1, vec![1, 2, 3], 1));
        tokio::time::advance(Duration::from_secs(31)).await;
        SpanExporter::export(&failover, &spans(4..5)).await.unwrap();
        assert_eq!((first.calls(), second.taken().len()), (2, 4), "the probe failed");
        tokio::time::advance(Duration::from_secs(31)).await;
        SpanExporter::export(&failover, &spans(5..6)).await.unwrap();
        assert_eq!((first.taken(), second.taken().len()), (vec![5], 4), "each batch is delivered once");
        assert_eq!((failover.current(), failover.switches()), (0, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_down_the_error_is_retryable_with_the_shortest_wait() {
        let wait = |s| Err(ExportError::retryable("busy").after(Duration::from_secs(s)));
        let targets = [Answers::new([wait(9)]), Answers::new([down()]), Answers::new([wait(20)])];
        let [first, others @ ..] = targets;
        let failover = Failover::new(first, others, Duration::from_secs(30));
        let error = SpanExporter::export(&failover, &spans(1..2)).await.unwrap_err();
        assert!(error.is_retryable());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(9)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_that_does_not_know_us_is_passed_over_like_one_that_is_down() {
        let unknown = || Err(ExportError::permanent("unknown token").misconfigured());
        let (first, second) = (Answers::repeating(unknown), Answers::new([Ok(()), down()]));
        let failover = Failover::new(first.clone(), [second.clone()], Duration::ZERO);
        SpanExporter::export(&failover, &spans(1..2)).await.unwrap();
        assert_eq!((second.taken(), failover.current()), (vec![1], 1));
        let error = SpanExporter::export(&failover, &spans(2..3)).await.unwrap_err();
        assert!(error.is_retryable(), "the second may come back: {error}");
        let nobody = Failover::new(first.clone(), [first], Duration::ZERO);
        let error = SpanExporter::export(&nobody, &spans(2..3)).await.unwrap_err();
        assert!(error.is_misconfigured() && !error.is_retryable(), "{error}");
    }

    #[tokio::test]
    async fn a_batch_that_is_bad_or_partly_taken_stays_with_its_destination() {
        let refusals =
            [Err(ExportError::permanent("bad")), Err(ExportError::partial(1, "one of them is bad"))];
        let (first, second) = (Answers::new(refusals), Answers::new([]));
        let failover = Failover::new(first, [second.clone()], Duration::from_secs(30));
        assert!(SpanExporter::export(&failover, &spans(1..3)).await.is_err());
        let error = SpanExporter::export(&failover, &spans(1..3)).await.unwrap_err();
        assert_eq!((error.rejected(), second.calls()), (Some(1), 0));
    }
}
