//! The answer to "how do we perform?".

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::analyze::{RedPoint, RedQuery, RedRow, RedSummary, RedWindows, recommend_for_period};
use crate::model::{Aggregate, Anomaly, PerformanceAnalysis, Recommendation, TenantId, TimeRange, TraceId};
use crate::store::{MetricSampleLog, StoredSample};

/// How one trace, or everything in a period, performed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceData {
    /// The trace, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The period asked for; for a trace, from its first start to its last end.
    pub time_range: TimeRange,
    /// Whether spans were recorded. Metrics of a trace are kept even if sampling left its spans out.
    pub sampled: bool,
    /// Requests: spans that came from outside of the process or began in it.
    pub requests: RedSummary,
    /// Every operation.
    pub operations: Vec<RedRow>,
    /// The period in steps, requests only; empty for a trace.
    pub points: Vec<RedPoint>,
    /// Samples of `record_metric`, the latest 1000.
    pub metrics: Vec<StoredSample>,
    /// Each metric in them by name.
    pub metric_aggregates: BTreeMap<String, Aggregate>,
    /// The analysis of the trace, if one was asked for and has spans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<PerformanceAnalysis>,
    /// Anomalies, resolved ones too, if asked for: those that touch the period; for a trace, those of its
    /// operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomalies: Option<Vec<Anomaly>>,
    /// What to do, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommendations: Option<Vec<Recommendation>>,
}

/// Samples in an answer at most.
pub(super) const MAX_SAMPLES: usize = 1000;
/// Points that a plot gets, roughly.
const POINTS: u32 = 120;

/// Everything in a period.
pub(super) fn period(
    range: TimeRange,
    text: &str,
    tenant: &TenantId,
    windows: Option<&RedWindows>,
    samples: &MetricSampleLog,
    anomalies: Vec<Anomaly>,
    recommend: bool,
) -> PerformanceData {
    let all = RedQuery::all(range).of(tenant);
    let entries = all.requests();
    let operations = windows.map_or_else(Vec::new, |w| w.rows(&all));
    let metrics = samples.in_range(tenant, range, MAX_SAMPLES);
    let step = (range.duration() / POINTS).max(Duration::from_secs(1));
    PerformanceData {
        trace_id: None,
        time_range: range,
        sampled: true,
        requests: windows.map_or_else(|| no_requests(range), |w| w.summary(&entries)),
        points: windows.map_or_else(Vec::new, |w| w.points(&entries, step)),
        metric_aggregates: aggregates(&metrics),
        metrics,
        analysis: None,
        recommendations: recommend.then(|| recommend_for_period(&operations, &anomalies, text)),
        anomalies: Some(anomalies),
        operations,
    }
}

/// The numbers of a period in which nothing was seen.
pub(super) fn no_requests(covered: TimeRange) -> RedSummary {
    RedSummary { covered, ..RedSummary::default() }
}

/// Each metric by name. Exact: there are at most [`MAX_SAMPLES`] values of each.
pub(super) fn aggregates(samples: &[StoredSample]) -> BTreeMap<String, Aggregate> {
    let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in samples.iter().flat_map(|s| s.sample.values()) {
        by_name.entry(name).or_default().push(value);
    }
    by_name.into_iter().map(|(name, values)| (name.to_owned(), aggregate(values))).collect()
}

fn aggregate(mut v: Vec<f64>) -> Aggregate {
    v.sort_by(f64::total_cmp);
    // The smallest value that at least this share does not exceed: `inverted_cdf` in numpy.
    let at = |q: f64| v.get(((q * v.len() as f64).ceil() as usize).max(1) - 1).copied().unwrap_or(0.0);
    Aggregate {
        count: v.len() as u64,
        min: at(0.0),
        avg: if v.is_empty() { 0.0 } else { v.iter().sum::<f64>() / v.len() as f64 },
        max: at(1.0),
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
    }
}
