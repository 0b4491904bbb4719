//! Every trace, or none.

use super::{OtelTraceState, Threshold};
use crate::signal::{Decision, Sampler, SamplingInput};

/// Samples every trace. If the parent's trace state says that it stands for many (`ot=th`), it no longer does.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOn;

impl Sampler for AlwaysOn {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        match input.parent.map(|p| &p.trace_state).filter(|s| !s.is_empty()) {
            Some(state) if OtelTraceState::threshold_of(state).is_some() => {
                Decision::SAMPLE.with_trace_state(OtelTraceState::with_threshold(state, Threshold::ALWAYS))
            }
            _ => Decision::SAMPLE,
        }
    }

    fn description(&self) -> String {
        "AlwaysOnSampler".to_owned()
    }
}

/// Samples no trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOff;

impl Sampler for AlwaysOff {
    fn sample(&self, _: &SamplingInput<'_>) -> Decision {
        Decision::DROP
    }

    fn description(&self) -> String {
        "AlwaysOffSampler".to_owned()
    }
}
