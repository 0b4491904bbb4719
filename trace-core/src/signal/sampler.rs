//! Which traces are recorded.

use std::sync::Arc;

use crate::model::{SpanContext, SpanKind, TraceId, TraceState};

/// What is known when a span starts.
#[derive(Clone, Copy, Debug)]
pub struct SamplingInput<'a> {
    /// The trace the span will belong to.
    pub trace_id: TraceId,
    /// The parent, if there is one.
    pub parent: Option<&'a SpanContext>,
    /// The span's name.
    pub name: &'a str,
    /// The span's kind.
    pub kind: SpanKind,
}

/// What to do with a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Record and export it, and ask children to do the same.
    pub sampled: bool,
    /// Replaces the trace state; `None` passes the parent's on.
    pub trace_state: Option<TraceState>,
}

impl Decision {
    /// Record.
    pub const SAMPLE: Self = Self { sampled: true, trace_state: None };
    /// Do not.
    pub const DROP: Self = Self { sampled: false, trace_state: None };
}

/// Decides at the start of a span. Called on the application's thread for every span without a local parent
/// (local children follow their parent), so it must be quick and must not block or panic.
pub trait Sampler: Send + Sync {
    /// The decision.
    fn sample(&self, input: &SamplingInput<'_>) -> Decision;

    /// The sampler's name and parameters, such as `MplpRatioSampler{0.1}`.
    fn description(&self) -> String;
}

macro_rules! forward {
    ($($ptr:ident),*) => {$(
        impl<T: Sampler + ?Sized> Sampler for $ptr<T> {
            fn sample(&self, input: &SamplingInput<'_>) -> Decision { (**self).sample(input) }
            fn description(&self) -> String { (**self).description() }
        }
    )*};
}
forward!(Box, Arc);
