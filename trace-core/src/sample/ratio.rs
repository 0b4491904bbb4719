//! A share of the traces, chosen by their id.

use crate::signal::{Decision, Sampler, SamplingInput};

/// The bits of a trace id that are random: the low 56 (W3C Trace Context level 2, section 3.2.2.3.1). The version
/// and variant of a UUID lie above them.
const RANDOM_BITS: u32 = 56;
const RANDOM_MASK: u64 = (1 << RANDOM_BITS) - 1;

/// A sampling ratio is not a number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("sampling ratio must be from 0 to 1, got {0}")]
pub struct InvalidRatio(pub f64);

/// Samples a share of the traces. All processes with the same ratio choose the same traces, and one with a higher
/// ratio chooses those of a lower one too. Made for roots: put it into [`ParentBased`](super::ParentBased) so that
/// children follow their parent.
///
/// The id is compared as in OpenTelemetry's `ProbabilitySampler`, whose threshold is `(1 - ratio) * 2^56`. The
/// `TraceIdRatioBased` of `opentelemetry_sdk` 0.33 reads bits that UUID version 4 fixes: of such ids it samples none
/// up to a ratio of one half, and all from three quarters on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioSampler {
    ratio: f64,
    threshold: u64,
}

impl RatioSampler {
    /// Samples this share, from 0 (none) to 1 (all). A ratio above 0 samples at least one id in 2^56.
    ///
    /// # Errors
    /// If the ratio is NaN or outside of 0 to 1.
    pub fn new(ratio: f64) -> Result<Self, InvalidRatio> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(InvalidRatio(ratio));
        }
        let all = 1u64 << RANDOM_BITS;
        // Scaling by a power of two is exact, so a small ratio keeps all its digits.
        let kept = (ratio * all as f64).round() as u64;
        let kept = if ratio > 0.0 { kept.max(1) } else { 0 };
        Ok(Self { ratio, threshold: all - kept })
    }

    /// The ratio.
    pub fn ratio(&self) -> f64 {
        self.ratio
    }
}

impl Sampler for RatioSampler {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        let randomness = input.trace_id.to_u128() as u64 & RANDOM_MASK;
        Decision::sample_if(randomness >= self.threshold)
    }

    fn description(&self) -> String {
        format!("MplpRatioSampler{{{}}}", self.ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanKind, TraceId};

    fn samples(sampler: &RatioSampler, trace_id: TraceId) -> bool {
        sampler.sample(&SamplingInput::new(trace_id, "op", SpanKind::Server)).is_sampled()
    }

    fn v4_ids(n: usize) -> impl Iterator<Item = TraceId> {
        (0..n).map(|_| TraceId::new(uuid::Uuid::new_v4().as_u128()).unwrap())
    }

    #[test]
    fn the_share_of_uuid_v4_ids_is_the_ratio() {
        const N: usize = 200_000;
        let ids: Vec<TraceId> = v4_ids(N).collect();
        for ratio in [0.0, 0.0001, 0.01, 0.1, 0.3, 0.5, 0.75, 0.99, 1.0] {
            let sampler = RatioSampler::new(ratio).unwrap();
            let sampled = ids.iter().filter(|id| samples(&sampler, **id)).count() as f64;
            let expected = N as f64 * ratio;
            // Six standard deviations of the binomial distribution: one failure in 500 million runs.
            let margin = 6.0 * (expected * (1.0 - ratio)).sqrt();
            assert!((sampled - expected).abs() <= margin, "{ratio}: {sampled} of {N}");
        }
    }

    #[test]
    fn a_higher_ratio_keeps_what_a_lower_one_keeps() {
        let [low, high] = [0.1, 0.3].map(|r| RatioSampler::new(r).unwrap());
        assert!(v4_ids(10_000).all(|id| !samples(&low, id) || samples(&high, id)));
    }

    #[test]
    fn thresholds_are_those_of_the_specification() {
        // th:8 is 50 %, th:c is 25 %, th:fd70a4 is 1 % to six digits.
        for (ratio, threshold) in [(1.0, 0), (0.5, 0x80 << 48), (0.25, 0xc0 << 48), (0.0, 1 << 56)] {
            assert_eq!(RatioSampler::new(ratio).unwrap().threshold, threshold);
        }
        assert_eq!(RatioSampler::new(0.01).unwrap().threshold >> 32, 0xfd70a3);
        let edge = |low: u128| TraceId::new(1 << 100 | low).unwrap();
        let half = RatioSampler::new(0.5).unwrap();
        assert!(samples(&half, edge(0x80 << 48)) && !samples(&half, edge((0x80 << 48) - 1)));
        let tiny = RatioSampler::new(1e-300).unwrap();
        assert!(samples(&tiny, edge(u128::from(RANDOM_MASK))) && !samples(&tiny, edge(0)));
    }

    #[test]
    fn what_is_not_a_ratio_is_refused_with_its_value() {
        for bad in [-0.1, 1.000_001, 10.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = RatioSampler::new(bad).unwrap_err();
            assert!(error.to_string().ends_with(&bad.to_string()), "{error}");
        }
        assert_eq!(RatioSampler::new(0.1).unwrap().description(), "MplpRatioSampler{0.1}");
    }
}
