//! The `opentelemetry` API as a door: `cargo run -p examples --bin door_opentelemetry_api`. Prints the trace as a tree.

use std::time::Duration;

use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, baggage::BaggageExt, global};
use trace_core::{pipeline::Pipeline, record::otel::TracerProvider, span};
use trace_exporters::console::ConsoleExporter;

async fn query(table: &'static str) {
    let tracer = global::tracer("database");
    let user = Context::current().baggage().get("user").map(ToString::to_string).unwrap_or_default();
    let attributes = [KeyValue::new("db.collection.name", table), KeyValue::new("user", user)];
    let span = tracer.span_builder("query").with_kind(SpanKind::Client).with_attributes(attributes);
    tracer.in_span_with_builder(span, |cx| {
        drop(span!("read_pages", pages = 3)); // the macro finds its parent here, too
        cx.span().add_event("slow", vec![KeyValue::new("rows", 10_000)]);
        cx.span().set_status(Status::error("timed out"));
    });
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::builder().export_spans("console", ConsoleExporter::stdout()).start()?;
    pipeline.recorder().set_global();
    global::set_tracer_provider(TracerProvider::new(pipeline.recorder().clone()));

    let request = global::tracer("shop").start("GET /cart");
    let cx = Context::current_with_span(request).with_baggage([KeyValue::new("user", "ada")]);
    tokio::spawn(query("carts").with_context(cx.clone())).await?;
    cx.span().end();

    let report = pipeline.shutdown(Duration::from_secs(5))?; // an error if anything was lost
    assert_eq!(report.ledger.delivered, 3);
    Ok(())
}
