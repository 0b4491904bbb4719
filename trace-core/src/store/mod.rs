//! Reading telemetry back: the reader trait, its queries, and the bounded in-memory stores.
//!
//! [`MemoryStore`] keeps spans, [`AnomalyLog`] anomalies and [`MetricSampleLog`] the samples of `record_metric`.
//! All of them are bounded, count what they let go, and never block on anything but their own short lock. Every
//! question is asked for one tenant. When there is no room, the tenant that has most gives some up.

mod anomaly_log;
mod filter;
mod index;
mod json;
mod memory;
mod metric_log;
mod query;
mod reader;
mod stored;
mod tenants;
#[cfg(test)]
mod tests;
mod time_source;

pub use anomaly_log::AnomalyLog;
pub use filter::{AttributeCondition, AttributeTest, SpanFilter};
pub use memory::{MemoryStore, MemoryStoreConfig, MemoryStoreStats};
pub use metric_log::{MetricSample, MetricSampleLog, StoredSample};
pub use query::{Durations, EndedTrace, Page, ReadError, SpanQuery, TraceSummary};
pub use reader::SpanReader;
pub use stored::{StoredSpan, StoredTrace};
pub use time_source::{TimeSource, system_time};
