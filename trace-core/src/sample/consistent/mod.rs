//! Consistent probability sampling: everybody compares the same randomness of a trace with a threshold, and spans
//! carry the threshold, so that they can be counted.
//!
//! Specification: OpenTelemetry, "TraceState: Probability Sampling" and "TraceState handling" (development), and the
//! composite samplers of the SDK specification.

mod composable;
mod composite;
mod decide;
mod otel_state;
mod probability;
mod rule_based;
#[cfg(test)]
mod tests;
mod threshold;

pub use composable::{ComposableSampler, SamplingIntent};
pub use composite::{Annotating, Composite, ParentThreshold};
pub(crate) use decide::Consistent;
pub use otel_state::OtelTraceState;
pub(crate) use probability::PRECISION;
pub use probability::ProbabilitySampler;
pub use rule_based::{Predicate, RuleBased};
pub use threshold::{InvalidHex, Randomness, Threshold};
