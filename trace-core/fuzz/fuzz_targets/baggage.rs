//! `baggage`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::propagate::BaggagePropagator;
use trace_core_fuzz::check;

fuzz_target!(|input: &[u8]| check(&BaggagePropagator, input));
