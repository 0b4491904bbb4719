//! What a context trace writes into its span.

use trace_core::model::{KeyValue, PerformanceAnalysis, Status};
use trace_core::record::Span;

use super::open::{End, OpenTrace, State};
use super::request::ContextMetrics;
use crate::context::MonitoringLevel;
use crate::error_info::ErrorInfo;
use crate::outcome::OutcomeMetrics;

/// How the operation went; amounts and resources from level `detailed` on.
pub(super) fn write_metrics(span: &Span, level: MonitoringLevel, metrics: &ContextMetrics) {
    span.set_attribute("mplp.execution.duration_ms", metrics.duration.as_secs_f64() * 1e3);
    if level < MonitoringLevel::Detailed {
        return;
    }
    let specific = &metrics.context_specific;
    span.set_attribute("mplp.metrics.data_processed", specific.data_processed);
    span.set_attribute("mplp.metrics.operations_completed", specific.operations_completed);
    for (name, value) in specific.resources_used.iter().take(OutcomeMetrics::MAX_RESOURCES) {
        span.set_attribute(format!("mplp.metrics.{name}"), *value);
    }
}

/// What the analysis found, from level `comprehensive` on, and by how much the trace outlasted it.
pub(super) fn write_analysis(
    span: &Span,
    level: MonitoringLevel,
    analysis: &PerformanceAnalysis,
    final_ms: f64,
) {
    span.set_attribute("mplp.analysis.after_ms", final_ms - analysis.duration_ms);
    if let Some(b) = &analysis.baseline {
        span.set_attribute("mplp.analysis.baseline_delta_percent", b.delta_percent);
    }
    if level < MonitoringLevel::Comprehensive {
        return;
    }
    let verdict = match analysis.verdict {
        trace_core::model::TargetVerdict::WithinTargets => "within_targets",
        trace_core::model::TargetVerdict::AtRisk => "at_risk",
        trace_core::model::TargetVerdict::Violated => "violated",
        trace_core::model::TargetVerdict::Unknown => "unknown",
    };
    span.set_attribute("mplp.analysis.verdict", verdict);
    if let Some(b) = analysis.bottlenecks.first() {
        span.set_attribute("mplp.analysis.bottleneck", b.name.clone());
    }
}

/// The `exception` event and the error status.
pub(super) fn write_error(span: &Span, error: &ErrorInfo) {
    span.add_event(
        "exception",
        [
            KeyValue::new("exception.type", error.kind.clone()),
            KeyValue::new("exception.message", error.message.clone()),
        ],
    );
    span.set_status(Status::Error(error.message.clone().into()));
}

/// How the trace ended.
pub(super) fn write_end(trace: &OpenTrace, state: &State, end: End, final_ms: f64) {
    let span = &state.span;
    span.set_attribute("mplp.metrics.total_duration_ms", final_ms);
    if let Some(metrics) = &state.metrics {
        write_metrics(span, trace.level, metrics);
    }
    match end {
        End::Completed => {
            span.set_attribute("mplp.result.success", true);
            span.set_status(Status::Ok);
        }
        End::Failed => {
            span.set_attribute("mplp.result.success", false);
            span.set_attribute("mplp.status", "failed");
        }
        End::Cancelled => span.set_attribute("mplp.status", "cancelled"),
    }
}
