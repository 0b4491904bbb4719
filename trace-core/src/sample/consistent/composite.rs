//! A decision from what composable samplers want.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::composable::{ComposableSampler, SamplingIntent};
use super::decide::{Consistent, randomness};
use super::otel_state::OtelTraceState;
use super::threshold::{Randomness, Threshold};
use crate::model::TraceState;
use crate::signal::{Decision, Sampler, SamplingInput};

/// OpenTelemetry's `CompositeSampler`: asks a composable sampler what it wants, and decides by the randomness of the
/// trace.
///
/// ```
/// use trace_core::sample::{AlwaysOff, AlwaysOn, Composite, ParentThreshold, Predicate, ProbabilitySampler, RuleBased};
///
/// let roots = RuleBased::new()
///     .rule(Predicate::name("/health"), AlwaysOff)
///     .rule(Predicate::attribute("http.route", "/checkout"), AlwaysOn)
///     .rule(Predicate::any(), ProbabilitySampler::new(0.1)?);
/// let sampler = Composite::new(ParentThreshold::new(roots));
/// # Ok::<(), trace_core::sample::InvalidRatio>(())
/// ```
pub struct Composite<S> {
    delegate: S,
    /// The last threshold of a root, with its trace state.
    last: RwLock<Consistent>,
    /// For decisions that must not follow the randomness of the trace.
    own_randomness: AtomicU64,
}

impl<S: ComposableSampler> Composite<S> {
    /// Asks this one.
    pub fn new(delegate: S) -> Self {
        Self {
            delegate,
            last: RwLock::new(Consistent::new(Threshold::ALWAYS)),
            own_randomness: AtomicU64::new(0),
        }
    }

    fn decide(&self, threshold: Threshold, input: &SamplingInput<'_>) -> Decision {
        {
            let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
            if last.threshold == threshold {
                return last.decide(input);
            }
        }
        let new = Consistent::new(threshold);
        let decision = new.decide(input);
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = new;
        decision
    }

    /// `SplitMix64` (Steele, Lea, Flood, 2014).
    fn own_randomness(&self) -> Randomness {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut x = self.own_randomness.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Randomness::from_bits(x ^ (x >> 31))
    }
}

impl<S: ComposableSampler> Sampler for Composite<S> {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let SamplingIntent { threshold, reliable, attributes } = self.delegate.intent(input);
        // The recorder takes the threshold out of the trace state of what is dropped.
        let Some(threshold) = threshold else { return Decision::DROP };
        let mut decision = if reliable {
            self.decide(threshold, input)
        } else {
            let state = input.parent.map_or(TraceState::EMPTY, |p| p.trace_state.clone());
            Decision::sample_if(threshold.keeps(self.own_randomness()))
                .with_trace_state(OtelTraceState::without_threshold(state))
        };
        if decision.is_sampled() {
            decision.attributes = attributes;
        }
        decision
    }

    fn description(&self) -> String {
        format!("CompositeSampler{{{}}}", self.delegate.describe())
    }
}

impl<S: ComposableSampler> std::fmt::Debug for Composite<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.description())
    }
}

/// `ComposableParentThreshold`: children get the threshold of their parent, roots that of another sampler.
///
/// A parent that is sampled without a threshold passes its decision on, uncounted. A parent whose sampled flag
/// contradicts its threshold loses the threshold.
#[derive(Clone, Debug)]
pub struct ParentThreshold<S> {
    root: S,
}

impl<S: ComposableSampler> ParentThreshold<S> {
    /// Asks `root` where there is no parent.
    pub const fn new(root: S) -> Self {
        Self { root }
    }
}

impl<S: ComposableSampler> ComposableSampler for ParentThreshold<S> {
    fn intent(&self, input: &SamplingInput<'_>) -> SamplingIntent {
        let Some(parent) = input.parent else { return self.root.intent(input) };
        if !parent.is_sampled() {
            return SamplingIntent::DROP;
        }
        let ot = OtelTraceState::of(&parent.trace_state);
        match ot.threshold {
            Some(t) if t.keeps(randomness(&ot, input)) => SamplingIntent::at(t),
            _ => SamplingIntent::uncounted(),
        }
    }

    fn describe(&self) -> String {
        format!("ComposableParentThreshold{{root={}}}", self.root.describe())
    }
}

/// `ComposableAnnotating`: another sampler, and attributes for what it samples.
#[derive(Clone, Debug)]
pub struct Annotating<S> {
    delegate: S,
    attributes: Vec<crate::model::KeyValue>,
}

impl<S: ComposableSampler> Annotating<S> {
    /// Adds these attributes to spans that are sampled as the delegate wants it.
    pub fn new(delegate: S, attributes: impl IntoIterator<Item = crate::model::KeyValue>) -> Self {
        Self { delegate, attributes: attributes.into_iter().collect() }
    }
}

impl<S: ComposableSampler> ComposableSampler for Annotating<S> {
    fn intent(&self, input: &SamplingInput<'_>) -> SamplingIntent {
        let mut intent = self.delegate.intent(input);
        if intent.threshold.is_some() {
            intent.attributes.extend(self.attributes.iter().cloned());
        }
        intent
    }

    fn describe(&self) -> String {
        let keys: Vec<&str> = self.attributes.iter().map(|kv| &*kv.key).collect();
        format!("ComposableAnnotating{{{},attributes={}}}", self.delegate.describe(), keys.join(";"))
    }
}
