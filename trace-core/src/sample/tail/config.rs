//! Settings of a tail sampler.

use std::time::Duration;

use super::policy::Policy;
use crate::clock::Clock;
use crate::sample::Threshold;

/// Settings of a [`TailSampler`](super::TailSampler). Without a policy, every trace is dropped.
#[derive(Clone, Debug)]
pub struct TailConfig {
    /// Reasons to keep a trace, with names for the statistics; one is enough.
    pub policies: Vec<(String, Policy)>,
    /// How long after its first span a trace is decided on at the latest; 30 s by default.
    pub decision_wait: Duration,
    /// How long after the end of its local root; 5 s by default. Spans that end later follow the decision.
    pub root_wait: Duration,
    /// The most spans that wait; 500,000 by default. When it is reached, the oldest traces are decided on early.
    pub max_spans: usize,
    /// The most bytes that wait; 64 MiB by default.
    pub max_bytes: usize,
    /// How many decisions are remembered for spans that come late; 100,000 by default.
    pub decisions: usize,
    /// With what threshold traces came that carry none. [`Threshold::ALWAYS`], the default, is right if the head
    /// sampler is [`AlwaysOn`](crate::sample::AlwaysOn); `None` says that it is unknown, and then none is written.
    pub unmarked: Option<Threshold>,
    /// Whether traces that are recorded but not sampled ([`AlwaysRecord`](crate::sample::AlwaysRecord)) are decided on
    /// too: those that are kept become sampled, as far as this process is concerned. What the head sampled stays. By
    /// default they pass untouched.
    pub promote: bool,
    /// The clock.
    pub clock: Clock,
}

impl TailConfig {
    /// Defaults, and no policy.
    pub fn new() -> Self {
        Self {
            policies: Vec::new(),
            decision_wait: Duration::from_secs(30),
            root_wait: Duration::from_secs(5),
            max_spans: 500_000,
            max_bytes: 64 << 20,
            decisions: 100_000,
            unmarked: Some(Threshold::ALWAYS),
            promote: false,
            clock: Clock::system(),
        }
    }

    /// Adds a reason to keep a trace, behind those added before. Put rate limits last: a reason is not asked if one
    /// before it is certain.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>, policy: Policy) -> Self {
        self.policies.push((name.into(), policy));
        self
    }
}

impl Default for TailConfig {
    fn default() -> Self {
        Self::new()
    }
}
