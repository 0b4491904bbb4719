//! Which traces are recorded.

use std::sync::Arc;

use super::StartAttributes;
use crate::model::{KeyValue, Resource, SpanContext, SpanKind, TraceId, TraceState};

/// What is known when a span starts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SamplingInput<'a> {
    /// The trace the span will belong to.
    pub trace_id: TraceId,
    /// The parent, if there is one.
    pub parent: Option<&'a SpanContext>,
    /// The span's name.
    pub name: &'a str,
    /// The span's kind.
    pub kind: SpanKind,
    /// The attributes that are given with the start.
    pub attributes: StartAttributes<'a>,
    /// What produces the span.
    pub resource: Option<&'a Resource>,
}

impl<'a> SamplingInput<'a> {
    /// A root span without attributes.
    pub const fn new(trace_id: TraceId, name: &'a str, kind: SpanKind) -> Self {
        Self { trace_id, parent: None, name, kind, attributes: StartAttributes::NONE, resource: None }
    }

    /// The same under a parent.
    #[must_use]
    pub const fn under(mut self, parent: Option<&'a SpanContext>) -> Self {
        self.parent = parent;
        self
    }

    /// The same with attributes.
    #[must_use]
    pub const fn with_attributes(mut self, attributes: StartAttributes<'a>) -> Self {
        self.attributes = attributes;
        self
    }

    /// The same from this resource.
    #[must_use]
    pub const fn from_resource(mut self, resource: &'a Resource) -> Self {
        self.resource = Some(resource);
        self
    }
}

/// The three outcomes of the OpenTelemetry SDK specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SamplingDecision {
    /// Nothing is recorded; only the identity travels on.
    Drop,
    /// Processors, windows and detectors see the span; destinations do not, unless they ask for it. The sampled flag
    /// is not set.
    RecordOnly,
    /// The span is recorded and exported, and the sampled flag asks others to do the same.
    RecordAndSample,
}

/// What to do with a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What happens to the span, and to its local children.
    pub outcome: SamplingDecision,
    /// The sampler records every span, whatever the outcome: then each one is counted once, also a sampled one whose
    /// trace state says that it stands for many.
    pub records_all: bool,
    /// Replaces the trace state; `None` passes the parent's on.
    pub trace_state: Option<TraceState>,
    /// Added to the span, if it is recorded.
    pub attributes: Vec<KeyValue>,
}

impl Decision {
    /// Record and export.
    pub const SAMPLE: Self = Self::of(SamplingDecision::RecordAndSample);
    /// Record, and show it to processors only.
    pub const RECORD_ONLY: Self = Self::of(SamplingDecision::RecordOnly);
    /// Do not record.
    pub const DROP: Self = Self::of(SamplingDecision::Drop);

    const fn of(outcome: SamplingDecision) -> Self {
        Self { outcome, records_all: false, trace_state: None, attributes: Vec::new() }
    }

    /// [`Decision::SAMPLE`] or [`Decision::DROP`].
    pub const fn sample_if(sample: bool) -> Self {
        if sample { Self::SAMPLE } else { Self::DROP }
    }

    /// The same with another trace state.
    #[must_use]
    pub fn with_trace_state(mut self, state: TraceState) -> Self {
        self.trace_state = Some(state);
        self
    }

    /// Whether the span is exported.
    pub fn is_sampled(&self) -> bool {
        self.outcome == SamplingDecision::RecordAndSample
    }
}

/// Decides at the start of a span. Called on the application's thread for every span without a local parent
/// (local children follow their parent), so it must be quick and must not block or panic.
pub trait Sampler: Send + Sync {
    /// The decision.
    fn sample(&self, input: &SamplingInput<'_>) -> Decision;

    /// The sampler's name and parameters, such as `MplpRatioSampler{0.1}`.
    fn description(&self) -> String;

    /// Whether local children get the decision of their parent without being asked for, which is much cheaper. Read
    /// once, when the recorder is built.
    fn follows_local_parents(&self) -> bool {
        true
    }

    /// Whether it records every span, whatever it samples: then a trace is recorded too of which the caller decided that
    /// it is not to be sampled. Read once, when the recorder is built.
    fn records_all(&self) -> bool {
        false
    }
}

macro_rules! forward {
    ($($ptr:ident),*) => {$(
        impl<T: Sampler + ?Sized> Sampler for $ptr<T> {
            fn sample(&self, input: &SamplingInput<'_>) -> Decision { (**self).sample(input) }
            fn description(&self) -> String { (**self).description() }
            fn follows_local_parents(&self) -> bool { (**self).follows_local_parents() }
            fn records_all(&self) -> bool { (**self).records_all() }
        }
    )*};
}
forward!(Box, Arc);
