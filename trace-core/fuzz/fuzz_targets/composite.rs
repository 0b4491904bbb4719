//! All formats at once, also through the `opentelemetry` API and back.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trace_core::propagate::CompositePropagator;
use trace_core::propagate::otel::{FromTextMap, ToTextMap};
use trace_core_fuzz::check_after;

const ALL: &str = "b3,b3multi,jaeger,xray,correlation,tracecontext,baggage";

fn all() -> CompositePropagator {
    CompositePropagator::from_env(|_| Some(ALL.to_owned())).0
}

static OURS: LazyLock<CompositePropagator> = LazyLock::new(all);
static THERE_AND_BACK: LazyLock<FromTextMap<ToTextMap<CompositePropagator>>> =
    LazyLock::new(|| FromTextMap::new(ToTextMap::new(all())));

fuzz_target!(|input: &[u8]| {
    check_after(2, &*OURS, input);
    check_after(2, &*THERE_AND_BACK, input);
});
