//! ClickHouse with the tables of the OpenTelemetry Collector: a destination for spans and metrics, and a store to read
//! spans from.
//!
//! [`ClickHouseStore`] writes RowBinary over HTTP and reads it back. The tables are those that the Collector's exporter
//! makes, so Grafana, HyperDX and others read what is written here, and spans that others wrote are read here. Two
//! columns are added, both with a default that is computed for rows of others: `Tenant`, and `NumberAttributes` for
//! comparing numbers, since the tables keep every value as text. [`ClickHouseMetricExporter`] writes metrics.

mod config;
mod connection;
mod decode;
mod encode;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod metric_exporter;
mod metric_rows;
mod metric_schema;
#[cfg(test)]
mod metric_tests;
mod prepared;
mod query;
mod reply;
mod row;
mod schema;
mod statement;
mod store;
#[cfg(test)]
mod tests;

pub use crate::http_client::{Compression, Endpoint, Headers, Secret, Timeout, TlsConfig};
pub use config::ClickHouseConfig;
pub use error::ClickHouseConfigError;
pub use metric_exporter::ClickHouseMetricExporter;
pub use store::ClickHouseStore;
