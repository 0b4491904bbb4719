//! A strategy at work.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::strategy::{MAX_OPERATIONS, PerOperation, Strategy};
use crate::clock::Clock;
use crate::model::TraceState;
use crate::sample::consistent::{Consistent, PRECISION};
use crate::sample::token_bucket::TokenBucket;
use crate::sample::{OtelTraceState, Threshold};
use crate::signal::{Decision, SamplingInput};

/// A strategy with its state.
pub(super) enum Active {
    Probabilistic(Chance),
    RateLimiting(TokenBucket),
    PerOperation(Operations),
}

/// A probability, which may be zero.
#[derive(Clone)]
pub(super) struct Chance(Option<Consistent>);

/// Operations with a probability and a lower bound each. Those that are not listed are added when they are met, for they
/// have lower bounds of their own.
pub(super) struct Operations {
    default: Chance,
    lower_bound: f64,
    known: RwLock<HashMap<String, Operation>>,
    clock: Clock,
}

struct Operation {
    chance: Chance,
    at_least: Arc<TokenBucket>,
}

impl Active {
    /// The strategy at work. Lower bounds go on from the strategy before, so that polling does not refill them.
    pub(super) fn new(strategy: &Strategy, before: Option<&Self>, clock: &Clock) -> Self {
        match strategy {
            Strategy::Probabilistic(p) => Self::Probabilistic(Chance::new(*p)),
            Strategy::RateLimiting(rate) => Self::RateLimiting(TokenBucket::new(*rate, *rate, clock.clone())),
            Strategy::PerOperation(p) => {
                let before = before.and_then(|b| match b {
                    Self::PerOperation(o) if o.lower_bound == p.lower_bound => Some(o),
                    _ => None,
                });
                Self::PerOperation(Operations::new(p, before, clock))
            }
        }
    }

    pub(super) fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        match self {
            Self::Probabilistic(chance) => chance.decide(input),
            Self::RateLimiting(bucket) => uncounted(bucket.take(), input),
            Self::PerOperation(operations) => operations.sample(input),
        }
    }
}

impl Chance {
    fn new(probability: f64) -> Self {
        let threshold = Threshold::from_probability(probability).ok();
        Self(threshold.map(|t| Consistent::new(t.with_precision(PRECISION))))
    }

    fn decide(&self, input: &SamplingInput<'_>) -> Decision {
        self.0.as_ref().map_or(Decision::DROP, |c| c.decide(input))
    }
}

impl Operations {
    fn new(strategy: &PerOperation, before: Option<&Self>, clock: &Clock) -> Self {
        let own = Self {
            default: Chance::new(strategy.default_probability),
            lower_bound: strategy.lower_bound,
            known: RwLock::default(),
            clock: clock.clone(),
        };
        let mut known = HashMap::new();
        if let Some(before) = before {
            // Met earlier; what is listed now replaces it below.
            for (name, o) in before.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
                let operation = Operation { chance: own.default.clone(), at_least: o.at_least.clone() };
                known.insert(name.clone(), operation);
            }
        }
        for o in &strategy.operations {
            let chance = Chance::new(o.probability);
            if let Some(operation) = known.get_mut(&o.operation) {
                operation.chance = chance;
            } else if known.len() < MAX_OPERATIONS {
                known.insert(o.operation.clone(), own.operation(chance));
            }
        }
        Self { known: RwLock::new(known), ..own }
    }

    fn operation(&self, chance: Chance) -> Operation {
        let at_least = TokenBucket::new(self.lower_bound, self.lower_bound, self.clock.clone());
        Operation { chance, at_least: Arc::new(at_least) }
    }

    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(operation) = known.get(input.name) {
                return operation.sample(input);
            }
            if known.len() >= MAX_OPERATIONS {
                return self.default.decide(input);
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let operation =
            known.entry(input.name.to_owned()).or_insert_with(|| self.operation(self.default.clone()));
        operation.sample(input)
    }
}

impl Operation {
    /// By chance; or, if it has been too long since the last one, because of the lower bound. As in Jaeger's own
    /// samplers, what is sampled by chance counts towards the bound.
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let by_chance = self.chance.decide(input);
        let due = self.at_least.take();
        if by_chance.is_sampled() || !due { by_chance } else { uncounted(true, input) }
    }
}

/// A decision of which nobody knows the probability.
fn uncounted(sample: bool, input: &SamplingInput<'_>) -> Decision {
    let state = input.parent.map_or(TraceState::EMPTY, |p| p.trace_state.clone());
    match state.is_empty() {
        true => Decision::sample_if(sample),
        false => Decision::sample_if(sample).with_trace_state(OtelTraceState::without_threshold(state)),
    }
}
