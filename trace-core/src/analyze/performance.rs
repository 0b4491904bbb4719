//! One trace: targets, baseline, critical path, bottlenecks, advice.

use std::collections::HashSet;

use super::TraceTiming;
use super::recommend::{TraceFindings, recommend_for_trace};
use crate::model::{
    AnomalyId, BaselineComparison, Bottleneck, PathStep, PerformanceAnalysis, PerformanceTargets, Status,
    TargetResult, TargetVerdict,
};
use crate::store::{StoredSpan, StoredTrace};

/// Tells the usual self time of a span in milliseconds, if it is known.
pub type TypicalSelfTime<'a> = &'a dyn Fn(&StoredSpan) -> Option<f64>;

/// What is known besides the trace itself. The default knows nothing.
#[derive(Default)]
pub struct PerformanceContext<'a> {
    /// What the operation should achieve.
    pub targets: PerformanceTargets,
    /// The rate at which the operation runs, if known; without it the throughput target is left out.
    pub throughput_ops_per_sec: Option<f64>,
    /// The duration of the root against its past; see [`super::compare_with_baseline`].
    pub baseline: Option<BaselineComparison>,
    /// The usual self time of a span in milliseconds, if known.
    pub typical_self_ms: Option<TypicalSelfTime<'a>>,
    /// Anomalies that were open meanwhile.
    pub anomalies: Vec<AnomalyId>,
}

/// Below this share of a bound there is no cause for concern.
const AT_RISK_SHARE: f64 = 0.9;
/// A bottleneck takes at least this share of the trace.
const BOTTLENECK_SHARE: f64 = 0.1;

/// The analysis of one trace; `None` if it has no spans.
///
/// A single trace is held against the targets as one observation: its duration against the bound of the 95th
/// percentile, and an error rate of 100 % if its root failed, else 0 %.
pub fn analyze_performance(
    trace: &StoredTrace,
    context: &PerformanceContext<'_>,
) -> Option<PerformanceAnalysis> {
    let timing = TraceTiming::of_trace(trace)?;
    let root = trace.spans.get(timing.root)?;
    let duration_ms = timing.duration.as_secs_f64() * 1e3;
    let targets = target_results(root, duration_ms, context);
    let bottlenecks = bottlenecks(trace, &timing);
    let unknown = |_: &StoredSpan| None;
    let recommendations = recommend_for_trace(&TraceFindings {
        trace,
        timing: &timing,
        bottlenecks: &bottlenecks,
        baseline: context.baseline.as_ref(),
        typical_self_ms: context.typical_self_ms.unwrap_or(&unknown),
    });
    let path_step = |s: &super::CriticalStep| PathStep {
        span_id: trace.spans[s.index].span.context.span_id,
        name: trace.spans[s.index].span.name.to_string(),
        self_time_ms: s.self_time.as_secs_f64() * 1e3,
    };
    Some(PerformanceAnalysis {
        trace_id: trace.trace_id,
        duration_ms,
        verdict: overall(&targets),
        targets,
        baseline: context.baseline,
        critical_path: timing.critical_path.iter().map(path_step).collect(),
        bottlenecks,
        recommendations,
        anomalies: context.anomalies.clone(),
    })
}

fn target_results(
    root: &StoredSpan,
    duration_ms: f64,
    context: &PerformanceContext<'_>,
) -> Vec<TargetResult> {
    let failed = matches!(root.span.status, Status::Error(_));
    let t = &context.targets;
    let at_most = |target: &str, bound: f64, observed: f64| TargetResult {
        target: target.to_owned(),
        bound,
        observed,
        verdict: match observed {
            o if o > bound => TargetVerdict::Violated,
            // A bound of zero that holds has nothing to spare, and needs nothing.
            o if o > 0.0 && o > AT_RISK_SHARE * bound => TargetVerdict::AtRisk,
            _ => TargetVerdict::WithinTargets,
        },
    };
    let latency = t.max_latency_p95_ms.map(|b| at_most("max_latency_p95_ms", b, duration_ms));
    let errors = t
        .max_error_rate_percent
        .map(|b| at_most("max_error_rate_percent", b, if failed { 100.0 } else { 0.0 }));
    let throughput =
        t.min_throughput_ops_per_sec.zip(context.throughput_ops_per_sec).map(|(bound, observed)| {
            let verdict = match observed {
                o if o < bound => TargetVerdict::Violated,
                o if o * AT_RISK_SHARE < bound => TargetVerdict::AtRisk,
                _ => TargetVerdict::WithinTargets,
            };
            TargetResult { target: "min_throughput_ops_per_sec".to_owned(), bound, observed, verdict }
        });
    [latency, errors, throughput].into_iter().flatten().collect()
}

fn overall(targets: &[TargetResult]) -> TargetVerdict {
    let any = |v| targets.iter().any(|t| t.verdict == v);
    if targets.is_empty() {
        TargetVerdict::Unknown
    } else if any(TargetVerdict::Violated) {
        TargetVerdict::Violated
    } else if any(TargetVerdict::AtRisk) {
        TargetVerdict::AtRisk
    } else {
        TargetVerdict::WithinTargets
    }
}

fn bottlenecks(trace: &StoredTrace, timing: &TraceTiming) -> Vec<Bottleneck> {
    let critical: HashSet<usize> = timing.critical_path.iter().map(|s| s.index).collect();
    let total = timing.duration.as_secs_f64();
    if total <= 0.0 {
        return Vec::new();
    }
    let mut found: Vec<Bottleneck> = trace
        .spans
        .iter()
        .zip(&timing.self_times)
        .enumerate()
        .map(|(i, (s, own))| Bottleneck {
            span_id: s.span.context.span_id,
            name: s.span.name.to_string(),
            self_time_ms: own.as_secs_f64() * 1e3,
            share_of_trace: own.as_secs_f64() / total,
            on_critical_path: critical.contains(&i),
        })
        // A span longer than the root is work that went on after it, or a wrong clock: no share of the trace.
        .filter(|b| b.share_of_trace >= BOTTLENECK_SHARE && b.share_of_trace <= 1.0)
        .collect();
    found.sort_by(|a, b| b.self_time_ms.total_cmp(&a.self_time_ms));
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::analyze::{QuantileSketch, compare_with_baseline};
    use crate::model::*;

    fn span(id: u64, parent: u64, name: &'static str, ms: std::ops::Range<u64>) -> StoredSpan {
        let context =
            SpanContext::new(TraceId::new(1).unwrap(), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
        let at = |ms: u64| Timestamp::from_unix_nanos(ms * 1_000_000);
        let mut span = SpanData::new(context, name, at(ms.start), at(ms.end));
        span.parent_span_id = SpanId::new(parent);
        StoredSpan { resource: Arc::new(Resource::service("s")), span }
    }

    fn trace(spans: Vec<StoredSpan>) -> StoredTrace {
        StoredTrace { trace_id: TraceId::new(1).unwrap(), spans, incomplete: false }
    }

    fn kinds(a: &PerformanceAnalysis) -> Vec<&str> {
        a.recommendations.iter().map(|r| r.kind.as_str()).collect()
    }

    #[test]
    fn a_slow_agent_is_named_with_numbers() {
        let t = trace(vec![
            span(1, 0, "run", 0..100),
            span(2, 1, "plan", 0..10),
            span(3, 1, "agent.research", 10..95),
        ]);
        let past: QuantileSketch = (0..50).map(|i| 40.0 + f64::from(i % 5)).collect();
        let context = PerformanceContext {
            targets: PerformanceTargets { max_latency_p95_ms: Some(90.0), ..Default::default() },
            baseline: compare_with_baseline(100.0, &past),
            typical_self_ms: Some(&|s| (s.span.name == "agent.research").then_some(25.0)),
            ..Default::default()
        };
        let a = analyze_performance(&t, &context).unwrap();
        assert_eq!((a.duration_ms, a.verdict), (100.0, TargetVerdict::Violated));
        assert_eq!(a.critical_path.iter().map(|s| s.self_time_ms).sum::<f64>(), 100.0);
        assert_eq!(a.bottlenecks[0].name, "agent.research");
        assert_eq!(kinds(&a), ["baseline_regression", "reduce_self_time"]);
        let slow = &a.recommendations[1];
        assert_eq!(
            slow.message,
            "`agent.research` itself takes 85 ms, 85 % of the trace; its median is 25 ms"
        );
        assert_eq!(slow.estimated_gain_ms, Some(60.0));
        assert!(a.recommendations.iter().all(|r| !r.evidence.is_empty()));
    }

    #[test]
    fn serial_siblings_of_one_family_could_run_side_by_side() {
        let serial = trace(vec![
            span(1, 0, "run", 0..100),
            span(2, 1, "validate", 0..10),
            span(3, 1, "agent.a", 10..40),
            span(4, 1, "agent.b", 40..90),
        ]);
        let a = analyze_performance(&serial, &PerformanceContext::default()).unwrap();
        let advice = a.recommendations.iter().find(|r| r.kind == "parallelize").unwrap();
        assert_eq!(advice.estimated_gain_ms, Some(30.0));
        assert_eq!((advice.evidence[0].observed, advice.evidence[0].reference), (80.0, 50.0));
        let parallel =
            trace(vec![span(1, 0, "run", 0..60), span(3, 1, "agent.a", 0..30), span(4, 1, "agent.b", 0..50)]);
        assert!(
            !kinds(&analyze_performance(&parallel, &PerformanceContext::default()).unwrap())
                .contains(&"parallelize")
        );
    }

    #[test]
    fn errors_are_traced_to_where_they_began() {
        let mut t = trace(vec![span(1, 0, "run", 0..10), span(2, 1, "call", 0..9), span(3, 2, "db", 0..1)]);
        t.spans[0].span.status = Status::Error("failed".into());
        t.spans[1].span.status = Status::Error("no answer".into());
        let targets = PerformanceTargets { max_error_rate_percent: Some(1.0), ..Default::default() };
        let a = analyze_performance(&t, &PerformanceContext { targets, ..Default::default() }).unwrap();
        assert_eq!(a.verdict, TargetVerdict::Violated);
        assert_eq!(a.recommendations[0].message, "2 of 3 spans failed; it began in `call`: no answer");
        assert!(analyze_performance(&trace(vec![]), &PerformanceContext::default()).is_none());
    }

    #[test]
    fn a_healthy_trace_without_targets_gets_no_made_up_advice() {
        let t = trace(vec![
            span(1, 0, "run", 0..100),
            span(2, 1, "a", 0..25),
            span(3, 1, "b", 25..50),
            span(4, 1, "c", 50..75),
        ]);
        let a = analyze_performance(&t, &PerformanceContext::default()).unwrap();
        assert_eq!((kinds(&a), a.verdict, a.baseline), (vec![], TargetVerdict::Unknown, None));
    }
}
