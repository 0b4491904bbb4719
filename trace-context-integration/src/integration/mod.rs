//! Monitoring by context: the seven calls, and the one that makes all of them.

mod alerts;
mod analysis;
mod builder;
mod calls;
mod error_call;
mod guarded;
mod instruments;
mod measured;
mod monitor;
mod open;
mod request;
mod service;
mod span;
mod switches;
mod table;
mod trace;

pub use builder::IntegrationBuilder;
pub use monitor::Observed;
pub use request::{
    AnalyzeContextPerformance, ContextMetrics, ErrorRecorded, FinishContextTrace, FinishedTrace,
    MetricsRecorded, RecordContextError, RecordContextMetrics, SetupContextMonitoring, StartContextTrace,
};
pub use service::{IntegrationStats, MonitoringContextIntegration};
pub use switches::IntegrationSwitches;
pub use trace::ContextTrace;
