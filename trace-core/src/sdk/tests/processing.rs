//! The SDK's provider feeds our pipeline.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanProcessor};

use super::way::plain;
use crate::batch::SpanBatch;
use crate::model::{self, Resource, Value};
use crate::pipeline::{DestinationConfig, Pipeline, PipelineBuilder};
use crate::record::{Recorder, SpanLimits};
use crate::sdk::PipelineSpanProcessor;
use crate::signal::{ExportError, SpanExporter};
use crate::testing::CaptureExporter;

const LONG: Duration = Duration::from_secs(10);

/// Keeps each span with the service of its batch.
#[derive(Clone, Default)]
struct ByResource(Arc<Mutex<Vec<(String, model::SpanData)>>>);

#[async_trait::async_trait]
impl SpanExporter for ByResource {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let service = batch.resource().service_name();
        self.0.lock().unwrap().extend(batch.iter().map(|s| (service.to_owned(), s.to_span_data())));
        Ok(())
    }
}

fn setup() -> (Arc<Pipeline>, CaptureExporter, SdkTracerProvider) {
    setup_with(|p| p)
}

fn setup_with(
    more: impl FnOnce(PipelineBuilder) -> PipelineBuilder,
) -> (Arc<Pipeline>, CaptureExporter, SdkTracerProvider) {
    let out = CaptureExporter::new();
    let pipeline = Pipeline::builder()
        .recorder(Recorder::builder().resource(Resource::service("ours")))
        .export_spans("out", out.clone());
    let pipeline = Arc::new(more(pipeline).start().unwrap());
    let provider = SdkTracerProvider::builder()
        .with_resource(opentelemetry_sdk::Resource::builder_empty().with_service_name("theirs").build())
        .with_span_processor(PipelineSpanProcessor::new(pipeline.clone()))
        .build();
    (pipeline, out, provider)
}

#[test]
fn what_the_sdk_records_arrives_with_its_resource_beside_our_own_spans() {
    let by_resource = ByResource::default();
    let (pipeline, out, provider) = setup_with(|p| p.export_spans("by resource", by_resource.clone()));
    let tracer = provider.tracer("lib");
    let parent = tracer.span_builder("parent").with_kind(SpanKind::Server).start(&tracer);
    let cx = Context::new().with_span(parent);
    let mut child = tracer.start_with_context("child", &cx);
    let list = opentelemetry::Value::Array(vec![1_i64, 2].into());
    child.set_attribute(KeyValue::new("list", list));
    child.add_event("e", vec![KeyValue::new("k", true)]);
    child.set_status(Status::error("bad"));
    child.end();
    cx.span().end();
    pipeline.recorder().span("ours").start().end();
    provider.force_flush().unwrap();

    let by_service = |name: &str| {
        let seen = by_resource.0.lock().unwrap();
        seen.iter().filter(|(service, _)| service == name).map(|(_, span)| span.clone()).collect::<Vec<_>>()
    };
    assert_eq!(out.spans().len(), 3);
    let theirs = by_service("theirs");
    assert_eq!(theirs.iter().map(|s| s.name.as_ref()).collect::<Vec<_>>(), ["child", "parent"]);
    assert_eq!(theirs[0].parent_span_id, Some(theirs[1].context.span_id));
    assert_eq!(theirs[0].attributes, [model::KeyValue::new("list", Value::from(vec![1_i64, 2]))]);
    assert_eq!(theirs[0].status, model::Status::Error("bad".into()));
    assert_eq!(theirs[0].events[0].attributes, [model::KeyValue::new("k", true)]);
    assert_eq!((theirs[1].kind, theirs[1].scope.name.as_ref()), (model::SpanKind::Server, "lib"));
    assert_eq!(by_service("ours").len(), 1);
    let ledger = pipeline.shutdown(LONG).unwrap().ledger;
    assert_eq!((ledger.received, ledger.delivered, ledger.open), (3, 3, 0));
    assert!(ledger.adds_up());
}

#[test]
fn spans_that_are_recorded_but_not_sampled_are_not_exported() {
    let (pipeline, _, _) = setup();
    let processor = PipelineSpanProcessor::new(pipeline.clone());
    let mut span = plain();
    span.span_context = opentelemetry::trace::SpanContext::new(
        span.span_context.trace_id(),
        span.span_context.span_id(),
        opentelemetry::TraceFlags::NOT_SAMPLED,
        false,
        opentelemetry::trace::TraceState::NONE,
    );
    processor.on_end(span);
    let off =
        SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).with_span_processor(processor).build();
    off.tracer("lib").start("off").end();
    assert_eq!(pipeline.shutdown(LONG).unwrap().ledger.received, 0);
}

#[test]
fn a_destination_that_never_answers_does_not_hold_up_whoever_ends_a_span() {
    struct Hangs;
    #[async_trait::async_trait]
    impl SpanExporter for Hangs {
        async fn export(&self, _: &SpanBatch) -> Result<(), ExportError> {
            std::future::pending().await
        }
    }
    let config = DestinationConfig { timeout: LONG, queue_bytes: 20_000, ..DestinationConfig::default() };
    let limits = SpanLimits { spans_per_thread: 100, ..SpanLimits::default() };
    let pipeline = Pipeline::builder()
        .recorder(Recorder::builder().limits(limits))
        .interval(LONG)
        .export_spans_with("hangs", Hangs, config)
        .start()
        .unwrap();
    let pipeline = Arc::new(pipeline);
    let processor = PipelineSpanProcessor::new(pipeline.clone()).flush_limit(Duration::from_millis(50));
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let tracer = provider.tracer("lib");
    for _ in 0..20_000 {
        tracer.start("s").end();
    }
    assert!(matches!(provider.force_flush(), Err(OTelSdkError::InternalFailure(e)) if e.contains("Timeout")));
    let ledger = pipeline.shutdown(Duration::from_millis(50)).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!(ledger.received, 20_000);
    let lost = ledger.destinations[0].dropped.values().sum::<u64>();
    assert_eq!(ledger.dropped.get("buffer_full").copied().unwrap_or(0) + lost, 20_000, "{ledger:?}");
}

#[test]
fn threads_without_any_runtime_feed_it_and_the_accounts_add_up() {
    let (pipeline, out, provider) = setup();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let tracer = provider.tracer("lib");
                (0..1_000).for_each(|_| tracer.start("s").end());
            });
        }
    });
    provider.shutdown().unwrap();
    assert_eq!(out.spans().len(), 4_000);
    // The pipeline goes on, for others use it.
    pipeline.recorder().span("later").start().end();
    assert!(matches!(provider.shutdown(), Err(OTelSdkError::AlreadyShutdown)));
    assert_eq!(pipeline.shutdown(LONG).unwrap().ledger.received, 4_001);
}

#[test]
fn a_span_that_ends_too_late_or_has_no_ids_is_counted_by_reason() {
    let (pipeline, _, _) = setup();
    let mut processor = PipelineSpanProcessor::new(pipeline.clone());
    processor.set_resource(&opentelemetry_sdk::Resource::builder_empty().build());
    let mut no_ids = plain();
    no_ids.span_context = opentelemetry::trace::SpanContext::new(
        opentelemetry::TraceId::INVALID,
        opentelemetry::SpanId::INVALID,
        opentelemetry::TraceFlags::SAMPLED,
        false,
        opentelemetry::trace::TraceState::NONE,
    );
    processor.on_end(no_ids);
    processor.shutdown().unwrap();
    processor.on_end(plain());
    let ledger = pipeline.shutdown(LONG).unwrap_err().report.ledger;
    assert!(ledger.adds_up(), "{ledger:?}");
    assert_eq!((ledger.received, ledger.dropped["invalid"], ledger.dropped["after_shutdown"]), (2, 1, 1));
}

#[test]
fn a_provider_that_comes_after_the_pipelines_shutdown_loses_its_spans_by_name() {
    let (pipeline, _, _) = setup();
    pipeline.shutdown(LONG).unwrap();
    let processor = PipelineSpanProcessor::new(pipeline.clone());
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    provider.tracer("lib").start("late").end();
    provider.shutdown().unwrap();
    assert_eq!(pipeline.ledger().dropped["after_shutdown"], 1);
}
