//! The sampler of `OTEL_TRACES_SAMPLER=traceidratio`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Randomness, Threshold};
use crate::signal::{Decision, Sampler, SamplingInput};

/// OpenTelemetry's `TraceIdRatioBased`: a share of the traces by their id, without a threshold in the trace state, so
/// that spans cannot be counted. Deprecated there in favour of [`ProbabilitySampler`](super::ProbabilitySampler), but
/// the cheapest way to keep a share of the spans: they stay in the ring.
///
/// The specification leaves the algorithm open, and asks that it be used for roots only. This one compares the low 56
/// bits of the id, and so chooses the traces that a [`ProbabilitySampler`](super::ProbabilitySampler) chooses. That of
/// `opentelemetry_sdk` 0.33 reads bits that UUID version 4 fixes: of our ids it samples none up to a ratio of one half,
/// and all from three quarters on.
#[derive(Debug)]
pub struct TraceIdRatioBased {
    ratio: f64,
    threshold: Option<Threshold>,
    saw_parent: AtomicBool,
}

impl TraceIdRatioBased {
    /// Samples this share. As in the SDK, a ratio below 0 counts as 0 and one above 1 as 1; NaN counts as 0.
    pub fn new(ratio: f64) -> Self {
        let ratio = if ratio.is_nan() { 0.0 } else { ratio.clamp(0.0, 1.0) };
        Self { ratio, threshold: Threshold::from_probability(ratio).ok(), saw_parent: AtomicBool::new(false) }
    }

    /// Whether it was ever asked for a span with a parent, which the specification wants to be warned of: put it
    /// into [`ParentBased`](super::ParentBased).
    pub fn saw_parent(&self) -> bool {
        self.saw_parent.load(Ordering::Relaxed)
    }
}

impl Sampler for TraceIdRatioBased {
    fn sample(&self, input: &SamplingInput<'_>) -> Decision {
        if input.parent.is_some() && !self.saw_parent() {
            self.saw_parent.store(true, Ordering::Relaxed);
        }
        let randomness = Randomness::of_trace(input.trace_id);
        Decision::sample_if(self.threshold.is_some_and(|t| t.keeps(randomness)))
    }

    fn description(&self) -> String {
        format!("TraceIdRatioBased{{{:.6}}}", self.ratio)
    }
}

#[cfg(test)]
#[cfg(feature = "otel")]
mod sdk_tests {
    use opentelemetry_sdk::trace::{Sampler as SdkSampler, SamplingDecision, ShouldSample};
    use proptest::prelude::*;

    use super::*;
    use crate::model::{SpanKind, TraceId};

    fn ours(ratio: f64, id: u128) -> bool {
        let id = TraceId::new(id).unwrap();
        TraceIdRatioBased::new(ratio).sample(&SamplingInput::new(id, "op", SpanKind::Internal)).is_sampled()
    }

    fn sdk(ratio: f64, id: u128) -> bool {
        let kind = opentelemetry::trace::SpanKind::Internal;
        let result = SdkSampler::TraceIdRatioBased(ratio).should_sample(
            None,
            opentelemetry::TraceId::from_bytes(id.to_be_bytes()),
            "op",
            &kind,
            &[],
            &[],
        );
        result.decision == SamplingDecision::RecordAndSample
    }

    proptest! {
        #[test]
        fn all_and_none_and_what_is_out_of_range_are_as_in_the_sdk(id in 1u128.., ratio in prop_oneof![
            Just(0.0), Just(1.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY), 1.0f64..9.0, -9.0f64..=0.0,
        ]) {
            prop_assert_eq!(ours(ratio, id), sdk(ratio, id));
        }

        #[test]
        fn a_higher_ratio_samples_what_a_lower_one_samples(id in 1u128.., a in 0.0f64..=1.0, b in 0.0f64..=1.0) {
            for sampler in [ours, sdk] {
                prop_assert!(!sampler(a.min(b), id) || sampler(a.max(b), id));
            }
        }
    }

    #[test]
    fn random_ids_are_sampled_in_the_same_share_as_by_the_sdk() {
        const N: u32 = 20_000;
        let ids: Vec<u128> = {
            let mut x: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
            let next = |_| {
                x = x
                    .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
                    .wrapping_add(0x5851_f42d_4c95_7f2d);
                x.rotate_left((x >> 122) as u32) | 1 << 127
            };
            (0..N).map(next).collect()
        };
        for ratio in [0.01, 0.1, 0.5, 0.9] {
            // Six standard deviations of the binomial distribution.
            let margin = 6.0 * (f64::from(N) * ratio * (1.0 - ratio)).sqrt();
            for sampler in [ours, sdk] {
                let sampled = ids.iter().filter(|id| sampler(ratio, **id)).count() as f64;
                assert!((sampled - f64::from(N) * ratio).abs() < margin, "{ratio}: {sampled}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanKind, TraceId};

    #[test]
    fn the_description_is_that_of_the_specification_and_a_parent_is_noticed() {
        let sampler = TraceIdRatioBased::new(0.0001);
        assert_eq!(sampler.description(), "TraceIdRatioBased{0.000100}");
        let parent = crate::model::SpanContext::new(
            TraceId::MIN,
            crate::model::SpanId::MAX,
            crate::model::TraceFlags::SAMPLED,
        );
        let input = SamplingInput::new(TraceId::MIN, "op", SpanKind::Internal);
        sampler.sample(&input);
        assert!(!sampler.saw_parent());
        sampler.sample(&input.under(Some(&parent)));
        assert!(sampler.saw_parent());
    }
}
