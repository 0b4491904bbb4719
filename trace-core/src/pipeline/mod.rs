//! From the recorder to every destination, with exact accounts.
//!
//! One thread takes finished spans from the recorder, runs the processors, and hands each batch to every
//! destination's queue. Each destination has a thread and a current-thread Tokio runtime of its own, so one that
//! is slow, blocked or down delays neither the application nor a sibling. The [`Ledger`] says at any time where
//! every span is: `received = delivered + pending + dropped`, the last by reason.

mod backoff;
mod builder;
mod destination;
#[cfg(test)]
mod edge_tests;
mod error;
mod ledger;
mod metric_reader;
mod payload;
mod queue;
mod source;
mod worker;

#[cfg(test)]
mod tests;

pub use backoff::RetryPolicy;
pub use builder::{Pipeline, PipelineBuilder};
pub use destination::DestinationConfig;
pub use error::{DeliveryError, FlushError};
pub use ledger::{DeliveryReport, DestinationLedger, Ledger, LedgerReader};
pub use source::{SourceCounts, SpanSource};
