//! A consistent decision, and the trace state that goes with it.

use super::otel_state::OtelTraceState;
use super::threshold::{Randomness, Threshold};
use crate::model::TraceState;
use crate::signal::{Decision, SamplingInput};

/// A threshold, with the trace state that a root gets which it keeps.
#[derive(Clone, Debug)]
pub(crate) struct Consistent {
    pub(crate) threshold: Threshold,
    /// Shared by all such roots, so that nothing is built for each.
    root: TraceState,
}

impl Consistent {
    pub(crate) fn new(threshold: Threshold) -> Self {
        Self { threshold, root: OtelTraceState::with_threshold(&TraceState::EMPTY, threshold) }
    }

    /// Keeps the trace if its randomness reaches the threshold, and says so in the trace state.
    pub(crate) fn decide(&self, input: &SamplingInput<'_>) -> Decision {
        let state = match input.parent {
            Some(p) if !p.trace_state.is_empty() => &p.trace_state,
            _ => {
                let kept = self.threshold.keeps(Randomness::of_trace(input.trace_id));
                return if kept {
                    Decision::SAMPLE.with_trace_state(self.root.clone())
                } else {
                    Decision::DROP
                };
            }
        };
        let ot = OtelTraceState::of(state);
        let kept = self.threshold.keeps(randomness(&ot, input));
        let state = OtelTraceState::with_threshold(state, kept.then_some(self.threshold));
        Decision::sample_if(kept).with_trace_state(state)
    }
}

/// The explicit randomness of a trace, else that of its id.
pub(crate) fn randomness(ot: &OtelTraceState, input: &SamplingInput<'_>) -> Randomness {
    ot.randomness().unwrap_or(Randomness::of_trace(input.trace_id))
}
