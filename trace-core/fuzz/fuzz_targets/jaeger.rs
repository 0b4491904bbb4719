//! `uber-trace-id`, `uberctx-*` and `jaeger-baggage`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::propagate::JaegerPropagator;
use trace_core_fuzz::check;

fuzz_target!(|input: &[u8]| check(&JaegerPropagator, input));
