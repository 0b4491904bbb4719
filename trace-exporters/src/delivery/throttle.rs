//! At most so much a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use trace_core::signal::{ExportError, Keeper, MetricExporter, SpanExporter};

use super::batch::{Batch, Target, decorator};
use super::config::ThrottleConfig;

/// No single wait is longer; what is over is waited for in turns.
const LONGEST: Duration = Duration::from_secs(3600);

/// Lets through at most so many records and bytes a second on average, by two token buckets of one second. Waits, and drops
/// nothing.
///
/// A batch passes when the buckets owe nothing, and then takes its tokens, also more than there are: one larger than a
/// second's worth passes, and the next one waits the longer. A call that is dropped while it waits has taken nothing.
#[derive(Debug)]
pub struct Throttle<E> {
    inner: E,
    buckets: Mutex<[Bucket; 2]>,
}

#[derive(Debug)]
struct Bucket {
    /// Tokens a second; also the most that pile up.
    rate: Option<f64>,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn new(rate: Option<u64>) -> Self {
        let rate = rate.map(|r| r.max(1) as f64);
        Self { rate, tokens: rate.unwrap_or(0.0), at: Instant::now() }
    }

    /// How long until nothing is owed.
    fn refill(&mut self, now: Instant) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens, self.at) = ((self.tokens + since * rate).min(rate), now);
        Duration::try_from_secs_f64((-self.tokens / rate).max(0.0)).unwrap_or(LONGEST)
    }

    fn take(&mut self, n: u64) {
        if self.rate.is_some() {
            self.tokens -= n as f64;
        }
    }
}

impl<E> Throttle<E> {
    /// An exporter that is held to these rates.
    pub fn new(inner: E, config: ThrottleConfig) -> Self {
        let buckets = [Bucket::new(config.records_per_second), Bucket::new(config.bytes_per_second)];
        Self { inner, buckets: Mutex::new(buckets) }
    }

    async fn admit(&self, amounts: [u64; 2]) {
        loop {
            let wait = {
                let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
                let now = Instant::now();
                let wait = buckets.iter_mut().map(|b| b.refill(now)).max().unwrap_or_default();
                if wait.is_zero() {
                    buckets.iter_mut().zip(amounts).for_each(|(b, n)| b.take(n));
                    return;
                }
                wait
            };
            sleep(wait.min(LONGEST)).await;
        }
    }

    async fn send<B: Batch>(&self, batch: &B) -> Result<(), ExportError>
    where
        E: Target<B>,
    {
        self.admit([batch.records(), batch.bytes()]).await;
        self.inner.export(batch).await
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

decorator!(Throttle);

#[cfg(test)]
mod tests {
    use super::super::testing::{Answers, spans};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_average_rate_is_kept_and_nothing_is_dropped() {
        let answers = Answers::new([]);
        let config = ThrottleConfig { records_per_second: Some(100), bytes_per_second: None };
        let throttle = Throttle::new(answers.clone(), config);
        let began = Instant::now();
        for batch in 0..50 {
            SpanExporter::export(&throttle, &spans(batch * 20 + 1..batch * 20 + 21)).await.unwrap();
        }
        assert_eq!(answers.taken().len(), 1000);
        // 1000 records are 10 seconds' worth, less the second that was saved and the debt of the last batch.
        let took = began.elapsed().as_secs_f64();
        assert!((8.5..=9.1).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_of_many_seconds_worth_passes_and_bytes_count_too() {
        let answers = Answers::new([]);
        let bytes = Batch::bytes(&spans(1..101));
        let config = ThrottleConfig { records_per_second: None, bytes_per_second: Some(bytes / 10) };
        let throttle = Throttle::new(answers.clone(), config);
        let began = Instant::now();
        SpanExporter::export(&throttle, &spans(1..101)).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        SpanExporter::export(&throttle, &spans(101..102)).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 9);
        assert_eq!(answers.taken().len(), 101);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_while_it_waits_takes_nothing() {
        let answers = Answers::new([]);
        let config = ThrottleConfig { records_per_second: Some(1), bytes_per_second: None };
        let throttle = Throttle::new(answers.clone(), config);
        SpanExporter::export(&throttle, &spans(1..11)).await.unwrap();
        for _ in 0..8 {
            let batch = spans(11..12);
            let call = SpanExporter::export(&throttle, &batch);
            assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
        }
        SpanExporter::export(&throttle, &spans(11..12)).await.unwrap();
        assert_eq!(answers.taken().len(), 11);
    }
}
