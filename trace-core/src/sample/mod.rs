//! Which traces are recorded.
//!
//! | sampler | keeps | counts made from its spans |
//! |---|---|---|
//! | [`AlwaysOn`], [`AlwaysOff`] | all, none | exact |
//! | [`ProbabilitySampler`] | a share of the traces, consistently | right: `ot=th` says how many a span stands for |
//! | [`RatioSampler`], [`TraceIdRatioBased`] | a share of the traces | too low by that share |
//! | [`Composite`] of [`RuleBased`], [`ParentThreshold`], [`Annotating`] and others | what the rules say | right |
//! | [`Adaptive`] | what fits a budget of spans a second | right |
//! | [`RateLimiting`] | so many traces a second | too low: the probability is unknown |
//! | [`remote::RemoteSampler`] | what Jaeger's backend says | right, but for what a lower bound or rate lets through |
//! | [`ParentBased`] | what the parent kept, and at roots what another sampler says | as that of the other |
//! | [`AlwaysRecord`] | records all of it, whatever another one samples | exact |
//! | [`tail::TailSampler`] | decides when the trace is over | right; [`analyze`](crate::analyze) sees all before it |
//!
//! [`from_env`] reads `OTEL_TRACES_SAMPLER`; [`SamplerSetting`] is what it says, as data.

mod adaptive;
mod always_record;
mod consistent;
mod constant;
mod env;
mod parent_based;
mod rate_limiting;
mod ratio;
pub mod remote;
pub mod tail;
mod token_bucket;
mod trace_id_ratio;

pub use adaptive::{Adaptive, AdaptiveConfig, InvalidAdaptive};
pub use always_record::{AlwaysRecord, EverySpan};
pub use consistent::{
    Annotating, ComposableSampler, Composite, InvalidHex, OtelTraceState, ParentThreshold, Predicate,
    ProbabilitySampler, Randomness, RuleBased, SamplingIntent, Threshold,
};
pub use constant::{AlwaysOff, AlwaysOn};
pub use env::{EnvSampler, JaegerSetting, RootSetting, SamplerSetting, from_env};
pub use parent_based::ParentBased;
pub use rate_limiting::{InvalidRate, RateLimiting};
pub use ratio::{InvalidRatio, RatioSampler};
pub use trace_id_ratio::TraceIdRatioBased;
