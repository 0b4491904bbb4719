//! Prometheus remote write: metrics pushed to Prometheus, VictoriaMetrics, Mimir and others that take it.
//!
//! [`RemoteWriteExporter`] speaks 2.0 to receivers that do, and 1.0 to all others. Names and labels follow the rules of
//! [`prometheus`](crate::prometheus); `job` and `instance` name the service.
//!
//! Specifications: <https://prometheus.io/docs/specs/prw/remote_write_spec/> and
//! <https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/>.

mod config;
mod encode;
mod error;
mod exporter;
#[cfg(fuzzing)]
pub mod fuzzing;
mod reply;
mod sample;
mod series;
mod stale;

pub use crate::http_client::{Endpoint, Headers, Timeout, TlsConfig};
pub use config::{RemoteWriteConfig, RemoteWriteVersion};
pub use error::RemoteWriteConfigError;
pub use exporter::RemoteWriteExporter;
