//! Every trace, or none.

use crate::signal::{Decision, Sampler, SamplingInput};

/// Samples every trace.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysOn;

impl Sampler for AlwaysOn {
    fn sample(&self, _: &SamplingInput<'_>) -> Decision {
        Decision::SAMPLE
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
