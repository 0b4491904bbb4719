//! Record what another sampler drops.

use crate::signal::{Decision, Sampler, SamplingDecision, SamplingInput};

/// Records every span and shows it to processors, windows and detectors, while another sampler decides which ones are
/// sampled and exported (OpenTelemetry SDK, `AlwaysRecord`). Rates, errors and durations are then exact and anomalies
/// are seen in every trace, whatever share of them leaves the process.
///
/// A span that is not sampled then costs what a sampled one does, short of its export.
#[derive(Clone, Copy, Debug)]
pub struct AlwaysRecord<S>(S);

impl<S: Sampler> AlwaysRecord<S> {
    /// Records what this one drops.
    pub const fn new(sampler: S) -> Self {
        Self(sampler)
    }
}

impl<S: Sampler> Sampler for AlwaysRecord<S> {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let decision = self.0.sample(input);
        let outcome = match decision.outcome {
            SamplingDecision::Drop => SamplingDecision::RecordOnly,
            other => other,
        };
        Decision { outcome, records_all: true, ..decision }
    }

    fn description(&self) -> String {
        format!("AlwaysRecord{{{}}}", self.0.description())
    }

    fn follows_local_parents(&self) -> bool {
        self.0.follows_local_parents()
    }

    fn records_all(&self) -> bool {
        true
    }
}

/// Asks a sampler for every span, also for children of local parents, as the OpenTelemetry SDK does.
///
/// Without it, children follow their local parent, which is much cheaper and the same for samplers that decide by the
/// trace.
#[derive(Clone, Copy, Debug)]
pub struct EverySpan<S>(S);

impl<S: Sampler> EverySpan<S> {
    /// Asks this one.
    pub const fn new(sampler: S) -> Self {
        Self(sampler)
    }
}

impl<S: Sampler> Sampler for EverySpan<S> {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        self.0.sample(input)
    }

    fn description(&self) -> String {
        self.0.description()
    }

    fn follows_local_parents(&self) -> bool {
        false
    }

    fn records_all(&self) -> bool {
        self.0.records_all()
    }
}
