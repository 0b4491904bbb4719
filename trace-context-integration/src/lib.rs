//! Context-aware monitoring for MPLP Trace.
//!
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod baseline;
pub mod context;
mod error;
mod error_info;
pub mod integration;
mod outcome;
pub mod profile;
pub mod provider;

pub use error::IntegrationError;
pub use error_info::ErrorInfo;
pub use integration::{ContextTrace, IntegrationSwitches, MonitoringContextIntegration, Observed};
pub use outcome::{OperationOutcome, OutcomeMetrics};
