//! The `opentelemetry` API as a further door.

use trace_core::metric::MeterRegistry;
use trace_core::metric::otel::MeterProvider;
use trace_core::propagate::{self, otel::ToTextMap};
use trace_core::record::Recorder;
use trace_core::record::otel::TracerProvider;

/// Makes `opentelemetry::global::tracer` and `meter` record here, and its propagator that of this process.
pub(super) fn install(recorder: &Recorder, metrics: &MeterRegistry) {
    opentelemetry::global::set_meter_provider(MeterProvider::new(metrics.clone()));
    opentelemetry::global::set_tracer_provider(TracerProvider::new(recorder.clone()));
    opentelemetry::global::set_text_map_propagator(ToTextMap::new(propagate::global()));
}
