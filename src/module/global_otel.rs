//! The `opentelemetry` API as a further door.

use trace_core::record::Recorder;
use trace_core::record::otel::TracerProvider;

/// Makes `opentelemetry::global::tracer` record here.
pub(super) fn install(recorder: &Recorder) {
    opentelemetry::global::set_tracer_provider(TracerProvider::new(recorder.clone()));
}
