//! `tracing` events as log records, with the ids of their spans: `cargo run -p examples --bin logs_from_tracing`.

use std::time::Duration;

use trace_core::log::LogLayer;
use trace_core::pipeline::Pipeline;
use trace_core::process::{RedactProcessor, Redaction};
use trace_core::record::tracing_layer::TraceLayer;
use trace_exporters::console::ConsoleExporter;
use tracing::{info, instrument, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

#[instrument]
fn charge(cents: u32) {
    info!(card.brand = "visa", "calling the bank");
    warn!(name: "card.declined", "cannot reach {}", "https://app:hunter2@bank.example/pay");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::builder()
        .processor(RedactProcessor::builder().usual_secrets(Redaction::Mask).build()?)
        .export_spans("spans", ConsoleExporter::stdout())
        .export_logs("logs", ConsoleExporter::stdout()) // or an OtlpLogExporter
        .start()?;
    let spans = TraceLayer::new(pipeline.recorder().clone()).with_events(LevelFilter::OFF);
    let logs = LogLayer::new(pipeline.logger()).with_level(LevelFilter::INFO);
    tracing_subscriber::registry().with(spans).with(logs).init();
    charge(1250);

    let report = pipeline.shutdown(Duration::from_secs(5))?; // an error if anything was lost
    assert_eq!((report.ledger.delivered, report.ledger.logs.delivered), (1, 2));
    Ok(())
}
