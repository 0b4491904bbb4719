//! `x-correlation-id`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::propagate::CorrelationPropagator;
use trace_core_fuzz::check;

fuzz_target!(|input: &[u8]| check(&CorrelationPropagator::new(), input));
