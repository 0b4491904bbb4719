//! A share of the traces, with a threshold that says so to everybody downstream.

use super::composable::{ComposableSampler, SamplingIntent};
use super::decide::Consistent;
use super::threshold::Threshold;
use crate::sample::InvalidRatio;
use crate::signal::{Decision, Sampler, SamplingInput};

/// Hex digits of the thresholds that samplers write: a share is off by less than 0.001 % of itself, and 1 % is
/// `fd70a4`.
pub(crate) const PRECISION: u32 = 5;

/// OpenTelemetry's `ProbabilitySampler`: keeps a share of the traces, those whose randomness `R` (the `rv` of the
/// trace state, else the low 56 bits of the trace id) is at least `T = (1 - share) * 2^56`, and writes `ot=th:T` into
/// their trace state, so that whoever counts spans knows for how many each one stands.
///
/// All who use it choose the same traces, and one with a higher share chooses those of a lower one too. It ignores
/// what the parent decided: put it into [`ParentBased`](crate::sample::ParentBased) so that children follow.
///
/// A kept trace has a trace state, which `span!` cannot carry in its ring: such spans cost what the `opentelemetry`
/// API costs. Traces that are not kept cost no more than with other samplers.
#[derive(Clone, Debug)]
pub struct ProbabilitySampler {
    share: f64,
    consistent: Consistent,
}

impl ProbabilitySampler {
    /// Keeps this share, above 0 (at least `2^-56`) and up to 1.
    ///
    /// # Errors
    /// If it is another number; [`AlwaysOff`](crate::sample::AlwaysOff) keeps none.
    pub fn new(share: f64) -> Result<Self, InvalidRatio> {
        let threshold = Threshold::from_probability(share)?.with_precision(PRECISION);
        Ok(Self { share, consistent: Consistent::new(threshold) })
    }

    /// What is compared with the randomness.
    pub fn threshold(&self) -> Threshold {
        self.consistent.threshold
    }
}

impl Sampler for ProbabilitySampler {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        self.consistent.decide(input)
    }

    fn description(&self) -> String {
        format!("ProbabilitySampler{{{}}}", self.share)
    }
}

impl ComposableSampler for ProbabilitySampler {
    fn intent(&self, _: &SamplingInput<'_>) -> SamplingIntent {
        SamplingIntent::at(self.consistent.threshold)
    }

    fn describe(&self) -> String {
        format!("ComposableProbability{{{}}}", self.share)
    }
}
