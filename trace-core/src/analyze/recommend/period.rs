//! Advice about everything in a period.

use super::evidence;
use crate::analyze::RedRow;
use crate::model::{Anomaly, Recommendation, Severity, SpanKind};

/// A period needs this many calls of an operation to be seen before anything is said about it.
const MIN_CALLS: u64 = 20;
/// Advice about a period at most.
const MAX_PERIOD: usize = 10;

/// Advice about a period: its operations, and the anomalies that were not resolved in it. The most urgent first,
/// at most ten.
pub fn recommend_for_period(rows: &[RedRow], anomalies: &[Anomaly], period: &str) -> Vec<Recommendation> {
    let mut found: Vec<Recommendation> =
        anomalies.iter().filter_map(|a| investigate_anomaly(a, period)).collect();
    let all_self: f64 = rows.iter().map(total_self).sum();
    for row in rows.iter().filter(|r| r.summary.observed >= MIN_CALLS) {
        let (s, name) = (&row.summary, &row.operation);
        if s.error_rate_percent >= 5.0 {
            found.push(Recommendation {
                kind: "investigate_errors".to_owned(),
                message: format!("{:.1} % of {} calls of `{name}` failed", s.error_rate_percent, s.count),
                priority: if s.error_rate_percent >= 20.0 { Severity::High } else { Severity::Medium },
                evidence: vec![evidence("error_rate_percent", s.error_rate_percent, 5.0, period)],
                exemplars: s.slowest.into_iter().collect(),
                estimated_gain_ms: None,
            });
        }
        let share = if all_self > 0.0 { total_self(row) / all_self } else { 0.0 };
        if share >= 0.4 && rows.len() > 1 {
            let call = row.kind == SpanKind::Client;
            let text = if call { "waiting for" } else { "the work of" };
            found.push(Recommendation {
                kind: if call { "slow_dependency" } else { "reduce_self_time" }.to_owned(),
                message: format!("{text} `{name}` itself takes {:.0} % of all time spent", share * 100.0),
                priority: Severity::Low,
                evidence: vec![evidence("self_time_total_ms", total_self(row), all_self, period)],
                exemplars: s.slowest.into_iter().collect(),
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
                exemplars: s.slowest.into_iter().collect(),
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
        exemplars: a.exemplar.into_iter().collect(),
        estimated_gain_ms: None,
    })
}
