//! The `span!` door: `cargo run -p examples --bin door_span_macro`. Prints the trace as a tree.

use std::time::Duration;

use trace_core::pipeline::Pipeline;
use trace_core::record::InSpan;
use trace_core::{async_span, span};
use trace_exporters::console::ConsoleExporter;

async fn charge(cents: u32) -> Result<(), std::io::Error> {
    let _step = span!(kind: Client, "call_bank", amount = cents); // below `charge`, wherever the task runs
    Err(std::io::Error::other("card declined"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pipeline = Pipeline::builder().export_spans("console", ConsoleExporter::stdout()).start()?;
    pipeline.recorder().set_global(); // from now on `span!` records here, on every thread

    let order = async_span!("handle_order", order.id = 7, customer = "Ada");
    let work = async {
        drop(span!("load_cart", items = 3));
        let charged = async_span!("charge");
        let outcome = charge(1250).in_span(charged).await;
        let noted = span!("note_outcome");
        noted.add_event("decided", []);
        if let Err(e) = &outcome {
            noted.record_error(e);
        }
    };
    tokio::spawn(work.in_span(order)).await?;

    let report = pipeline.shutdown(Duration::from_secs(5))?; // an error if anything was lost
    assert_eq!(report.ledger.delivered, 5);
    Ok(())
}
