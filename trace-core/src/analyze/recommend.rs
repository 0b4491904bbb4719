//! Advice that measured numbers support.

use std::collections::BTreeMap;

use super::{RedRow, TraceTiming};
use crate::model::{
    Anomaly, BaselineComparison, Bottleneck, Evidence, Recommendation, Severity, SpanId, Status,
};
use crate::store::{StoredSpan, StoredTrace};

/// A bottleneck is worth advice from this share of the trace on.
const DOMINANT_SHARE: f64 = 0.3;
/// A gain is worth advice from this share of the trace on.
const WORTHWHILE_SHARE: f64 = 0.1;
/// A duration is a regression if it is this much over the baseline and this many robust deviations off.
const REGRESSION_RATIO: f64 = 1.2;
const REGRESSION_Z: f64 = 3.0;
/// A period needs this many calls of an operation before anything is said about it.
const MIN_CALLS: u64 = 20;
/// Advice about a period at most.
const MAX_PERIOD: usize = 10;

fn ms(d: std::time::Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn evidence(metric: &str, observed: f64, reference: f64, window: &str) -> Evidence {
    Evidence { metric: metric.to_owned(), observed, reference, window: window.to_owned() }
}

/// What is known of one trace.
pub(super) struct TraceFindings<'a> {
    pub(super) trace: &'a StoredTrace,
    pub(super) timing: &'a TraceTiming,
    pub(super) bottlenecks: &'a [Bottleneck],
    pub(super) baseline: Option<&'a BaselineComparison>,
    /// The usual self time of a span, in milliseconds.
    pub(super) typical_self_ms: &'a dyn Fn(&StoredSpan) -> Option<f64>,
}

/// Advice about one trace, the most urgent first.
pub(super) fn recommend_for_trace(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let mut found: Vec<_> = [investigate_errors(f), baseline_regression(f), reduce_self_time(f)]
        .into_iter()
        .flatten()
        .chain(parallelize(f))
        .collect();
    found.sort_by_key(|r| std::cmp::Reverse(r.priority));
    found
}

fn window_of(f: &TraceFindings<'_>) -> String {
    format!("trace {}", f.trace.trace_id)
}

fn investigate_errors(f: &TraceFindings<'_>) -> Option<Recommendation> {
    let failed = |s: &&StoredSpan| matches!(s.span.status, Status::Error(_));
    let errors: Vec<&StoredSpan> = f.trace.spans.iter().filter(failed).collect();
    // An error is usually passed on to the parents, so it began where no child failed.
    let origin = errors
        .iter()
        .find(|e| !errors.iter().any(|c| c.span.parent_span_id == Some(e.span.context.span_id)))
        .or_else(|| errors.first())?;
    let text = match &origin.span.status {
        Status::Error(m) if !m.is_empty() => format!(": {}", m.chars().take(200).collect::<String>()),
        _ => String::new(),
    };
    let root_failed = matches!(f.trace.spans.get(f.timing.root)?.span.status, Status::Error(_));
    Some(Recommendation {
        kind: "investigate_errors".to_owned(),
        message: format!(
            "{} of {} spans failed; it began in `{}`{text}",
            errors.len(),
            f.trace.spans.len(),
            origin.span.name
        ),
        priority: if root_failed { Severity::High } else { Severity::Medium },
        evidence: vec![evidence("error_spans", errors.len() as f64, 0.0, &window_of(f))],
        estimated_gain_ms: None,
    })
}

fn baseline_regression(f: &TraceFindings<'_>) -> Option<Recommendation> {
    let b = f.baseline.filter(|b| b.ratio >= REGRESSION_RATIO && b.z_robust >= REGRESSION_Z)?;
    let observed = b.baseline_ms * b.ratio;
    Some(Recommendation {
        kind: "baseline_regression".to_owned(),
        message: format!(
            "{observed:.0} ms is {:.0} % over the median of {:.0} ms in {} earlier runs",
            b.delta_percent, b.baseline_ms, b.sample_size
        ),
        priority: if b.ratio >= 2.0 { Severity::High } else { Severity::Medium },
        evidence: vec![evidence("duration_ms", observed, b.baseline_ms, &window_of(f))],
        estimated_gain_ms: Some(observed - b.baseline_ms),
    })
}

fn reduce_self_time(f: &TraceFindings<'_>) -> Option<Recommendation> {
    let b = f.bottlenecks.iter().find(|b| b.on_critical_path && b.share_of_trace >= DOMINANT_SHARE)?;
    let span = f.trace.spans.iter().find(|s| s.span.context.span_id == b.span_id)?;
    let mut facts = vec![evidence("self_time_ms", b.self_time_ms, ms(f.timing.duration), &window_of(f))];
    let typical = (f.typical_self_ms)(span);
    if let Some(typical) = typical {
        facts.push(evidence("self_time_p50_ms", b.self_time_ms, typical, "recent calls"));
    }
    let gain = typical.map(|t| b.self_time_ms - t).filter(|g| *g > 0.0);
    let share = b.share_of_trace * 100.0;
    Some(Recommendation {
        kind: "reduce_self_time".to_owned(),
        message: match typical {
            Some(t) => format!(
                "`{}` itself takes {:.0} ms, {share:.0} % of the trace; its median is {t:.0} ms",
                b.name, b.self_time_ms
            ),
            None => format!("`{}` itself takes {:.0} ms, {share:.0} % of the trace", b.name, b.self_time_ms),
        },
        priority: if b.share_of_trace >= 0.6 { Severity::Medium } else { Severity::Low },
        evidence: facts,
        estimated_gain_ms: gain,
    })
}

/// Siblings of the same family (same name, or the same name up to the last dot) that ran one after another on the
/// critical path. Steps of different families usually need each other's results, so nothing is said of them.
fn parallelize(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let mut families: BTreeMap<(Option<SpanId>, &str), Vec<&StoredSpan>> = BTreeMap::new();
    for step in &f.timing.critical_path {
        let span = &f.trace.spans[step.index];
        if step.index != f.timing.root {
            families.entry((span.span.parent_span_id, family(&span.span.name))).or_default().push(span);
        }
    }
    let total = ms(f.timing.duration);
    let mut found = Vec::new();
    for ((_, name), mut steps) in families {
        steps.sort_by_key(|s| s.span.start);
        let serial = steps.windows(2).all(|w| w[1].span.start >= w[0].span.end);
        if steps.len() < 2 || !serial {
            continue;
        }
        let durations = || steps.iter().map(|s| ms(s.span.end.since(s.span.start)));
        let (sum, longest) = (durations().sum::<f64>(), durations().fold(0.0, f64::max));
        let gain = sum - longest;
        if gain < WORTHWHILE_SHARE * total {
            continue;
        }
        found.push(Recommendation {
            kind: "parallelize".to_owned(),
            message: format!(
                "{} steps `{name}` run one after another for {sum:.0} ms; side by side they would take {longest:.0} \
                 ms, if none needs another's result",
                steps.len()
            ),
            priority: if gain >= DOMINANT_SHARE * total { Severity::Medium } else { Severity::Low },
            evidence: vec![evidence("serial_steps_ms", sum, longest, &window_of(f))],
            estimated_gain_ms: Some(gain),
        });
    }
    found
}

fn family(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((family, _)) if !family.is_empty() => family,
        _ => name,
    }
}

/// Advice about a period: its operations, and the anomalies that were not resolved in it. The most urgent first,
/// at most ten.
pub fn recommend_for_period(rows: &[RedRow], anomalies: &[Anomaly], period: &str) -> Vec<Recommendation> {
    let mut found: Vec<Recommendation> =
        anomalies.iter().filter_map(|a| investigate_anomaly(a, period)).collect();
    let all_self: f64 = rows.iter().map(total_self).sum();
    for row in rows.iter().filter(|r| r.summary.count >= MIN_CALLS) {
        let (s, name) = (&row.summary, &row.operation);
        if s.error_rate_percent >= 5.0 {
            found.push(Recommendation {
                kind: "investigate_errors".to_owned(),
                message: format!("{:.1} % of {} calls of `{name}` failed", s.error_rate_percent, s.count),
                priority: if s.error_rate_percent >= 20.0 { Severity::High } else { Severity::Medium },
                evidence: vec![evidence("error_rate_percent", s.error_rate_percent, 5.0, period)],
                estimated_gain_ms: None,
            });
        }
        let share = if all_self > 0.0 { total_self(row) / all_self } else { 0.0 };
        if share >= 0.4 && rows.len() > 1 {
            found.push(Recommendation {
                kind: "reduce_self_time".to_owned(),
                message: format!("`{name}` itself takes {:.0} % of all time spent", share * 100.0),
                priority: Severity::Low,
                evidence: vec![evidence("self_time_total_ms", total_self(row), all_self, period)],
                estimated_gain_ms: None,
            });
        }
        let d = &s.self_time_ms;
        if d.p95 >= 3.0 * d.p50 && d.p95 - d.p50 >= 50.0 {
            found.push(Recommendation {
                kind: "reduce_tail_latency".to_owned(),
                message: format!(
                    "`{name}` itself usually takes {:.0} ms, but 5 % take over {:.0} ms",
                    d.p50, d.p95
                ),
                priority: Severity::Low,
                evidence: vec![evidence("self_time_p95_ms", d.p95, d.p50, period)],
                estimated_gain_ms: None,
            });
        }
    }
    found.sort_by_key(|r| std::cmp::Reverse(r.priority));
    found.truncate(MAX_PERIOD);
    found
}

fn total_self(row: &RedRow) -> f64 {
    row.summary.self_time_ms.avg * row.summary.self_time_ms.count as f64
}

fn investigate_anomaly(a: &Anomaly, period: &str) -> Option<Recommendation> {
    let main = a.affected.first().filter(|_| !a.state.is_resolved())?;
    Some(Recommendation {
        kind: "investigate_anomaly".to_owned(),
        message: a.reason.clone(),
        priority: a.severity,
        evidence: vec![evidence(&main.name, main.observed, main.expected?, period)],
        estimated_gain_ms: None,
    })
}
