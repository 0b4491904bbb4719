//! Consistent sampling as a whole.

use proptest::prelude::*;

use super::*;
use crate::model::{KeyValue, SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState};
use crate::sample::{AlwaysOff, AlwaysOn, ParentBased, RateLimiting};
use crate::signal::{Decision, Sampler, SamplingInput, StartAttributes};

fn root(id: u128) -> SamplingInput<'static> {
    SamplingInput::new(TraceId::from_random(id), "op", SpanKind::Server)
}

fn parent(id: u128, sampled: bool, state: &str) -> SpanContext {
    let flags = TraceFlags::default().with_sampled(sampled);
    SpanContext {
        trace_state: TraceState::parse([state]).unwrap(),
        is_remote: true,
        ..SpanContext::new(TraceId::from_random(id), SpanId::MAX, flags)
    }
}

fn state(d: &Decision) -> &str {
    d.trace_state.as_ref().map_or("", TraceState::as_str)
}

/// `SplitMix64`: numbers that are the same in every run.
fn random(seed: u64) -> impl FnMut() -> u128 {
    let mut x = seed;
    let mut next = move || {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    move || u128::from(next()) << 64 | u128::from(next())
}

proptest! {
    #[test]
    fn a_child_with_a_higher_probability_keeps_what_its_parent_kept(
        id: u128, low in 1e-4f64..=1.0, high in 1e-4f64..=1.0, rv in prop::option::of(0u64..1 << 56),
    ) {
        let (low, high) = (low.min(high), low.max(high));
        let [low, high] = [low, high].map(|p| ProbabilitySampler::new(p).unwrap());
        let rv = rv.map(|rv| format!("ot=rv:{rv:014x};x:1")).unwrap_or_default();
        let above = parent(id, true, &rv);
        let kept = low.sample(&root(id).under(Some(&above)));
        prop_assume!(kept.is_sampled());
        let below = SpanContext { trace_state: kept.trace_state.unwrap(), ..above };
        let child = high.sample(&root(id).under(Some(&below)));
        prop_assert!(child.is_sampled());
        let ot = OtelTraceState::of(child.trace_state.as_ref().unwrap());
        prop_assert_eq!(ot.threshold, Some(high.threshold()));
        let given = OtelTraceState::of(&TraceState::parse([rv.as_str()]).unwrap());
        prop_assert_eq!(ot.randomness(), given.randomness(), "rv is never overwritten");
    }

    #[test]
    fn what_is_kept_carries_its_threshold_and_what_is_not_carries_none(
        id: u128, p in 1e-3f64..=1.0, rv in 0u64..1 << 56, th in 0u64..1 << 56,
    ) {
        let sampler = ProbabilitySampler::new(p).unwrap();
        let above = parent(id, true, &format!("a=1,ot=th:{th:x};rv:{rv:014x};x:1"));
        let d = sampler.sample(&root(id).under(Some(&above)));
        let ot = OtelTraceState::of(d.trace_state.as_ref().unwrap());
        prop_assert_eq!(d.is_sampled(), sampler.threshold().keeps(Randomness::from_bits(rv)));
        prop_assert_eq!(ot.threshold, d.is_sampled().then_some(sampler.threshold()));
        prop_assert_eq!(ot.randomness(), Some(Randomness::from_bits(rv)));
        prop_assert!(state(&d).ends_with("x:1,a=1"));
    }

    #[test]
    fn a_composite_of_a_probability_is_that_probability(id: u128, p in 1e-3f64..=1.0) {
        let plain = ProbabilitySampler::new(p).unwrap();
        let composite = Composite::new(ParentThreshold::new(plain.clone()));
        prop_assert_eq!(composite.sample(&root(id)), plain.sample(&root(id)));
    }
}

#[test]
fn counts_made_from_what_is_kept_are_those_of_the_whole() {
    const TRACES: usize = 200_000;
    // A caller that keeps a half, and three services behind it that keep less, more, and follow.
    let (head, less) = (ProbabilitySampler::new(0.5).unwrap(), ProbabilitySampler::new(0.07).unwrap());
    let less = ParentBased::new(AlwaysOn).remote_parent_sampled(less);
    let (more, follow) = (ProbabilitySampler::new(0.8).unwrap(), ParentBased::new(AlwaysOn));
    let services: [&dyn Sampler; 3] = [&less, &more, &follow];
    let mut next = random(7);
    let (mut counts, mut squares) = ([0.0; 4], [0.0; 4]);
    for _ in 0..TRACES {
        let id = next();
        let above = head.sample(&root(id));
        let context = SpanContext {
            trace_state: above.trace_state.clone().unwrap_or_default(),
            ..parent(id, above.is_sampled(), "")
        };
        let below = services.map(|s| s.sample(&root(id).under(Some(&context))));
        for (i, d) in std::iter::once(above).chain(below).enumerate().filter(|(_, d)| d.is_sampled()) {
            let inherited = d.trace_state.unwrap_or_else(|| context.trace_state.clone());
            let weight = OtelTraceState::threshold_of(&inherited).unwrap().adjusted_count();
            counts[i] += weight;
            squares[i] += weight * weight;
        }
    }
    for (count, squares) in counts.into_iter().zip(squares) {
        // Six standard deviations of a Horvitz-Thompson sum.
        let margin = 6.0 * f64::sqrt(squares);
        assert!((count - TRACES as f64).abs() < margin, "{counts:?}");
    }
}

#[test]
fn rules_decide_in_order_and_what_none_holds_for_is_dropped() {
    let rules = RuleBased::new()
        .rule(Predicate::name("/health"), AlwaysOff)
        .rule(
            Predicate::attribute("tier", "gold"),
            Annotating::new(AlwaysOn, [KeyValue::new("rule", "gold")]),
        )
        .rule(Predicate::kind(SpanKind::Client), RateLimiting::new(1e6).unwrap())
        .rule(Predicate::kind(SpanKind::Server), ProbabilitySampler::new(0.5).unwrap());
    let sampler = Composite::new(ParentThreshold::new(rules));
    let ask = |name, kind, attributes: &[KeyValue]| {
        // The highest randomness: everything that is not dropped is kept.
        let input = SamplingInput::new(TraceId::new(u128::MAX).unwrap(), name, kind);
        sampler.sample(&input.with_attributes(StartAttributes::of(attributes)))
    };
    let gold = [KeyValue::new("tier", "gold")];
    assert!(!ask("/health", SpanKind::Server, &gold).is_sampled());
    let d = ask("/pay", SpanKind::Server, &gold);
    assert_eq!((state(&d), &*d.attributes), ("ot=th:0", &[KeyValue::new("rule", "gold")][..]));
    assert_eq!(state(&ask("/pay", SpanKind::Server, &[])), "ot=th:8");
    let d = ask("/pay", SpanKind::Client, &[]);
    assert!(d.is_sampled() && state(&d).is_empty(), "a rate limit has no known probability");
    assert!(!ask("/pay", SpanKind::Internal, &[]).is_sampled());
    assert_eq!(
        sampler.description(),
        "CompositeSampler{ComposableParentThreshold{root=ComposableRuleBased{(name=/health:ComposableAlwaysOff),\
         (tier=gold:ComposableAnnotating{ComposableAlwaysOn,attributes=rule}),\
         (kind=client:RateLimitingSampler{1000000}),(kind=server:ComposableProbability{0.5})}}}"
    );
}

#[test]
fn children_of_a_composite_get_the_threshold_of_their_parent_or_none() {
    let sampler = Composite::new(ParentThreshold::new(AlwaysOff));
    let child = |sampled, above: &str| {
        let above = parent(0x80 << 48, sampled, above);
        let d = sampler.sample(&root(0x80 << 48).under(Some(&above)));
        d.is_sampled().then(|| state(&d).to_owned())
    };
    assert_eq!(child(true, "a=1,ot=th:8").as_deref(), Some("a=1,ot=th:8"));
    assert_eq!(child(true, "a=1").as_deref(), Some("a=1"));
    assert_eq!(child(true, "a=1,ot=th:c;x:1").as_deref(), Some("ot=x:1,a=1"), "it contradicts the flag");
    assert_eq!(child(false, "ot=th:8"), None);
    assert!(!sampler.sample(&root(1)).is_sampled());
}

#[test]
fn a_threshold_that_must_not_follow_the_trace_is_met_by_chance_of_its_own() {
    struct Half;
    impl ComposableSampler for Half {
        fn intent(&self, _: &SamplingInput<'_>) -> SamplingIntent {
            SamplingIntent { reliable: false, ..SamplingIntent::at("8".parse().unwrap()) }
        }
        fn describe(&self) -> String {
            "Half".to_owned()
        }
    }
    let sampler = Composite::new(Half);
    // All of the same trace, so only its own randomness can tell them apart.
    let sampled: Vec<Decision> =
        (0..1000).map(|_| sampler.sample(&root(1))).filter(|d| d.is_sampled()).collect();
    assert!((400..600).contains(&sampled.len()), "{}", sampled.len());
    assert!(sampled.iter().all(|d| state(d).is_empty()));
}
