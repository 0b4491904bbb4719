//! Asking for strategies: one question at a time, soon again after a failure, and not all processes at once.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::sampler::{RemoteConfig, Shared};
use super::source::StrategySource;
use crate::record::suppress;

/// The first wait after a failure; it doubles with each further one, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Waits are lengthened or shortened by up to this share, so that processes that were started together spread.
const JITTER: f64 = 0.1;
/// A shorter interval would be an attack.
const SHORTEST: Duration = Duration::from_millis(100);

/// Keeps a [`RemoteSampler`](super::RemoteSampler) up to date, until that is dropped.
#[derive(Debug)]
pub struct RemotePoller {
    sampler: Weak<Shared>,
    config: RemoteConfig,
}

impl RemotePoller {
    pub(super) fn new(sampler: Weak<Shared>, config: RemoteConfig) -> Self {
        Self { sampler, config }
    }

    /// The service that is asked about; it may be set until the polling begins.
    pub fn service_mut(&mut self) -> &mut String {
        &mut self.config.service
    }

    /// Asks at once, and then at the interval; after a failure sooner: after a second, two, four, up to the interval.
    /// Never has more than one question under way. Ends after the sampler has been dropped.
    pub async fn run(self, source: impl StrategySource) {
        loop {
            let answer = match timeout(self.config.timeout, source.fetch(&self.config.service)).await {
                Ok(answer) => answer.map_err(|e| e.to_string()),
                Err(_) => Err(format!("no answer within {:?}", self.config.timeout)),
            };
            let Some(sampler) = self.sampler.upgrade() else { return };
            let failures = sampler.learn(answer);
            drop(sampler);
            sleep(wait(self.config.interval, failures, random())).await;
            if self.sampler.strong_count() == 0 {
                return;
            }
        }
    }

    /// Does the same on a thread of its own, whose spans are not recorded, until the handle or the sampler is dropped.
    ///
    /// # Errors
    /// If the operating system refuses the thread or its runtime.
    pub fn spawn(self, source: impl StrategySource + 'static) -> std::io::Result<Polling> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("mplp-sampling".into()).spawn(move || {
            suppress();
            runtime.block_on(async {
                let poll = std::pin::pin!(self.run(source));
                let stopped = std::pin::pin!(stopped.notified());
                first_of(poll, stopped).await;
            });
            runtime.shutdown_background();
        })?;
        Ok(Polling { stop, thread: Some(thread) })
    }
}

/// Ends when one of both does.
async fn first_of(
    mut a: std::pin::Pin<&mut impl Future<Output = ()>>,
    mut b: std::pin::Pin<&mut impl Future<Output = ()>>,
) {
    std::future::poll_fn(|cx| {
        if a.as_mut().poll(cx).is_ready() { std::task::Poll::Ready(()) } else { b.as_mut().poll(cx) }
    })
    .await;
}

/// How long to wait after so many failures in a row; `random` is from 0 to 1.
fn wait(interval: Duration, failures: u32, random: f64) -> Duration {
    let interval = interval.max(SHORTEST);
    let wait = match failures {
        0 => interval,
        n => FIRST_RETRY.saturating_mul(1 << (n - 1).min(16)).min(interval),
    };
    wait.mul_f64(1.0 + JITTER * (2.0 * random - 1.0))
}

fn random() -> f64 {
    // The hasher is seeded by the operating system, and differently each time.
    (RandomState::new().hash_one(0u8) >> 11) as f64 / (1u64 << 53) as f64
}

/// A thread that polls. Dropping it ends the polling; the sampler goes on with what it knows.
#[derive(Debug)]
pub struct Polling {
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Polling {
    fn drop(&mut self) {
        self.stop.notify_one();
        // A source that blocks must not hold up whoever drops this.
        if let Some(thread) = self.thread.take().filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_after_failures_up_to_the_interval_and_spread_by_a_tenth() {
        let minute = Duration::from_secs(60);
        let seconds = |failures, random| wait(minute, failures, random).as_secs_f64();
        let waits: Vec<f64> = [0, 1, 2, 3, 6, 7, 100].map(|n| seconds(n, 0.5)).into();
        assert_eq!(waits, [60.0, 1.0, 2.0, 4.0, 32.0, 60.0, 60.0]);
        assert!((seconds(0, 0.0) - 54.0).abs() < 1e-9 && (seconds(0, 1.0) - 66.0).abs() < 1e-9);
        assert!(wait(Duration::ZERO, 0, 0.0) >= Duration::from_millis(90));
        assert!((0..100).map(|_| random()).all(|r| (0.0..1.0).contains(&r)));
    }
}
