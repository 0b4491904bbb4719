//! Sampling strategies over gRPC: read or refused, and every number that is read can be sampled with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::sample::remote::Strategy;
use trace_exporters::jaeger_remote::fuzzing::strategy;

fuzz_target!(|input: &[u8]| {
    let is_probability = |p: f64| (0.0..=1.0).contains(&p);
    match strategy(input) {
        None => {}
        Some(Strategy::Probabilistic(p)) => assert!(is_probability(p)),
        Some(Strategy::RateLimiting(rate)) => assert!(rate.is_finite() && rate >= 0.0),
        Some(Strategy::PerOperation(all)) => {
            assert!(is_probability(all.default_probability));
            assert!(all.lower_bound.is_finite() && all.lower_bound >= 0.0);
            assert!(
                all.operations.len() <= 2000 && all.operations.iter().all(|o| is_probability(o.probability))
            );
        }
    }
});
