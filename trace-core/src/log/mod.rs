//! Log records: made by a [`Logger`], by the layer for `tracing` events (feature `tracing`), by the
//! logs API of `opentelemetry` (feature `otel`), or by others.
//!
//! ```
//! use std::time::Duration;
//! use trace_core::model::{LogBatch, LogRecord, LogSeverity};
//! use trace_core::signal::{ExportError, LogExporter};
//! use trace_core::{async_trait, pipeline::Pipeline, span};
//!
//! struct Lines;
//!
//! #[async_trait]
//! impl LogExporter for Lines {
//!     async fn export(&self, batch: &LogBatch) -> Result<(), ExportError> {
//!         batch.iter().for_each(|record| println!("{:?} in span {:?}", record.body, record.span_id));
//!         assert!(batch.iter().all(|record| record.span_id.is_some()), "the span in which it happened");
//!         Ok(())
//!     }
//! }
//!
//! let pipeline = Pipeline::builder().export_logs("lines", Lines).start()?;
//! {
//!     let _span = span!(recorder: pipeline.recorder(), "charge");
//!     pipeline.logger().emit(LogRecord::new(LogSeverity::WARN, "card expires soon"));
//! }
//! let report = pipeline.shutdown(Duration::from_secs(5))?; // an error if a record was lost
//! assert_eq!(report.ledger.logs.delivered, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A record waits in memory of its thread's own until the pipeline's thread takes it; then it passes the processors and
//! reaches the destinations as spans do. Emitting never waits for either: what finds no room is counted.

mod intake;
mod limits;
mod logger;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "tracing")]
mod tracing_bridge;

#[cfg(test)]
mod tests;

pub(crate) use intake::{LogIntake, NoRoom};
pub use limits::LogLimits;
pub use logger::Logger;
#[cfg(feature = "otel")]
pub use otel::{LoggerProvider, OtelLogRecord, OtelLogger};
#[cfg(feature = "tracing")]
pub use tracing_bridge::LogLayer;
