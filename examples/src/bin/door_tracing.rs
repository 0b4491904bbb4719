//! The `tracing` door, with trace ids on the log lines: `cargo run -p examples --bin door_tracing`.

use std::time::Duration;

use trace_core::pipeline::Pipeline;
use trace_core::record::tracing_layer::{TraceLayer, TraceSpanExt, WithTraceIds};
use trace_exporters::console::ConsoleExporter;
use tracing::{Instrument, error, info, info_span, instrument};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, filter::LevelFilter, fmt, util::SubscriberInitExt};

#[instrument(err, fields(otel.kind = "client"))]
async fn charge(cents: u32) -> Result<(), std::io::Error> {
    info!(cents, "calling the bank"); // an event of the span, and a log line
    Err(std::io::Error::other("card declined"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::builder().export_spans("console", ConsoleExporter::stdout()).start()?;
    let trace = TraceLayer::new(pipeline.recorder().clone()).with_filter(LevelFilter::INFO);
    let log = fmt::layer().with_writer(std::io::stderr).event_format(WithTraceIds::text(fmt::format()));
    tracing_subscriber::registry().with(trace).with(log).init();

    let order = info_span!("handle_order", order.id = 7, otel.name = "POST /orders");
    // What a propagator of `trace_core::propagate` writes into the headers of a call.
    let identity = order.trace_context().ok_or("the layer does not see the span")?;
    info!("trace {}", identity.trace_id);
    let work = async { charge(1250).await.unwrap_or_else(|e| error!(error = %e, "order failed")) };
    tokio::spawn(work.instrument(order)).await?;

    let report = pipeline.shutdown(Duration::from_secs(5))?; // an error if anything was lost
    assert_eq!(report.ledger.delivered, 2);
    Ok(())
}
