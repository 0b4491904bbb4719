//! `b3`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::propagate::B3Propagator;
use trace_core_fuzz::check;

fuzz_target!(|input: &[u8]| check(&B3Propagator::SINGLE, input));
