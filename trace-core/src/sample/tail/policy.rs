//! Reasons to keep a trace.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::anomalous::AnomalousTraces;
use super::slow::OperationDurations;
use super::trace::{TraceView, is_entry};
use super::vote::{Verdict, Vote};
use crate::batch::SpanRef;
use crate::clock::Clock;
use crate::model::Value;
use crate::sample::token_bucket::TokenBucket;
use crate::sample::{InvalidRate, InvalidRatio, Threshold};

type Test = dyn Fn(&TraceView<'_>) -> Vote + Send + Sync;

/// A reason to keep a trace.
#[derive(Clone)]
pub struct Policy(Kind);

#[derive(Clone)]
enum Kind {
    Test(Arc<Test>),
    Slow(Arc<Mutex<OperationDurations>>),
    Any(Vec<Kind>),
    All(Vec<Kind>),
    Not(Box<Kind>),
}

impl Policy {
    /// A reason of your own. Called on the pipeline's thread.
    pub fn new(test: impl Fn(&TraceView<'_>) -> Vote + Send + Sync + 'static) -> Self {
        Self(Kind::Test(Arc::new(test)))
    }

    /// A span has the error status.
    pub fn error() -> Self {
        Self::new(|trace| Vote::certain_if(trace.spans().any(|s| s.is_error())))
    }

    /// The trace took longer, from the first start to the last end in this process.
    pub fn slower_than(limit: Duration) -> Self {
        Self::new(move |trace| Vote::certain_if(trace.duration() > limit))
    }

    /// A local root took longer than this quantile (0 to 1) of the durations of its operation over the last five to
    /// ten minutes. Keeps nothing of an operation before 100 durations were seen, and looks at up to 1000
    /// operations.
    pub fn slower_than_usual(quantile: f64) -> Self {
        Self(Kind::Slow(Arc::new(Mutex::new(OperationDurations::new(quantile)))))
    }

    /// Somebody marked the trace before it was decided on.
    pub fn anomalous(marked: AnomalousTraces) -> Self {
        Self::new(move |trace| Vote::certain_if(marked.contains(trace.trace_id())))
    }

    /// A span has an attribute of this value.
    pub fn attribute(key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        let matches = move |s: SpanRef<'_>| s.attribute(&key).is_some_and(|v| v == value.as_ref());
        Self::new(move |trace| Vote::certain_if(trace.spans().any(&matches)))
    }

    /// This share of all traces, consistently and counting what the head sampler did already: of traces that were
    /// sampled at the head with less, all are kept.
    ///
    /// # Errors
    /// If the share is not a number above 0 and up to 1.
    pub fn probability(share: f64) -> Result<Self, InvalidRatio> {
        let threshold =
            Threshold::from_probability(share)?.with_precision(crate::sample::consistent::PRECISION);
        Ok(Self::new(move |_| Vote::Keep(threshold)))
    }

    /// This share of the traces that the head sampler let through, consistently.
    ///
    /// # Errors
    /// If the share is not a number above 0 and up to 1.
    pub fn share(share: f64) -> Result<Self, InvalidRatio> {
        let threshold = Threshold::from_probability(share)?;
        Ok(Self::new(move |_| Vote::Share(threshold)))
    }

    /// At most this many traces a second, whatever they are; by the system's clock. How many a kept trace stands for is
    /// then unknown, and its threshold is erased.
    ///
    /// # Errors
    /// If the rate is negative or not finite.
    pub fn rate_limit(traces_per_second: f64) -> Result<Self, InvalidRate> {
        Self::rate_limit_with(traces_per_second, Clock::system())
    }

    /// The same by this clock.
    ///
    /// # Errors
    /// If the rate is negative or not finite.
    pub fn rate_limit_with(traces_per_second: f64, clock: Clock) -> Result<Self, InvalidRate> {
        if !(traces_per_second >= 0.0 && traces_per_second.is_finite()) {
            return Err(InvalidRate(traces_per_second));
        }
        let bucket = TokenBucket::new(traces_per_second, traces_per_second, clock);
        Ok(Self::new(move |_| Vote::Uncounted(bucket.take())))
    }

    /// This reason or another. The other is not asked if this one is certain.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(match self.0 {
            Kind::Any(mut all) => {
                all.push(other.0);
                Kind::Any(all)
            }
            one => Kind::Any(vec![one, other.0]),
        })
    }

    /// This reason and another. The other is not asked if this one does not hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(match self.0 {
            Kind::All(mut all) => {
                all.push(other.0);
                Kind::All(all)
            }
            one => Kind::All(vec![one, other.0]),
        })
    }

    /// Not this reason.
    #[must_use]
    pub fn negate(self) -> Self {
        Self(Kind::Not(Box::new(self.0)))
    }

    /// What it wants for a trace.
    pub(super) fn vote(&self, trace: &TraceView<'_>) -> Vote {
        self.0.vote(trace)
    }

    /// Takes a span in before its trace is decided on; `now` is the time since the start.
    pub(super) fn observe(&self, span: &SpanRef<'_>, now: Duration) {
        self.0.observe(span, now);
    }
}

impl Kind {
    fn vote(&self, trace: &TraceView<'_>) -> Vote {
        let r = trace.randomness;
        match self {
            Self::Test(test) => test(trace).over(trace.head),
            Self::Slow(durations) => {
                let mut durations = durations.lock().unwrap_or_else(PoisonError::into_inner);
                let mut entries = trace.spans().filter(is_entry);
                Vote::certain_if(entries.any(|s| durations.is_slow(s.name(), s.duration())))
            }
            Self::Any(kinds) => {
                let mut vote = Vote::Drop;
                for kind in kinds {
                    vote = vote.or(kind.vote(trace), r);
                    if vote == Vote::CERTAIN {
                        break;
                    }
                }
                vote
            }
            Self::All(kinds) => {
                let mut vote = Vote::CERTAIN;
                for kind in kinds {
                    // What is dropped by now takes nothing from a rate limit that follows.
                    if vote.verdict(r) == Verdict::Dropped {
                        break;
                    }
                    vote = vote.and(kind.vote(trace), r);
                }
                vote
            }
            Self::Not(kind) => kind.vote(trace).negated(r),
        }
    }

    fn observe(&self, span: &SpanRef<'_>, now: Duration) {
        match self {
            Self::Test(_) => {}
            Self::Slow(durations) => {
                if is_entry(span) {
                    let mut durations = durations.lock().unwrap_or_else(PoisonError::into_inner);
                    durations.observe(span.name(), span.duration(), now);
                }
            }
            Self::Any(kinds) | Self::All(kinds) => kinds.iter().for_each(|k| k.observe(span, now)),
            Self::Not(kind) => kind.observe(span, now),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Policy")
    }
}
