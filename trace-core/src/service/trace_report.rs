//! The performance of one trace.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::PerformanceData;
use super::performance::{MAX_SAMPLES, aggregates, no_requests};
use crate::analyze::{
    MIN_BASELINE_SIZE, PerformanceContext, QuantileSketch, RedQuery, RedRow, RedSummary, RedWindows,
    TraceTiming, analyze_performance, compare_with_baseline,
};
use crate::model::{
    Anomaly, BaselineComparison, PerformanceTargets, SpanKind, Status, TenantId, TimeRange, TraceId, TraceIds,
};
use crate::store::{StoredSample, StoredSpan, StoredTrace};

/// How far the past reaches that a trace is compared with.
const PAST: Duration = Duration::from_secs(3600);

/// The period of a trace: from its first start to its last end, or that of its samples.
pub(super) fn extent(trace: Option<&StoredTrace>, samples: &[StoredSample]) -> TimeRange {
    let (start, end) = trace.and_then(StoredTrace::extent).unwrap_or_else(|| {
        let times = || samples.iter().map(|s| s.sample.timestamp);
        (times().min().unwrap_or_default(), times().max().unwrap_or_default())
    });
    // The end is exclusive.
    TimeRange { start, end: end + Duration::from_nanos(1) }
}

/// What is known besides the trace.
pub(super) struct Surroundings<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) range: TimeRange,
    pub(super) windows: Option<&'a RedWindows>,
    pub(super) targets: PerformanceTargets,
    /// Anomalies that touch the range.
    pub(super) anomalies: Vec<Anomaly>,
    pub(super) recommend: bool,
}

/// The performance of one trace; without spans only its samples are told.
pub(super) fn report(
    trace_id: TraceId,
    trace: Option<&StoredTrace>,
    mut samples: Vec<StoredSample>,
    around: Surroundings<'_>,
) -> PerformanceData {
    samples.drain(..samples.len().saturating_sub(MAX_SAMPLES));
    let Surroundings { tenant, range, windows, targets, mut anomalies, recommend } = around;
    let mut data = PerformanceData {
        trace_id: Some(trace_id),
        time_range: range,
        sampled: trace.is_some(),
        requests: no_requests(range),
        operations: Vec::new(),
        points: Vec::new(),
        metric_aggregates: aggregates(&samples),
        metrics: samples,
        analysis: None,
        anomalies: None,
        recommendations: None,
    };
    let Some(trace) = trace else {
        data.anomalies = Some(Vec::new());
        data.recommendations = recommend.then(Vec::new);
        return data;
    };
    let series: BTreeSet<String> =
        trace.spans.iter().map(|s| format!("{}/{}", s.resource.service_name(), s.span.name)).collect();
    anomalies.retain(|a| series.contains(&a.series));
    let typical = |s: &StoredSpan| typical_self_ms(windows?, tenant, s);
    let context = PerformanceContext {
        targets,
        throughput_ops_per_sec: None,
        baseline: windows.and_then(|w| baseline(w, tenant, trace)),
        typical_self_ms: Some(&typical),
        anomalies: anomalies.iter().map(|a| a.id).collect(),
    };
    let mut analysis = analyze_performance(trace, &context);
    match &mut analysis {
        Some(a) if recommend => data.recommendations = Some(a.recommendations.clone()),
        Some(a) => a.recommendations.clear(),
        None => data.recommendations = recommend.then(Vec::new),
    }
    data.analysis = analysis;
    (data.requests, data.operations) = count(trace, range);
    data.anomalies = Some(anomalies);
    data
}

fn baseline(windows: &RedWindows, tenant: &TenantId, trace: &StoredTrace) -> Option<BaselineComparison> {
    let root = trace.root()?;
    let past = TimeRange::last(PAST, root.span.start);
    let query = RedQuery::operation(past, root.resource.service_name(), &root.span.name).of(tenant);
    let duration_ms = root.span.end.since(root.span.start).as_secs_f64() * 1e3;
    compare_with_baseline(duration_ms, &windows.durations(&query))
}

fn typical_self_ms(windows: &RedWindows, tenant: &TenantId, s: &StoredSpan) -> Option<f64> {
    let past = TimeRange::last(PAST, s.span.start);
    let query = RedQuery::operation(past, s.resource.service_name(), &s.span.name).of(tenant);
    let sketch = windows.self_times(&query);
    sketch.quantile(0.5).filter(|_| sketch.count() >= MIN_BASELINE_SIZE)
}

#[derive(Default)]
struct Tally {
    errors: u64,
    duration_ms: QuantileSketch,
    self_time_ms: QuantileSketch,
    slowest: Option<(f64, TraceIds)>,
}

impl Tally {
    fn add(&mut self, s: &StoredSpan, own: Duration) {
        let ms = s.span.end.since(s.span.start).as_secs_f64() * 1e3;
        self.errors += u64::from(matches!(s.span.status, Status::Error(_)));
        self.duration_ms.insert(ms);
        self.self_time_ms.insert(own.as_secs_f64() * 1e3);
        if self.slowest.is_none_or(|known| ms > known.0) {
            let context = &s.span.context;
            self.slowest =
                Some((ms, TraceIds { trace_id: context.trace_id, span_id: Some(context.span_id) }));
        }
    }

    fn summary(&self, covered: TimeRange) -> RedSummary {
        let (count, seconds) = (self.duration_ms.count(), covered.duration().as_secs_f64());
        RedSummary {
            covered,
            count,
            errors: self.errors,
            observed: count,
            rate_per_sec: if seconds > 0.0 { count as f64 / seconds } else { 0.0 },
            error_rate_percent: 100.0 * self.errors as f64 / count.max(1) as f64,
            duration_ms: self.duration_ms.aggregate(),
            self_time_ms: self.self_time_ms.aggregate(),
            slowest: self.slowest.map(|s| s.1),
        }
    }
}

fn count(trace: &StoredTrace, range: TimeRange) -> (RedSummary, Vec<RedRow>) {
    let own = TraceTiming::of_trace(trace).map_or_else(Vec::new, |t| t.self_times);
    let mut entries = Tally::default();
    let mut rows: BTreeMap<(&str, &str, u8), (SpanKind, Tally)> = BTreeMap::new();
    for (s, own) in trace.spans.iter().zip(own) {
        if s.span.parent_span_id.is_none() || s.span.parent_is_remote {
            entries.add(s, own);
        }
        let key = (s.resource.service_name(), s.span.name.as_ref(), s.span.kind as u8);
        rows.entry(key).or_insert_with(|| (s.span.kind, Tally::default())).1.add(s, own);
    }
    let rows = rows
        .into_iter()
        .map(|((service, operation, _), (kind, tally))| RedRow {
            service: service.to_owned(),
            operation: operation.to_owned(),
            kind,
            summary: tally.summary(range),
        })
        .collect();
    (entries.summary(range), rows)
}

/// Where anomalies of a trace are looked for: around it by the length of a detection window.
pub(super) fn anomaly_range(range: TimeRange) -> TimeRange {
    const WINDOW: Duration = Duration::from_secs(1);
    TimeRange { start: range.start - WINDOW, end: range.end + WINDOW }
}
