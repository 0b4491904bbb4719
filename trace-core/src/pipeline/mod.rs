//! From the recorder to every destination, with exact accounts.
//!
//! One thread takes finished spans and log records from where they are recorded and from each [`Ingest`], holds tenants to their quotas, runs the
//! processors, and hands each batch to every destination's queue. Each destination has a thread and a current-thread
//! Tokio runtime of its own, so one that is slow, blocked or down delays neither the application nor a sibling. The
//! [`Ledger`] says at any time where every span and every log record is: `received = delivered + pending + dropped`, the last by reason.
//!
//! All threads are the pipeline's own: it works in every kind of Tokio runtime and in none, and in destructors. A flush
//! or shutdown from one of these threads, which would wait for itself, is refused. In a process that was forked from the
//! pipeline's there are no such threads: spans recorded there are counted as `forked`, and a flush or shutdown says so at
//! once.

mod account;
mod backoff;
mod builder;
mod config;
mod destination;
#[cfg(test)]
mod edge_tests;
mod error;
#[cfg(test)]
mod hand_in_tests;
mod handle;
mod ingest;
mod ingest_queue;
mod inside;
mod ledger;
mod ledger_reader;
mod log_ingest;
#[cfg(test)]
mod log_tests;
mod log_worker;
mod metric_ingest;
mod metric_reader;
mod outlet;
mod payload;
mod queue;
mod self_metrics;
mod source;
mod worker;

#[cfg(test)]
mod flavour_tests;
#[cfg(test)]
mod ingest_tests;
#[cfg(test)]
mod self_metrics_tests;
#[cfg(test)]
mod tenant_tests;
#[cfg(test)]
mod tests;

pub use backoff::RetryPolicy;
pub use builder::PipelineBuilder;
pub use config::DestinationConfig;
pub use error::{DeliveryError, DeliveryFailure, FlushError, IngestError, NotTaken};
pub use handle::Pipeline;
pub use ingest::Ingest;
pub use ledger::{DeliveryReport, DestinationLedger, Ledger, LogLedger};
pub use ledger_reader::LedgerReader;
pub use log_ingest::{LogIngest, LogIngestError};
pub use metric_ingest::{MetricIngest, MetricIngestError};
pub use source::{SourceCounts, SpanSource};
