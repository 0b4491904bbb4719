//! The sampler that a backend steers.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::operations::Active;
use super::poller::RemotePoller;
use super::strategy::Strategy;
use crate::clock::Clock;
use crate::sample::{InvalidRatio, RatioSampler};
use crate::signal::{Decision, Sampler, SamplingInput};

/// Settings of a [`RemoteSampler`].
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// The service that the backend is asked about.
    pub service: String,
    /// The probability until the first answer; 0.001 by default, as in Jaeger's own samplers.
    pub initial_probability: f64,
    /// How often the backend is asked; 60 s by default.
    pub interval: Duration,
    /// The longest one question may take; 10 s by default.
    pub timeout: Duration,
    /// The clock of rate limits and lower bounds.
    pub clock: Clock,
}

impl RemoteConfig {
    /// Defaults for this service.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            initial_probability: 0.001,
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            clock: Clock::system(),
        }
    }
}

/// Samples as a Jaeger backend says. Until its first answer, with the initial probability; while it cannot be reached
/// or answers nonsense, as it said last. Cheap to clone; clones share the strategy.
///
/// What is sampled with a probability says so in `ot=th`; what a rate or a lower bound lets through has no threshold, for
/// its probability is unknown. Made for roots: put it into [`ParentBased`](crate::sample::ParentBased).
#[derive(Clone)]
pub struct RemoteSampler(pub(super) Arc<Shared>);

pub(super) struct Shared {
    clock: Clock,
    active: RwLock<Active>,
    status: Mutex<RemoteStatus>,
}

/// How the polling goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteStatus {
    /// The strategy in force; `None` before the first answer.
    pub strategy: Option<Strategy>,
    /// Questions asked.
    pub polls: u64,
    /// Questions in a row that got no usable answer.
    pub failures: u32,
    /// Why the last one failed; empty after a success.
    pub last_error: Option<String>,
}

impl RemoteSampler {
    /// A sampler, and what keeps it up to date.
    ///
    /// # Errors
    /// If the initial probability is not from 0 to 1.
    pub fn new(config: RemoteConfig) -> Result<(Self, RemotePoller), InvalidRatio> {
        RatioSampler::new(config.initial_probability)?;
        let initial = Strategy::Probabilistic(config.initial_probability);
        let shared = Arc::new(Shared {
            active: RwLock::new(Active::new(&initial, None, &config.clock)),
            status: Mutex::default(),
            clock: config.clock.clone(),
        });
        let poller = RemotePoller::new(Arc::downgrade(&shared), config);
        Ok((Self(shared), poller))
    }

    /// How the polling goes.
    pub fn status(&self) -> RemoteStatus {
        self.0.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    /// Takes an answer in. Returns how many questions in a row have failed.
    pub(super) fn learn(&self, answer: Result<Strategy, String>) -> u32 {
        let strategy = answer.and_then(|s| s.checked().map_err(|e| e.to_string()));
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.polls += 1;
        match strategy {
            Ok(strategy) => {
                status.failures = 0;
                status.last_error = None;
                // An unchanged strategy goes on: its rate limits must not be refilled.
                if status.strategy.as_ref() != Some(&strategy) {
                    let new = {
                        let before = self.active.read().unwrap_or_else(PoisonError::into_inner);
                        Active::new(&strategy, Some(&before), &self.clock)
                    };
                    *self.active.write().unwrap_or_else(PoisonError::into_inner) = new;
                    status.strategy = Some(strategy);
                }
            }
            Err(reason) => {
                status.failures = status.failures.saturating_add(1);
                status.last_error = Some(reason);
            }
        }
        status.failures
    }
}

impl Sampler for RemoteSampler {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        self.0.active.read().unwrap_or_else(PoisonError::into_inner).sample(input)
    }

    fn description(&self) -> String {
        let kind = match self.status().strategy {
            None => "initial".to_owned(),
            Some(Strategy::Probabilistic(p)) => format!("probability={p}"),
            Some(Strategy::RateLimiting(r)) => format!("tracesPerSecond={r}"),
            Some(Strategy::PerOperation(p)) => format!("operations={}", p.operations.len()),
        };
        format!("JaegerRemoteSampler{{{kind}}}")
    }
}

impl fmt::Debug for RemoteSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteSampler").field(&self.status()).finish()
    }
}
