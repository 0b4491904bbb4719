//! An exporter of one's own, with `trace-core` and `async-trait` alone: `cargo run -p examples --bin custom_exporter`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use trace_core::batch::SpanBatch;
use trace_core::pipeline::Pipeline;
use trace_core::signal::{ExportError, SpanExporter};
use trace_core::span;

/// Writes a line for each span to anything that can be written to.
struct LineExporter<W>(Mutex<W>);

#[async_trait]
impl<W: Write + Send> SpanExporter for LineExporter<W> {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let mut lines = String::new();
        for span in batch.iter() {
            let parent = span.parent_span_id().map_or("-".to_owned(), |id| id.to_string());
            let ms = span.duration().as_secs_f64() * 1e3;
            lines += &format!("{} {} {parent} {ms:.3}ms {}\n", span.trace_id(), span.span_id(), span.name());
        }
        // The pipeline offers the batch again after a retryable error, and counts what is lost in the end.
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(lines.as_bytes()).map_err(|e| ExportError::retryable("cannot write spans").caused_by(e))
    }

    async fn flush(&self) -> Result<(), ExportError> {
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.flush().map_err(|e| ExportError::retryable("cannot flush spans").caused_by(e))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exporter = Arc::new(LineExporter(Mutex::new(Vec::new()))); // or a `File`, or `std::io::stdout()`
    let pipeline = Pipeline::builder().export_spans("lines", exporter.clone()).start()?;
    {
        let _request = span!(recorder: pipeline.recorder(), "request");
        let _query = span!(recorder: pipeline.recorder(), kind: Client, "query");
    }
    let report = pipeline.shutdown(Duration::from_secs(5))?;

    let text = String::from_utf8(exporter.0.lock().map_err(|e| e.to_string())?.clone())?;
    println!("{text}{report}");
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let of = |name: &str| lines.iter().find(|line| line.last() == Some(&name)).ok_or("a span is missing");
    assert_eq!(
        (of("query")?[0], of("query")?[2]),
        (of("request")?[0], of("request")?[1]),
        "one trace, a child"
    );
    assert_eq!(report.ledger.destinations[0].delivered, 2);
    Ok(())
}
