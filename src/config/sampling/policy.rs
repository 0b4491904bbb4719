//! Reasons to keep a trace that is over.

use std::time::Duration;

use serde::Serialize;
use trace_core::model::Value;
use trace_core::sample::tail::{AnomalousTraces, Policy};

use super::head::required;
use crate::config::duration::{Length, as_text};
use crate::config::section::Section;

/// One of `sampling.tail.policies`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedPolicy {
    /// Stands in the statistics; the type by default.
    pub name: String,
    /// The reason.
    #[serde(flatten)]
    pub policy: PolicyConfig,
}

/// A reason to keep a trace, by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PolicyConfig {
    /// `error`: a span has the error status.
    Error,
    /// `latency`: the trace took longer, from its first start to its last end here.
    #[serde(rename_all = "camelCase")]
    Latency {
        /// `slowerThan`, such as `2s`.
        #[serde(serialize_with = "as_text")]
        slower_than: Duration,
    },
    /// `slower_than_usual`: the root took longer than is usual for its operation.
    SlowerThanUsual {
        /// The quantile of the last five to ten minutes; 0.99 by default.
        quantile: f64,
    },
    /// `anomalous`: detection found it to show an anomaly.
    Anomalous,
    /// `attribute`: a span has this attribute.
    Attribute {
        /// The key.
        key: String,
        /// The value.
        value: Value,
    },
    /// `probability`: this share of all traces, what the head dropped included in the count.
    Probability {
        /// The share, above 0 and up to 1.
        probability: f64,
    },
    /// `share`: this share of what the head let through.
    Share {
        /// The share, above 0 and up to 1.
        probability: f64,
    },
    /// `rate_limiting`: any trace, so many a second at most. Put it last: it is not asked if one before it keeps the trace.
    #[serde(rename_all = "camelCase")]
    RateLimiting {
        /// `tracesPerSecond`.
        traces_per_second: f64,
    },
    /// `all`: every one of these holds.
    All {
        /// At least one.
        policies: Vec<NamedPolicy>,
    },
    /// `any`: one of these holds.
    Any {
        /// At least one.
        policies: Vec<NamedPolicy>,
    },
    /// `not`: none of these holds.
    Not {
        /// At least one.
        policies: Vec<NamedPolicy>,
    },
}

#[derive(Clone, Copy)]
enum Type {
    Error,
    Latency,
    SlowerThanUsual,
    Anomalous,
    Attribute,
    Probability,
    Share,
    RateLimiting,
    All,
    Any,
    Not,
}

const TYPES: [(&str, Type); 11] = [
    ("error", Type::Error),
    ("latency", Type::Latency),
    ("slower_than_usual", Type::SlowerThanUsual),
    ("anomalous", Type::Anomalous),
    ("attribute", Type::Attribute),
    ("probability", Type::Probability),
    ("share", Type::Share),
    ("rate_limiting", Type::RateLimiting),
    ("all", Type::All),
    ("any", Type::Any),
    ("not", Type::Not),
];

const QUANTILE: f64 = 0.99;

impl NamedPolicy {
    /// Errors, what is slow or anomalous, and a tenth of the rest.
    pub(super) fn usual() -> Vec<Self> {
        let named = |name: &str, policy| Self { name: name.to_owned(), policy };
        vec![
            named("error", PolicyConfig::Error),
            named("slower_than_usual", PolicyConfig::SlowerThanUsual { quantile: QUANTILE }),
            named("anomalous", PolicyConfig::Anomalous),
            named("probability", PolicyConfig::Probability { probability: 0.1 }),
        ]
    }

    /// `None` if the key is not there. An empty list is reported with a hint.
    pub(super) fn read_all(s: &Section<'_>, hint: &str) -> Option<Vec<Self>> {
        let there = s.has("policies");
        let policies = s.sections("policies", Self::read);
        if there && policies.is_empty() {
            s.missing("policies", hint);
        }
        there.then(|| policies.into_iter().flatten().collect())
    }

    fn read(s: &Section<'_>) -> Option<Self> {
        let named = s.field("type");
        let name = s.field("name").text();
        if !named.given() {
            s.missing("type", &format!("name a reason: {}", TYPES.map(|(name, _)| name).join(", ")));
        }
        let Some(of) = named.one_of(&TYPES) else {
            s.leave_the_rest();
            return None;
        };
        // The list is in the order of the types.
        let word = TYPES[of as usize].0;
        Some(Self { name: name.unwrap_or_else(|| word.to_owned()), policy: PolicyConfig::read(s, of)? })
    }
}

impl PolicyConfig {
    fn read(s: &Section<'_>, of: Type) -> Option<Self> {
        // Nothing is no share.
        let share = |s: &Section<'_>| {
            let share = required(s, "probability", 1.0, "give a share, above 0 and up to 1").unwrap_or(1.0);
            if share <= 0.0 {
                s.error("would keep nothing: give a probability above 0, or leave the policy out");
            }
            share
        };
        let nested = |s: &Section<'_>| {
            NamedPolicy::read_all(s, "give at least one").unwrap_or_else(|| {
                s.missing("policies", "give at least one");
                Vec::new()
            })
        };
        Some(match of {
            Type::Error => Self::Error,
            Type::Latency => {
                let field = s.field("slowerThan");
                if !field.given() {
                    s.missing("slowerThan", "give a length such as 2s");
                }
                Self::Latency { slower_than: field.parse::<Length>()?.0 }
            }
            Type::SlowerThanUsual => Self::SlowerThanUsual {
                quantile: s.field("quantile").number(0.5..=0.9999).unwrap_or(QUANTILE),
            },
            Type::Anomalous => Self::Anomalous,
            Type::Attribute => {
                let (key, value) = (s.field("key"), s.field("value"));
                for (field, name) in [(&key, "key"), (&value, "value")] {
                    if !field.given() {
                        s.missing(name, "give the key and the value of an attribute");
                    }
                }
                Self::Attribute { key: key.text()?, value: value.value()? }
            }
            Type::Probability => Self::Probability { probability: share(s) },
            Type::Share => Self::Share { probability: share(s) },
            Type::RateLimiting => Self::RateLimiting {
                traces_per_second: required(s, "tracesPerSecond", 1e9, "give the most traces a second")
                    .unwrap_or_default(),
            },
            Type::All => Self::All { policies: nested(s) },
            Type::Any => Self::Any { policies: nested(s) },
            Type::Not => Self::Not { policies: nested(s) },
        })
    }

    /// The policy; `marked` are the traces that detection found to show an anomaly.
    ///
    /// # Errors
    /// A number that is out of range, or a combination of nothing.
    pub fn build(
        &self,
        marked: &AnomalousTraces,
    ) -> Result<Policy, Box<dyn std::error::Error + Send + Sync>> {
        let nested = |policies: &[NamedPolicy], join: fn(Policy, Policy) -> Policy| {
            let mut all = Vec::new();
            for p in policies {
                all.push(p.policy.build(marked)?);
            }
            all.into_iter().reduce(join).ok_or_else(|| "all, any and not need at least one policy".into())
        };
        Ok(match self {
            Self::Error => Policy::error(),
            Self::Latency { slower_than } => Policy::slower_than(*slower_than),
            Self::SlowerThanUsual { quantile } => Policy::slower_than_usual(*quantile),
            Self::Anomalous => Policy::anomalous(marked.clone()),
            Self::Attribute { key, value } => Policy::attribute(key.clone(), value.clone()),
            Self::Probability { probability } => Policy::probability(*probability)?,
            Self::Share { probability } => Policy::share(*probability)?,
            Self::RateLimiting { traces_per_second } => Policy::rate_limit(*traces_per_second)?,
            Self::All { policies } => return nested(policies, Policy::and),
            Self::Any { policies } => return nested(policies, Policy::or),
            Self::Not { policies } => return nested(policies, Policy::or).map(Policy::negate),
        })
    }
}
