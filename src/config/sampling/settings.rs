//! The section as a whole, and what the environment says in its place.

use serde::Serialize;
use trace_core::env::EnvSettings;
use trace_core::sample::{RootSetting, SamplerSetting};

use super::head::HeadConfig;
use super::remote::RemoteSamplingConfig;
use super::tail::TailSamplingConfig;
use crate::config::section::Section;

/// `opentelemetry.tracing.sampling`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SamplingConfig {
    /// Decides at the start of a trace. Else `OTEL_TRACES_SAMPLER`; else `samplingRate` does.
    pub head: Option<HeadConfig>,
    /// `parentBased`: whether a trace that began elsewhere is sampled as its caller did; true by default. The
    /// environment says it by `parentbased_` in the name.
    pub parent_based: bool,
    /// `recordAll`: whether spans that are not sampled are recorded all the same, for windows and detection alone; true
    /// by default. Rates, errors and durations are then exact under every sampler. Without it an unsampled span costs
    /// next to nothing, and `traceidratio`, `rate_limiting` and `samplingRate` make counts too low.
    pub record_all: bool,
    /// Decides when a trace is over; `None` is off. It then looks at what the head lets through: everything, unless a
    /// head or a rate is given.
    pub tail: Option<TailSamplingConfig>,
}

impl Default for SamplingConfig {
    fn default() -> Self {
        Self { head: None, parent_based: true, record_all: true, tail: None }
    }
}

impl SamplingConfig {
    /// `rated` says whether the file has a `samplingRate`, which then stands in place of the head.
    pub(in crate::config) fn read(s: &Section<'_>, rated: bool, env: &EnvSettings) -> Self {
        let parent_based = s.field("parentBased").flag();
        let head = s.section("head", HeadConfig::read);
        if head.is_some() && rated {
            s.error("has a head, and samplingRate is given too: keep one of them");
        }
        let (head, parent_based) = match head {
            Some(head) => (Some(head), parent_based),
            None if rated => (None, parent_based),
            None => of_env(s, env, parent_based),
        };
        let config = Self {
            head,
            parent_based: parent_based.unwrap_or(true),
            record_all: s.field("recordAll").flag().unwrap_or(true),
            tail: s.section("tail", TailSamplingConfig::read),
        };
        if !config.record_all && config.tail.as_ref().is_some_and(|tail| tail.promote) {
            s.error("has tail.promote without recordAll: what is not recorded cannot be kept; set recordAll: true");
        }
        config
    }
}

/// The sampler of the environment, if it can be used, and whether children follow.
fn of_env(
    s: &Section<'_>,
    env: &EnvSettings,
    parent_based: Option<bool>,
) -> (Option<HeadConfig>, Option<bool>) {
    const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
    let lookup = |name: &str| if name == SAMPLER { env.sampler.clone() } else { env.sampler_arg.clone() };
    let Some(found) = SamplerSetting::read(lookup) else { return (None, parent_based) };
    found.warnings.iter().for_each(|w| s.warn_at(SAMPLER, w.clone()));
    let head = match found.root {
        Some(RootSetting::AlwaysOn) => HeadConfig::AlwaysOn,
        Some(RootSetting::AlwaysOff) => HeadConfig::AlwaysOff,
        Some(RootSetting::TraceIdRatio(ratio)) => HeadConfig::TraceIdRatio { probability: ratio },
        Some(RootSetting::Probability(share)) => HeadConfig::Probability { probability: share },
        Some(RootSetting::JaegerRemote(setting)) => match RemoteSamplingConfig::of_env(&setting) {
            Ok(remote) => HeadConfig::JaegerRemote(remote),
            Err(reason) => {
                s.warn_at("OTEL_TRACES_SAMPLER_ARG", format!("{reason}; samplingRate holds"));
                return (None, parent_based);
            }
        },
        _ => return (None, parent_based),
    };
    (Some(head), parent_based.or(Some(found.parent_based)))
}
