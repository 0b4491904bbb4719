//! What a trace or a period looked like, and what to do about it.

use serde::{Deserialize, Serialize};

use super::{AnomalyId, Severity, SpanId, TraceId, TraceIds};

/// Three percentiles of a duration, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// Exceeded by 5 %.
    pub p95: f64,
    /// Exceeded by 1 %.
    pub p99: f64,
}

/// A summary of values over a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Aggregate {
    /// How many values.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The arithmetic mean.
    pub avg: f64,
    /// The largest.
    pub max: f64,
    /// The median.
    pub p50: f64,
    /// Exceeded by 5 %.
    pub p95: f64,
    /// Exceeded by 1 %.
    pub p99: f64,
}

/// A fact behind a recommendation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What was measured, with its unit as suffix.
    pub metric: String,
    /// What was seen.
    pub observed: f64,
    /// What it is held against.
    pub reference: f64,
    /// The period or trace it comes from.
    pub window: String,
}

/// Something worth doing, with the facts that say so.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// A machine-readable code, such as `reduce_self_time`.
    pub kind: String,
    /// A sentence for a person.
    pub message: String,
    /// How urgent.
    pub priority: Severity,
    /// At least one fact.
    pub evidence: Vec<Evidence>,
    /// Spans that show it, a few at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exemplars: Vec<TraceIds>,
    /// Milliseconds that would be saved, where that can be computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_gain_ms: Option<f64>,
}

/// What an operation should achieve. Absent means no target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PerformanceTargets {
    /// Upper bound of the 95th percentile of the duration, in milliseconds.
    pub max_latency_p95_ms: Option<f64>,
    /// Lower bound of the rate.
    pub min_throughput_ops_per_sec: Option<f64>,
    /// Upper bound of the share of failures, in percent (0 to 100).
    pub max_error_rate_percent: Option<f64>,
}

/// Whether targets were met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetVerdict {
    /// All met.
    WithinTargets,
    /// Met, with less than 10 % to spare.
    AtRisk,
    /// At least one missed.
    Violated,
    /// No target, or not enough data.
    #[default]
    Unknown,
}

/// One target and what was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetResult {
    /// The target's name, such as `max_latency_p95_ms`.
    pub target: String,
    /// The bound.
    pub bound: f64,
    /// What was seen.
    pub observed: f64,
    /// The result.
    pub verdict: TargetVerdict,
}

/// A duration held against what is normal for the operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BaselineComparison {
    /// The median of the baseline, in milliseconds.
    pub baseline_ms: f64,
    /// Observed over baseline.
    pub ratio: f64,
    /// `100 * (ratio - 1)`.
    pub delta_percent: f64,
    /// Deviation in robust standard deviations (1.4826 MAD).
    pub z_robust: f64,
    /// The share of the baseline that was faster, 0 to 100.
    pub percentile: f64,
    /// Observations in the baseline.
    pub sample_size: u64,
}

/// One span on the longest chain of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathStep {
    /// The span.
    pub span_id: SpanId,
    /// Its name.
    pub name: String,
    /// The time on the path that no child accounts for, in milliseconds.
    pub self_time_ms: f64,
}

/// A span that takes much of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bottleneck {
    /// The span.
    pub span_id: SpanId,
    /// Its name.
    pub name: String,
    /// Its own time, without children, in milliseconds.
    pub self_time_ms: f64,
    /// Its own time over the trace's duration, 0 to 1.
    pub share_of_trace: f64,
    /// Whether it lies on the critical path.
    pub on_critical_path: bool,
}

/// What one trace looked like.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceAnalysis {
    /// The trace.
    pub trace_id: TraceId,
    /// Its duration, in milliseconds.
    pub duration_ms: f64,
    /// Whether the targets were met.
    pub verdict: TargetVerdict,
    /// Every target.
    pub targets: Vec<TargetResult>,
    /// Against what is normal; `None` while that is being learned.
    pub baseline: Option<BaselineComparison>,
    /// The chain of spans that determined the duration.
    pub critical_path: Vec<PathStep>,
    /// Spans that take at least 10 % of the trace by themselves, the largest first.
    pub bottlenecks: Vec<Bottleneck>,
    /// What to do.
    pub recommendations: Vec<Recommendation>,
    /// Anomalies that were open meanwhile.
    pub anomalies: Vec<AnomalyId>,
}
