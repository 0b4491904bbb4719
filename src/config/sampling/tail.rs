//! Deciding when a trace is over.

use std::time::Duration;

use serde::Serialize;

use super::policy::NamedPolicy;
use crate::config::duration::{Length, as_text};
use crate::config::section::Section;

/// `sampling.tail`: on if the section is there without `enabled: false`. What is exported, stored and shown then comes
/// later by the time that is waited.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TailSamplingConfig {
    /// `decisionWait`: how long after its first span a trace is decided on at the latest; `30s` by default.
    #[serde(serialize_with = "as_text")]
    pub decision_wait: Duration,
    /// `rootWait`: how long after the end of its root in this process; `5s` by default. Spans that end later follow the
    /// decision.
    #[serde(serialize_with = "as_text")]
    pub root_wait: Duration,
    /// `maxSpans`: the most that wait; 500,000 by default. At the limit the oldest traces are decided on early.
    pub max_spans: usize,
    /// `maxBytes`: the most memory for what waits; 64 MiB by default, at least 1 MiB.
    pub max_bytes: usize,
    /// How many decisions are remembered for spans that come late; 100,000 by default.
    pub decisions: usize,
    /// Whether traces that the head did not sample are looked at too, and exported if a policy keeps them; what the
    /// head sampled stays then. False by default. Needs `recordAll`. Other processes did not sample them.
    pub promote: bool,
    /// Reasons to keep a trace; one is enough. By default: `error`, `slower_than_usual`, `anomalous`, and a tenth of
    /// all by `probability`.
    pub policies: Vec<NamedPolicy>,
}

impl Default for TailSamplingConfig {
    fn default() -> Self {
        Self {
            decision_wait: Duration::from_secs(30),
            root_wait: Duration::from_secs(5),
            max_spans: 500_000,
            max_bytes: 64 << 20,
            decisions: 100_000,
            promote: false,
            policies: NamedPolicy::usual(),
        }
    }
}

impl TailSamplingConfig {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let default = Self::default();
        let on = s.enabled_or(false);
        let length = |key, otherwise| s.field(key).parse::<Length>().map_or(otherwise, |l| l.0);
        let count = |key, least, most, otherwise| {
            s.field(key).integer(least..=most).and_then(|n| usize::try_from(n).ok()).unwrap_or(otherwise)
        };
        let policies =
            NamedPolicy::read_all(s, "no trace would be kept without any; give one, or leave the key out");
        let config = Self {
            decision_wait: length("decisionWait", default.decision_wait),
            root_wait: length("rootWait", default.root_wait),
            max_spans: count("maxSpans", 1, 100_000_000, default.max_spans),
            max_bytes: count("maxBytes", 1 << 20, 1 << 40, default.max_bytes),
            decisions: count("decisions", 1, 100_000_000, default.decisions),
            promote: s.field("promote").flag().unwrap_or(false),
            policies: policies.unwrap_or(default.policies),
        };
        if config.root_wait > config.decision_wait {
            s.warn("rootWait is longer than decisionWait, which decides first: make it shorter");
        }
        on.then_some(config)
    }
}
