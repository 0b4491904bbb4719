//! Destinations whose settings are the exporters' own types. A key is `kind`, or `kind/NAME` for several of a kind.

mod backends;
mod delivery;
mod destination;
mod log_exporter;
mod metric_exporter;
mod node;
mod span_exporter;
mod type_error;
mod typed;

pub(super) use backends::warn_of_one_backend;
pub(super) use delivery::{check as check_delivery, read as read_delivery};
pub use destination::Destination;
pub(super) use destination::by_name;
pub use log_exporter::LogExporterConfig;
pub use metric_exporter::MetricExporterConfig;
pub use span_exporter::SpanExporterConfig;
