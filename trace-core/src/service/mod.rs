//! The service that applications and the HTTP API talk to: the five calls of the MPLP Trace module.
//!
//! [`TracingService`] takes metric samples and alerts, and answers what the system knows about performance,
//! anomalies and itself. Its parts are optional; what is missing is said in the answer or the error.

mod error;
mod health;
mod open_spans;
mod performance;
mod request;
#[cfg(test)]
mod tests;
mod trace_report;
mod tracing_service;

pub use error::{QueryError, RecordMetricError, SendAlertError};
pub use health::{HealthCheck, HealthChecks};
pub use open_spans::OpenSpansHealth;
pub use performance::PerformanceData;
pub use request::{AlertRequest, AnomalyQuery, ComparisonQuery, PerformanceQuery};
pub use tracing_service::{MetricHook, ServiceStats, TracingService, TracingServiceBuilder};

pub use crate::store::{MetricSample, StoredSample};
