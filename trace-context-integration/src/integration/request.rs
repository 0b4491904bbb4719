//! What the calls take and return.

use std::time::Duration;

use trace_core::model::{AlertId, PerformanceAnalysis, PerformanceTargets, Priority, TraceIds};
use trace_core::signal::Rejected;

use crate::baseline::PerformanceBaseline;
use crate::context::{
    AlertThresholds, ContextInfo, ContextRef, ContextType, MonitoringLevel, MonitoringRule,
};
use crate::error_info::ErrorInfo;
use crate::outcome::OutcomeMetrics;

/// What a context trace is started with.
#[derive(Clone, Debug, PartialEq)]
pub struct StartContextTrace {
    /// The context.
    pub context: ContextRef,
    /// What is done; 1 to 256 bytes. Part of metric series, so it names a kind of work, not one piece of it.
    pub operation_name: String,
    /// The type of the context.
    pub context_type: ContextType,
    /// How urgent the work is.
    pub priority: Priority,
    /// What the operation is expected to take, if someone said so.
    pub expected_performance: Option<PerformanceBaseline>,
    /// How much is recorded.
    pub monitoring_level: MonitoringLevel,
}

impl StartContextTrace {
    /// An operation of a context that this is known about.
    pub fn of(info: &ContextInfo, operation_name: impl Into<String>) -> Self {
        Self {
            context: info.context.clone(),
            operation_name: operation_name.into(),
            context_type: info.context_type.clone(),
            priority: info.priority,
            expected_performance: info.performance_baseline,
            monitoring_level: info.monitoring_level,
        }
    }
}

/// What a context trace is watched for.
#[derive(Clone, Debug, PartialEq)]
pub struct SetupContextMonitoring {
    /// The trace.
    pub trace: TraceIds,
    /// Its context.
    pub context: ContextRef,
    /// Conditions that raise alerts.
    pub monitoring_rules: Vec<MonitoringRule>,
    /// Limits that raise alerts.
    pub alert_thresholds: AlertThresholds,
    /// What the operation should achieve.
    pub performance_targets: PerformanceTargets,
}

impl SetupContextMonitoring {
    /// What this context wants its trace to be watched for.
    pub fn of(info: &ContextInfo, trace: TraceIds) -> Self {
        Self {
            trace,
            context: info.context.clone(),
            monitoring_rules: info.monitoring_rules.clone(),
            alert_thresholds: info.alert_thresholds.clone(),
            performance_targets: info.performance_targets,
        }
    }
}

/// How an operation went.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextMetrics {
    /// How long it took.
    pub duration: Duration,
    /// Whether it succeeded.
    pub success: bool,
    /// What it did.
    pub context_specific: OutcomeMetrics,
}

/// How the operation of a context trace went.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordContextMetrics {
    /// The trace.
    pub trace: TraceIds,
    /// Its context.
    pub context: ContextRef,
    /// How it went.
    pub metrics: ContextMetrics,
}

/// What became of recorded metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsRecorded {
    /// Alerts that were raised.
    pub raised: Vec<AlertId>,
    /// Alerts that nobody took. They are counted, and not tried again for this trace.
    pub rejected: Vec<Rejected>,
}

/// Which context trace is to be analysed, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalyzeContextPerformance {
    /// The trace, open or among the last to finish.
    pub trace: TraceIds,
    /// Its context.
    pub context: ContextRef,
    /// Whether the duration is held against the baseline.
    pub compare_with_baseline: bool,
    /// Whether advice is wanted.
    pub generate_recommendations: bool,
}

/// How a context trace ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinishContextTrace {
    /// Whether the operation succeeded.
    pub success: bool,
    /// What the analysis found, if there was one. It is made before the end; how far the final duration differs is
    /// recorded with it.
    pub performance_analysis: Option<PerformanceAnalysis>,
}

/// A context trace that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FinishedTrace {
    /// The trace.
    pub trace: TraceIds,
    /// How long it was open.
    pub duration: Duration,
}

/// An error of an operation.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordContextError {
    /// The trace, if it is known. Without it, the context's open trace ends if there is exactly one.
    pub trace: Option<TraceIds>,
    /// The context.
    pub context: ContextRef,
    /// The error.
    pub error: ErrorInfo,
}

/// What became of a recorded error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorRecorded {
    /// The trace that it ended; `None` if the trace had finished before, or was not named and not certain.
    pub ended: Option<FinishedTrace>,
    /// The alert, or why nobody took it; `None` without an alert sink.
    pub alert: Option<Result<AlertId, Rejected>>,
}
