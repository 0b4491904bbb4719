//! The official SDK feeds our pipeline, and an official exporter stands behind it: `cargo run -p examples --bin official_sdk`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use trace_core::pipeline::Pipeline;
use trace_core::sdk::{OfficialSpanExporter, PipelineSpanProcessor};
use trace_core::{span, store::MemoryStore};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two destinations: a store of ours, and any exporter written for the official SDK.
    let pipeline = Pipeline::builder()
        .export_spans("memory", MemoryStore::default())
        .export_spans("stdout", OfficialSpanExporter::new(opentelemetry_stdout::SpanExporter::default()))
        .start()?;
    let pipeline = Arc::new(pipeline);

    // Two sources: the official SDK, with the resource that it is given, and `span!`.
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("checkout").build())
        .with_span_processor(PipelineSpanProcessor::new(pipeline.clone()))
        .build();
    provider.tracer("shop").in_span("order", |_| println!("work that the official SDK records"));
    drop(span!(recorder: pipeline.recorder(), "charge", amount = 12.5));

    provider.shutdown()?; // flushes; the pipeline goes on
    let report = pipeline.shutdown(Duration::from_secs(5))?; // an error if anything was lost
    println!("{report}");
    assert!(report.ledger.destinations.iter().all(|d| d.delivered == 2));
    Ok(())
}
