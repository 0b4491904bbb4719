//! [`TraceModule`]: everything that a configuration asks for, assembled and running.
//!
//! ```
//! use mplp_trace::{TraceConfig, TraceModule};
//! use std::time::Duration;
//!
//! let module = TraceModule::from_config(TraceConfig::default())?;
//! module.recorder().span("work").start().end();
//! let report = module.shutdown(Duration::from_secs(5))?;
//! assert!(report.spans.ledger.adds_up());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alerting;
mod builder;
mod builtin;
mod delivery;
mod error;
#[cfg(feature = "server")]
mod export_check;
mod health;
mod log_exporters;
mod logs;
mod metric_exporters;
mod metric_hook;
mod otlp;
mod processing;
mod registry;
mod sampling;
mod self_metrics;
mod shutdown;
mod span_exporters;
mod trace_module;

#[cfg(not(feature = "otel"))]
#[path = "global_none.rs"]
mod global;
#[cfg(feature = "otel")]
#[path = "global_otel.rs"]
mod global;

#[cfg(feature = "receivers")]
mod receivers;
#[cfg(not(feature = "receivers"))]
#[path = "receivers_none.rs"]
mod receivers;

pub use builder::TraceModuleBuilder;
pub use error::BuildError;
#[cfg(feature = "server")]
pub use export_check::{Checked, export_check};
#[cfg(feature = "receivers")]
pub use receivers::{ListenError, Listening};
pub use registry::{LogDestination, MetricDestination, Registry, SpanDestination};
pub use shutdown::{ShutdownError, ShutdownReport};
pub use trace_module::TraceModule;
