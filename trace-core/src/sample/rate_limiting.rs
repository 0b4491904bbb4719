//! So many traces a second.

use super::token_bucket::TokenBucket;
use super::{ComposableSampler, OtelTraceState, SamplingIntent};
use crate::clock::Clock;
use crate::signal::{Decision, Sampler, SamplingInput};

/// A rate is not a number of traces a second.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("traces per second must be a number from 0 up, got {0}")]
pub struct InvalidRate(pub f64);

/// Samples so many traces a second at most: a token bucket that holds one second's worth, and at least one trace.
///
/// With what probability a trace was sampled is then unknown. No threshold is written, one that is there is erased,
/// and metrics made from the spans count only those that were recorded. Put it into
/// [`AlwaysRecord`](super::AlwaysRecord) if they have to be right, or use [`Adaptive`](super::Adaptive), which keeps
/// to a budget with a probability that is known.
#[derive(Debug)]
pub struct RateLimiting {
    per_second: f64,
    bucket: TokenBucket,
}

impl RateLimiting {
    /// Samples at most this many traces a second.
    ///
    /// # Errors
    /// If it is negative or not finite.
    pub fn new(per_second: f64) -> Result<Self, InvalidRate> {
        Self::with_clock(per_second, Clock::system())
    }

    /// The same by this clock.
    ///
    /// # Errors
    /// If the rate is negative or not finite.
    pub fn with_clock(per_second: f64, clock: Clock) -> Result<Self, InvalidRate> {
        if !(per_second >= 0.0 && per_second.is_finite()) {
            return Err(InvalidRate(per_second));
        }
        Ok(Self { per_second, bucket: TokenBucket::new(per_second, per_second, clock) })
    }
}

impl Sampler for RateLimiting {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let decision = Decision::sample_if(self.bucket.take());
        match input.parent.map(|p| &p.trace_state).filter(|s| !s.is_empty()) {
            Some(state) => decision.with_trace_state(OtelTraceState::without_threshold(state.clone())),
            None => decision,
        }
    }

    fn description(&self) -> String {
        format!("RateLimitingSampler{{{}}}", self.per_second)
    }
}

impl ComposableSampler for RateLimiting {
    fn intent(&self, _: &SamplingInput<'_>) -> SamplingIntent {
        if self.bucket.take() { SamplingIntent::uncounted() } else { SamplingIntent::DROP }
    }

    fn describe(&self) -> String {
        self.description()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{SpanContext, SpanId, SpanKind, Timestamp, TraceFlags, TraceId, TraceState};

    #[test]
    fn an_hour_of_traffic_is_held_to_the_rate() {
        let (clock, time) = Clock::manual(Timestamp::from_unix_secs(1));
        let sampler = RateLimiting::with_clock(2.5, clock).unwrap();
        let input = SamplingInput::new(TraceId::MIN, "op", SpanKind::Server);
        let mut sampled = 0u32;
        for _ in 0..360_000 {
            sampled += u32::from(Sampler::sample(&sampler, &input).is_sampled());
            time.advance(Duration::from_millis(10));
        }
        // One burst of at most 2.5, and 9000 an hour.
        assert!((9000..=9003).contains(&sampled), "{sampled}");
        assert_eq!(sampler.description(), "RateLimitingSampler{2.5}");
    }

    #[test]
    fn a_threshold_is_erased_for_the_probability_is_unknown() {
        let sampler = RateLimiting::new(1e6).unwrap();
        let parent = SpanContext {
            trace_state: TraceState::parse(["ot=th:8;rv:80000000000000,a=1"]).unwrap(),
            ..SpanContext::new(TraceId::MIN, SpanId::MAX, TraceFlags::SAMPLED)
        };
        let input = SamplingInput::new(TraceId::MIN, "op", SpanKind::Server).under(Some(&parent));
        let decision = sampler.sample(&input);
        assert_eq!(decision.trace_state.unwrap().as_str(), "ot=rv:80000000000000,a=1");
        assert!(!sampler.intent(&input).reliable);
    }

    #[test]
    fn a_rate_that_is_no_rate_is_refused() {
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(RateLimiting::new(bad).is_err());
        }
    }
}
