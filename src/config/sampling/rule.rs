//! Rules: the first that fits says how a trace is sampled.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use trace_core::model::{SpanKind, Value};
use trace_core::sample::{AlwaysOff, InvalidRate, Predicate, ProbabilitySampler, RateLimiting, RuleBased};

use crate::config::section::Section;

/// One of `sampling.head.rules`. It fits if everything holds that it names; one that names nothing fits always.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleConfig {
    /// The name of the span; `*` stands for any characters.
    pub name: Option<String>,
    /// The kind: `internal`, `server`, `client`, `producer` or `consumer`.
    #[serde(serialize_with = "kind")]
    pub kind: Option<SpanKind>,
    /// The name of the service.
    pub service: Option<String>,
    /// Attributes that are known at the start, with their values.
    pub attributes: BTreeMap<String, Value>,
    /// `remoteParent`: whether the caller lives in another process.
    pub remote_parent: Option<bool>,
    /// What is kept.
    #[serde(flatten)]
    pub keep: Keep,
}

/// What a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Keep {
    /// `probability`: this share, 0 to 1, that others can count by `ot=th`.
    Probability(f64),
    /// `tracesPerSecond`: so many traces a second at most.
    TracesPerSecond(f64),
}

fn kind<S: Serializer>(kind: &Option<SpanKind>, s: S) -> Result<S::Ok, S::Error> {
    kind.map(SpanKind::as_str).serialize(s)
}

const KINDS: [(&str, SpanKind); 5] = [
    ("internal", SpanKind::Internal),
    ("server", SpanKind::Server),
    ("client", SpanKind::Client),
    ("producer", SpanKind::Producer),
    ("consumer", SpanKind::Consumer),
];

impl RuleConfig {
    pub(super) fn read_all(s: &Section<'_>) -> Vec<Self> {
        let rules = s.sections("rules", Self::read);
        if rules.is_empty() {
            s.missing("rules", "give at least one; traces that fit none are not sampled");
        }
        rules
    }

    fn read(s: &Section<'_>) -> Self {
        let (share, rate) = (s.field("probability"), s.field("tracesPerSecond"));
        match (share.given(), rate.given()) {
            (true, true) => s.error("has probability and tracesPerSecond: keep one of them"),
            (false, false) => s.error("says nothing: give probability (0 to 1) or tracesPerSecond"),
            _ => {}
        }
        let keep = match rate.number(0.0..=1e9) {
            Some(rate) => Keep::TracesPerSecond(rate),
            None => Keep::Probability(share.number(0.0..=1.0).unwrap_or(1.0)),
        };
        let attributes = s.entries("attributes").into_iter();
        Self {
            name: s.field("name").text(),
            kind: s.field("kind").one_of(&KINDS),
            service: s.field("service").text(),
            attributes: attributes.filter_map(|(key, f)| Some((key.to_owned(), f.value()?))).collect(),
            remote_parent: s.field("remoteParent").flag(),
            keep,
        }
    }

    /// What must hold for the rule to fit.
    pub fn predicate(&self) -> Predicate {
        let name = self.name.clone().map(Predicate::name);
        let kind = self.kind.map(Predicate::kind);
        let service = self.service.clone().map(Predicate::service);
        let parent = self.remote_parent.map(|yes| {
            let remote = Predicate::remote_parent();
            if yes { remote } else { remote.negate() }
        });
        let attributes = self.attributes.iter().map(|(k, v)| Predicate::attribute(k.clone(), v.clone()));
        let all = [name, kind, service, parent].into_iter().flatten().chain(attributes);
        all.reduce(Predicate::and).unwrap_or_else(Predicate::any)
    }

    /// All rules, in order.
    ///
    /// # Errors
    /// A rate that is negative or not finite.
    pub fn build_all(rules: &[Self]) -> Result<RuleBased, InvalidRate> {
        let mut all = RuleBased::new();
        for rule in rules {
            all = match rule.keep {
                Keep::TracesPerSecond(rate) => all.rule(rule.predicate(), RateLimiting::new(rate)?),
                Keep::Probability(share) => match ProbabilitySampler::new(share) {
                    Ok(sampler) => all.rule(rule.predicate(), sampler),
                    // 0, which is no probability to it.
                    Err(_) => all.rule(rule.predicate(), AlwaysOff),
                },
            };
        }
        Ok(all)
    }
}
