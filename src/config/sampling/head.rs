//! Deciding at the start of a trace.

use std::time::Duration;

use serde::Serialize;
use trace_core::sample::{self, Adaptive, InvalidAdaptive};

use super::remote::RemoteSamplingConfig;
use super::rule::RuleConfig;
use crate::config::duration::{Length, as_text};
use crate::config::section::Section;

/// `sampling.head`, by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum HeadConfig {
    /// `always_on`: every trace.
    AlwaysOn,
    /// `always_off`: none.
    AlwaysOff,
    /// `traceidratio`: a share of the traces, without a threshold in the trace state. The cheapest.
    #[serde(rename = "traceidratio")]
    TraceIdRatio {
        /// The share, 0 to 1.
        probability: f64,
    },
    /// `probability`: a share of the traces that others can count by `ot=th`.
    Probability {
        /// The share, 0 to 1.
        probability: f64,
    },
    /// `rate_limiting`: so many traces a second at most.
    #[serde(rename_all = "camelCase")]
    RateLimiting {
        /// `tracesPerSecond`.
        traces_per_second: f64,
    },
    /// `adaptive`: a share that follows a budget.
    Adaptive(AdaptiveConfig),
    /// `rules`: the first rule that fits says. A trace that fits none is not sampled.
    Rules {
        /// At least one.
        rules: Vec<RuleConfig>,
    },
    /// `jaeger_remote`: as a Jaeger backend says.
    JaegerRemote(RemoteSamplingConfig),
}

/// `sampling.head` of type `adaptive`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdaptiveConfig {
    /// `spansPerSecond`: the budget.
    pub spans_per_second: f64,
    /// `initialProbability`: the share to begin with; 1 by default.
    pub initial_probability: f64,
    /// `minProbability`: the share that is never gone below; one in a million by default.
    pub min_probability: f64,
    /// `spansPerTrace`, until some have been counted; 10 by default.
    pub spans_per_trace: f64,
    /// How often the share is adjusted; `1s` by default.
    #[serde(serialize_with = "as_text")]
    pub interval: Duration,
}

#[derive(Clone, Copy)]
enum Type {
    AlwaysOn,
    AlwaysOff,
    TraceIdRatio,
    Probability,
    RateLimiting,
    Adaptive,
    Rules,
    JaegerRemote,
}

const TYPES: [(&str, Type); 8] = [
    ("always_on", Type::AlwaysOn),
    ("always_off", Type::AlwaysOff),
    ("traceidratio", Type::TraceIdRatio),
    ("probability", Type::Probability),
    ("rate_limiting", Type::RateLimiting),
    ("adaptive", Type::Adaptive),
    ("rules", Type::Rules),
    ("jaeger_remote", Type::JaegerRemote),
];

/// A number from 0 up that must be given; a problem if it is not.
pub(super) fn required(s: &Section<'_>, key: &'static str, most: f64, hint: &str) -> Option<f64> {
    let field = s.field(key);
    if !field.given() {
        s.missing(key, hint);
    }
    field.number(0.0..=most)
}

impl HeadConfig {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let named = s.field("type");
        if !s.is_present() {
            return None;
        }
        if !named.given() {
            s.missing("type", &format!("name a sampler: {}", TYPES.map(|(name, _)| name).join(", ")));
        }
        let Some(named) = named.one_of(&TYPES) else {
            s.leave_the_rest();
            return None;
        };
        let probability =
            |s| required(s, "probability", 1.0, "give the share of the traces, 0 to 1").unwrap_or_default();
        Some(match named {
            Type::AlwaysOn => Self::AlwaysOn,
            Type::AlwaysOff => Self::AlwaysOff,
            Type::TraceIdRatio => Self::TraceIdRatio { probability: probability(s) },
            Type::Probability => Self::Probability { probability: probability(s) },
            Type::RateLimiting => Self::RateLimiting {
                traces_per_second: required(s, "tracesPerSecond", 1e9, "give the most traces a second")
                    .unwrap_or_default(),
            },
            Type::Adaptive => Self::Adaptive(AdaptiveConfig::read(s)),
            Type::Rules => Self::Rules { rules: RuleConfig::read_all(s) },
            Type::JaegerRemote => Self::JaegerRemote(RemoteSamplingConfig::read(s)),
        })
    }
}

impl AdaptiveConfig {
    /// The defaults for a budget.
    pub fn new(spans_per_second: f64) -> Self {
        Self {
            spans_per_second,
            initial_probability: 1.0,
            min_probability: 1e-6,
            spans_per_trace: 10.0,
            interval: Duration::from_secs(1),
        }
    }

    fn read(s: &Section<'_>) -> Self {
        let budget = required(s, "spansPerSecond", 1e9, "give the budget in spans a second");
        let default = Self::new(budget.unwrap_or(1.0));
        let number = |key, from, to, otherwise| s.field(key).number(from..=to).unwrap_or(otherwise);
        let config = Self {
            initial_probability: number("initialProbability", 1e-12, 1.0, default.initial_probability),
            min_probability: number("minProbability", 1e-12, 1.0, default.min_probability),
            spans_per_trace: number("spansPerTrace", 1.0, 1e6, default.spans_per_trace),
            interval: s.field("interval").parse::<Length>().map_or(default.interval, |l| l.0),
            ..default
        };
        if let Err(e) = config.build() {
            s.error(format!("cannot be used: {e}"));
        }
        config
    }

    /// The sampler.
    ///
    /// # Errors
    /// A number that is out of range.
    pub fn build(&self) -> Result<Adaptive, InvalidAdaptive> {
        Adaptive::with_config(sample::AdaptiveConfig {
            initial_probability: self.initial_probability,
            min_probability: self.min_probability,
            spans_per_trace: self.spans_per_trace,
            interval: self.interval,
            ..sample::AdaptiveConfig::new(self.spans_per_second)
        })
    }
}
