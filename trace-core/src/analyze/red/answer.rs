//! What the windows answer.

use serde::Serialize;

use super::bucket::{Bucket, Slowest};
use crate::analyze::QuantileSketch;
use crate::model::{Aggregate, SpanKind, TenantId, TimeRange, Timestamp, TraceIds};

/// A period in numbers. Spans of sampled traces are counted as often as they stand for.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedSummary {
    /// The part of the period that was observed: since the start of the process, as far back as is kept, until now.
    pub covered: TimeRange,
    /// Spans that ended.
    pub count: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// Spans that were seen, and stand for `count`.
    pub observed: u64,
    /// Spans per second over the covered time.
    pub rate_per_sec: f64,
    /// Failures in percent, 0 to 100.
    pub error_rate_percent: f64,
    /// Durations in milliseconds.
    pub duration_ms: Aggregate,
    /// Durations without children, in milliseconds.
    pub self_time_ms: Aggregate,
    /// The slowest span.
    pub slowest: Option<TraceIds>,
}

/// One operation over a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedRow {
    /// The service.
    pub service: String,
    /// The span's name.
    pub operation: String,
    /// The span's kind.
    pub kind: SpanKind,
    /// Its numbers.
    #[serde(flatten)]
    pub summary: RedSummary,
}

/// One operation over a period, with its sketches: for comparisons, histograms and any percentile.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationProfile {
    /// The service.
    pub service: String,
    /// The span's name.
    pub operation: String,
    /// The span's kind.
    pub kind: SpanKind,
    /// The part of the period that was observed.
    pub covered: TimeRange,
    /// Failed spans, as many as were seen.
    pub observed_errors: u64,
    /// Failed spans, as many as those seen stand for.
    pub errors: f64,
    /// Durations in milliseconds; their count and weight are those of the spans.
    pub duration_ms: QuantileSketch,
    /// Durations without children, in milliseconds.
    pub self_time_ms: QuantileSketch,
    /// The slowest span.
    pub slowest: Option<TraceIds>,
    /// The slowest failed span.
    pub slowest_error: Option<TraceIds>,
}

/// One step of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedPoint {
    /// Where the step begins.
    pub time: Timestamp,
    /// Spans that ended.
    pub count: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// The median duration; `None` without spans.
    pub p50_ms: Option<f64>,
    /// The 95th percentile.
    pub p95_ms: Option<f64>,
    /// The 99th percentile.
    pub p99_ms: Option<f64>,
}

/// What one operation did in one closed window; all kinds and outcomes together.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedWindow {
    /// The owner.
    pub tenant: TenantId,
    /// The service.
    pub service: String,
    /// The span's name.
    pub operation: String,
    /// Spans that ended.
    pub count: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// Spans that were seen, and stand for `count`.
    pub observed: u64,
    /// Durations without children, in milliseconds.
    pub self_time_ms: QuantileSketch,
    /// The span with the longest time of its own.
    pub slowest: Option<TraceIds>,
}

/// The numbers of a group of series.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) all: Bucket,
    /// The weight of failed spans.
    pub(super) errors: f64,
    pub(super) observed_errors: u64,
    pub(super) slowest_error: Slowest,
}

impl Group {
    pub(super) fn summary(&self, covered: TimeRange) -> RedSummary {
        let (seconds, weight) = (covered.duration().as_secs_f64(), self.all.duration_ms.weight());
        RedSummary {
            covered,
            count: weight.round() as u64,
            errors: self.errors.round() as u64,
            observed: self.all.duration_ms.count(),
            rate_per_sec: if seconds > 0.0 { weight / seconds } else { 0.0 },
            error_rate_percent: if weight > 0.0 { 100.0 * self.errors / weight } else { 0.0 },
            duration_ms: self.all.duration_ms.aggregate(),
            self_time_ms: self.all.self_time_ms.aggregate(),
            slowest: self.all.slowest.map(|s| s.1),
        }
    }

    pub(super) fn point(&self, time: Timestamp) -> RedPoint {
        let d = &self.all.duration_ms;
        RedPoint {
            time,
            count: d.weight().round() as u64,
            errors: self.errors.round() as u64,
            p50_ms: d.quantile(0.5),
            p95_ms: d.quantile(0.95),
            p99_ms: d.quantile(0.99),
        }
    }
}
