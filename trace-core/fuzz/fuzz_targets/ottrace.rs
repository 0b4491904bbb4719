//! `ot-tracer-*` and `ot-baggage-*`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::propagate::OtTracePropagator;
use trace_core_fuzz::check;

fuzz_target!(|input: &[u8]| check(&OtTracePropagator, input));
