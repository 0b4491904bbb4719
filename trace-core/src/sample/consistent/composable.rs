//! Samplers that say what they want rather than decide, so that several can be combined.

use super::threshold::Threshold;
use crate::model::KeyValue;
use crate::sample::{AlwaysOff, AlwaysOn};
use crate::signal::SamplingInput;

/// With what threshold a span should be sampled (OpenTelemetry SDK, `ComposableSampler`; without the provider of a
/// trace state).
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingIntent {
    /// `None` drops the span.
    pub threshold: Option<Threshold>,
    /// Whether spans may be counted by the threshold; if not, none is written.
    pub reliable: bool,
    /// Added to the span, if it is sampled.
    pub attributes: Vec<KeyValue>,
}

impl SamplingIntent {
    /// Drop.
    pub const DROP: Self = Self { threshold: None, reliable: false, attributes: Vec::new() };

    /// Sample with this threshold, by which spans may be counted.
    pub const fn at(threshold: Threshold) -> Self {
        Self { threshold: Some(threshold), reliable: true, attributes: Vec::new() }
    }

    /// Sample, for a reason that has no known probability.
    pub const fn uncounted() -> Self {
        Self { threshold: Some(Threshold::ALWAYS), reliable: false, attributes: Vec::new() }
    }
}

/// A part of a [`Composite`](super::Composite). Called on the application's thread: quick, without blocking.
pub trait ComposableSampler: Send + Sync {
    /// What it wants for this span. Must not depend on the trace id or the randomness of the trace, or counts go wrong.
    fn intent(&self, input: &SamplingInput<'_>) -> SamplingIntent;

    /// The name and parameters.
    fn describe(&self) -> String;
}

impl ComposableSampler for AlwaysOn {
    fn intent(&self, _: &SamplingInput<'_>) -> SamplingIntent {
        SamplingIntent::at(Threshold::ALWAYS)
    }

    fn describe(&self) -> String {
        "ComposableAlwaysOn".to_owned()
    }
}

impl ComposableSampler for AlwaysOff {
    fn intent(&self, _: &SamplingInput<'_>) -> SamplingIntent {
        SamplingIntent::DROP
    }

    fn describe(&self) -> String {
        "ComposableAlwaysOff".to_owned()
    }
}

impl<T: ComposableSampler + ?Sized> ComposableSampler for Box<T> {
    fn intent(&self, input: &SamplingInput<'_>) -> SamplingIntent {
        (**self).intent(input)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}

impl<T: ComposableSampler + ?Sized> ComposableSampler for std::sync::Arc<T> {
    fn intent(&self, input: &SamplingInput<'_>) -> SamplingIntent {
        (**self).intent(input)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}
