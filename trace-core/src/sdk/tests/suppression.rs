//! Exporting is not traced into itself, whichever door the exporter's libraries use.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

use crate::pipeline::Pipeline;
use crate::record::otel::TracerProvider;
use crate::sdk::{OfficialSpanExporter, PipelineSpanProcessor};
use crate::signal;
use crate::span;
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

/// Records through every door when it is called.
#[derive(Clone, Default)]
struct Doors(Arc<OnceLock<(Arc<Pipeline>, SdkTracerProvider)>>);

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Doors")
    }
}

impl Doors {
    fn record(&self) {
        let (pipeline, theirs) = self.0.get().unwrap();
        drop(span!(recorder: pipeline.recorder(), "macro"));
        TracerProvider::new(pipeline.recorder().clone()).tracer("api").start("api").end();
        theirs.tracer("sdk").start("sdk").end();
        #[cfg(feature = "tracing")]
        {
            use tracing_subscriber::layer::SubscriberExt;
            let layer = crate::record::tracing_layer::TraceLayer::new(pipeline.recorder().clone());
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
                let _entered = tracing::info_span!("tracing").entered();
            });
        }
    }

    fn open(&self, pipeline: &Arc<Pipeline>) {
        let processor = PipelineSpanProcessor::new(pipeline.clone());
        let theirs = SdkTracerProvider::builder().with_span_processor(processor).build();
        assert!(self.0.set((pipeline.clone(), theirs)).is_ok());
    }
}

impl SpanExporter for Doors {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        self.record();
        Ok(())
    }
}

#[async_trait::async_trait]
impl signal::SpanExporter for Doors {
    async fn export(&self, _: &crate::batch::SpanBatch) -> Result<(), signal::ExportError> {
        self.record();
        // A task of the destination's runtime is on the same thread.
        let doors = self.clone();
        tokio::spawn(async move { doors.record() }).await.unwrap();
        Ok(())
    }
}

#[test]
fn neither_an_official_exporter_nor_one_of_ours_is_traced_through_any_door() {
    let (official, ours) = (Doors::default(), Doors::default());
    let pipeline = Pipeline::builder()
        .export_spans("official", OfficialSpanExporter::new(official.clone()))
        .export_spans("ours", ours.clone())
        .start()
        .unwrap();
    let pipeline = Arc::new(pipeline);
    official.open(&pipeline);
    ours.open(&pipeline);
    pipeline.recorder().span("work").start().end();
    pipeline.flush(LONG).unwrap();
    pipeline.flush(LONG).unwrap();
    assert_eq!(pipeline.shutdown(LONG).unwrap().ledger.received, 1);
    // And the doors are open elsewhere: after the shutdown each span is counted as lost.
    official.record();
    let doors = if cfg!(feature = "tracing") { 4 } else { 3 };
    assert_eq!(pipeline.ledger().dropped["after_shutdown"], doors);
}

#[test]
fn a_context_that_suppresses_telemetry_does_so_for_the_macro_too() {
    let out = CaptureExporter::new();
    let pipeline = Pipeline::builder().export_spans("out", out.clone()).start().unwrap();
    let tracer = TracerProvider::new(pipeline.recorder().clone()).tracer("the API is in use");
    {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        let outer = span!(recorder: pipeline.recorder(), "hidden");
        assert!(!outer.is_recording());
        tracer.start("hidden").end();
        pipeline.recorder().span("hidden").start().end();
    }
    drop(span!(recorder: pipeline.recorder(), "seen"));
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(out.spans().iter().map(|s| s.name.to_string()).collect::<Vec<_>>(), ["seen"]);
}

#[test]
fn a_thread_that_ran_an_exporter_records_again_afterwards() {
    // Outside of a runtime an official exporter runs on the caller's thread.
    #[derive(Debug, Default)]
    struct Suppressed(Arc<Mutex<Vec<bool>>>);
    impl SpanExporter for Suppressed {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().push(Context::is_current_telemetry_suppressed());
            Ok(())
        }
    }
    let pipeline = Pipeline::builder().start().unwrap();
    let seen = Suppressed::default();
    let saw = seen.0.clone();
    let exporter = OfficialSpanExporter::new(seen);
    let batch = crate::batch::SpanBatch::from_spans(Arc::default(), []);
    crate::sdk::hosted::block_on(signal::SpanExporter::export(&exporter, &batch)).unwrap();
    assert_eq!(*saw.lock().unwrap(), [true]);
    assert!(!Context::is_current_telemetry_suppressed());
    assert!(span!(recorder: pipeline.recorder(), "seen").is_recording());
}
