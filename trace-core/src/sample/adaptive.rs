//! A probability that follows a budget of spans a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::consistent::{Consistent, PRECISION};
use super::{ComposableSampler, SamplingIntent, Threshold};
use crate::batch::SpanBatchMut;
use crate::clock::Clock;
use crate::signal::{Decision, Sampler, SamplingInput, SpanProcessor};

/// How an [`Adaptive`] sampler follows its budget.
#[derive(Clone, Debug)]
pub struct AdaptiveConfig {
    /// Spans a second that are wanted.
    pub spans_per_second: f64,
    /// The probability to begin with; 1 by default.
    pub initial_probability: f64,
    /// The probability that is never gone below; one in a million by default.
    pub min_probability: f64,
    /// Spans a trace, until some have been counted; 10 by default.
    pub spans_per_trace: f64,
    /// How often the probability is adjusted; 1 s by default.
    pub interval: Duration,
    /// The probability grows at most by this factor each time; 1.5 by default.
    pub max_rise: f64,
    /// The probability shrinks at most by this factor each time; 4 by default.
    pub max_fall: f64,
    /// The clock.
    pub clock: Clock,
}

impl AdaptiveConfig {
    /// Defaults for this budget.
    pub fn new(spans_per_second: f64) -> Self {
        Self {
            spans_per_second,
            initial_probability: 1.0,
            min_probability: 1e-6,
            spans_per_trace: 10.0,
            interval: Duration::from_secs(1),
            max_rise: 1.5,
            max_fall: 4.0,
            clock: Clock::system(),
        }
    }
}

/// A setting of an [`AdaptiveConfig`] is out of range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("adaptive sampling: {field} must be {form}, got {found}")]
pub struct InvalidAdaptive {
    field: &'static str,
    form: &'static str,
    found: f64,
}

/// Samples with a probability that is adjusted so that a budget of spans a second is met. The probability is written
/// as `ot=th`, so counts made from the spans stay right while it moves. Cheap to clone; clones share everything.
///
/// The probability is the budget divided by the traces that are offered a second and by the spans that a sampled trace
/// has. How many these are it learns from [`Adaptive::counter`], a step of the pipeline; without it, they are
/// taken as configured. Put it into [`ParentBased`](super::ParentBased): what remote parents bring counts against the
/// budget too.
#[derive(Clone)]
pub struct Adaptive(Arc<Shared>);

struct Shared {
    config: AdaptiveConfig,
    origin: u64,
    current: RwLock<Consistent>,
    /// Nanoseconds after the origin at which the probability is looked at again.
    due: AtomicU64,
    offered: AtomicU64,
    sampled: AtomicU64,
    spans: AtomicU64,
    controller: Mutex<Controller>,
}

/// What has been learnt so far.
#[derive(Debug)]
struct Controller {
    probability: f64,
    adjusted_at: u64,
    /// Traces offered a second.
    offered: Option<f64>,
    /// Spans and sampled traces, older ones fading.
    spans: f64,
    sampled: f64,
    spans_per_trace: f64,
}

/// How much of what was learnt stays at each adjustment.
const MEMORY: f64 = 0.8;
/// The weight of the last interval in the rate of offered traces: a rise in traffic has to be met soon.
const NEWEST: f64 = 0.6;

impl Adaptive {
    /// A sampler for this budget and defaults.
    ///
    /// # Errors
    /// If the budget is not a positive number.
    pub fn new(spans_per_second: f64) -> Result<Self, InvalidAdaptive> {
        Self::with_config(AdaptiveConfig::new(spans_per_second))
    }

    /// A sampler with these settings.
    ///
    /// # Errors
    /// If one of them is out of range.
    pub fn with_config(config: AdaptiveConfig) -> Result<Self, InvalidAdaptive> {
        config.validate()?;
        let origin = config.clock.ticks();
        let interval = config.interval.as_nanos() as u64;
        let controller = Controller {
            probability: config.initial_probability,
            adjusted_at: 0,
            offered: None,
            spans: 0.0,
            sampled: 0.0,
            spans_per_trace: config.spans_per_trace,
        };
        Ok(Self(Arc::new(Shared {
            origin,
            current: RwLock::new(at(config.initial_probability)),
            due: AtomicU64::new(interval),
            offered: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
            spans: AtomicU64::new(0),
            controller: Mutex::new(controller),
            config,
        })))
    }

    /// The probability now.
    pub fn probability(&self) -> f64 {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).threshold.probability()
    }

    /// A step of the pipeline that tells the sampler how many spans its traces have. Changes nothing.
    pub fn counter(&self) -> impl SpanProcessor + 'static {
        SpanCounter(self.0.clone())
    }

    fn threshold(&self) -> Threshold {
        self.0.offered.fetch_add(1, Ordering::Relaxed);
        self.0.adjust_if_due();
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).threshold
    }
}

impl AdaptiveConfig {
    fn validate(&self) -> Result<(), InvalidAdaptive> {
        let probability = |p: f64| p > 0.0 && p <= 1.0;
        let positive = |v: f64| v > 0.0 && v.is_finite();
        let factor = |v: f64| v > 1.0 && v.is_finite();
        const SHARE: &str = "above 0 and up to 1";
        let checks = [
            ("spans_per_second", "above 0", self.spans_per_second, positive(self.spans_per_second)),
            ("initial_probability", SHARE, self.initial_probability, probability(self.initial_probability)),
            ("min_probability", SHARE, self.min_probability, probability(self.min_probability)),
            ("spans_per_trace", "above 0", self.spans_per_trace, positive(self.spans_per_trace)),
            ("interval", "above 0 s", self.interval.as_secs_f64(), !self.interval.is_zero()),
            ("max_rise", "above 1", self.max_rise, factor(self.max_rise)),
            ("max_fall", "above 1", self.max_fall, factor(self.max_fall)),
        ];
        match checks.into_iter().find(|check| !check.3) {
            Some((field, form, found, _)) => Err(InvalidAdaptive { field, form, found }),
            None => Ok(()),
        }
    }
}

fn at(probability: f64) -> Consistent {
    // The probability is within its range; if it were not, everything is kept rather than nothing.
    let threshold = Threshold::from_probability(probability).unwrap_or(Threshold::ALWAYS);
    Consistent::new(threshold.with_precision(PRECISION))
}

impl Shared {
    fn adjust_if_due(&self) {
        let now = u64::try_from(self.config.clock.since(self.origin).as_nanos()).unwrap_or(u64::MAX);
        if now < self.due.load(Ordering::Relaxed) {
            return;
        }
        // Who comes while somebody adjusts goes on with the old probability.
        let Ok(mut controller) = self.controller.try_lock() else { return };
        if now < self.due.load(Ordering::Relaxed) {
            return;
        }
        self.due.store(now.saturating_add(self.config.interval.as_nanos() as u64), Ordering::Relaxed);
        let elapsed = now.saturating_sub(controller.adjusted_at) as f64 / 1e9;
        controller.adjusted_at = now;
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed) as f64;
        let (offered, sampled, spans) = (take(&self.offered), take(&self.sampled), take(&self.spans));
        let before = controller.probability;
        let probability = controller.adjust(&self.config, offered / elapsed, sampled, spans);
        if probability != before {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = at(probability);
        }
    }
}

impl Controller {
    fn adjust(&mut self, config: &AdaptiveConfig, offered: f64, sampled: f64, spans: f64) -> f64 {
        let known = self.offered.unwrap_or(offered);
        let rate = NEWEST * offered + (1.0 - NEWEST) * known;
        self.offered = Some(rate);
        self.spans = MEMORY * self.spans + spans;
        self.sampled = MEMORY * self.sampled + sampled;
        // Traces that have just begun have no spans yet, and of a few no mean can be made.
        if self.sampled >= 1.0 && self.spans >= 1.0 {
            self.spans_per_trace = self.spans / self.sampled;
        }
        let wanted = config.spans_per_second / (rate * self.spans_per_trace).max(f64::MIN_POSITIVE);
        let (lowest, highest) = (self.probability / config.max_fall, self.probability * config.max_rise);
        self.probability = wanted.clamp(lowest, highest).clamp(config.min_probability, 1.0);
        self.probability
    }
}

impl Sampler for Adaptive {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        self.0.offered.fetch_add(1, Ordering::Relaxed);
        self.0.adjust_if_due();
        let decision = self.0.current.read().unwrap_or_else(PoisonError::into_inner).decide(input);
        if decision.is_sampled() {
            self.0.sampled.fetch_add(1, Ordering::Relaxed);
        }
        decision
    }

    fn description(&self) -> String {
        format!("AdaptiveSampler{{{} spans/s}}", self.0.config.spans_per_second)
    }
}

impl ComposableSampler for Adaptive {
    /// Whether the trace is sampled in the end is not known here, so it counts with its probability.
    fn intent(&self, input: &SamplingInput<'_>) -> SamplingIntent {
        let threshold = self.threshold();
        if threshold.keeps(super::Randomness::of_trace(input.trace_id)) {
            self.0.sampled.fetch_add(1, Ordering::Relaxed);
        }
        SamplingIntent::at(threshold)
    }

    fn describe(&self) -> String {
        self.description()
    }
}

impl std::fmt::Debug for Adaptive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adaptive")
            .field("spans_per_second", &self.0.config.spans_per_second)
            .field("probability", &self.probability())
            .finish()
    }
}

/// See [`Adaptive::counter`].
struct SpanCounter(Arc<Shared>);

impl SpanProcessor for SpanCounter {
    fn process(&self, batch: &mut SpanBatchMut) {
        let sampled = batch.iter().filter(|s| s.is_sampled()).count();
        self.0.spans.fetch_add(sampled as u64, Ordering::Relaxed);
        self.0.adjust_if_due();
    }
}

#[cfg(test)]
#[path = "adaptive_tests.rs"]
mod tests;
