//! `traceparent` and `tracestate`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trace_core::propagate::TraceContextPropagator;
use trace_core_fuzz::check;

fuzz_target!(|input: &[u8]| check(&TraceContextPropagator, input));
