//! What rules, thresholds and targets make of measured values.

use std::collections::BTreeMap;

use trace_core::model::{Alert, AlertKind, Evidence, PerformanceTargets, Severity, Timestamp};

use super::measured::subject;
use super::open::{OpenTrace, Setup};
use crate::baseline::BaselineState;
use crate::context::MonitoringRule;

/// Something that may raise an alert, once for each trace.
pub(super) struct Finding {
    /// What it is, within a trace.
    pub(super) key: String,
    pub(super) alert: Alert,
    pub(super) evidence: Evidence,
}

/// Everything that is amiss.
pub(super) fn findings(
    trace: &OpenTrace,
    setup: &Setup,
    measured: &BTreeMap<String, f64>,
    baseline: &BaselineState,
    now: Timestamp,
) -> Vec<Finding> {
    let window = format!("trace {}", trace.trace_id);
    let mut found = Vec::new();
    for (name, limit) in setup.thresholds.iter() {
        let Some(&value) = measured.get(name) else { continue };
        let Some(breach) = limit.breach(value) else { continue };
        let message = format!(
            "{}: {name} is {value:.1}, {} bound is {:.1}",
            subject(trace),
            breach.level.as_str(),
            breach.bound
        );
        let alert = Alert::new(AlertKind::ThresholdExceeded, breach.level.severity(), message, now)
            .label("metric", name);
        found.push(finding(format!("threshold:{name}"), alert, name, value, breach.bound, &window));
    }
    for rule in &setup.rules {
        found.extend(rule_finding(trace, rule, measured, now, &window));
    }
    found.extend(target_findings(trace, &setup.targets, baseline, now));
    found
}

fn rule_finding(
    trace: &OpenTrace,
    rule: &MonitoringRule,
    measured: &BTreeMap<String, f64>,
    now: Timestamp,
    window: &str,
) -> Option<Finding> {
    let value_of = |name: &str| measured.get(name).copied();
    if rule.condition.evaluate(&value_of) != Some(true) {
        return None;
    }
    let message = format!("{}: rule `{}` holds: {}", subject(trace), rule.name, rule.condition);
    let mut alert = Alert::new(AlertKind::ThresholdExceeded, rule.severity, message, now);
    alert.labels.clone_from(&rule.labels);
    alert.annotations.clone_from(&rule.annotations);
    let alert = alert.label("rule", rule.name.clone());
    let key = format!("rule:{}", rule.name);
    // A condition that holds because something does not (`NOT`) has no value to show.
    Some(match rule.condition.witness(&value_of) {
        Some((metric, value, bound)) => finding(key, alert, metric, value, bound, window),
        None => Finding { key, alert, evidence: evidence(&rule.condition.to_string(), 1.0, 0.0, window) },
    })
}

/// Targets are about many operations, so they are held against the baseline's window.
fn target_findings(
    trace: &OpenTrace,
    targets: &PerformanceTargets,
    baseline: &BaselineState,
    now: Timestamp,
) -> Vec<Finding> {
    let BaselineState::Ready { baseline, error_rate_percent } = baseline else { return Vec::new() };
    let window = format!("last {} operations", baseline.sample_size);
    [
        ("latency_p95_ms", baseline.duration_ms.p95, targets.max_latency_p95_ms),
        ("error_rate_percent", *error_rate_percent, targets.max_error_rate_percent),
    ]
    .into_iter()
    .filter_map(|(name, value, bound)| Some((name, value, bound.filter(|b| value > *b)?)))
    .map(|(name, value, bound)| {
        let message =
            format!("{}: {name} of the {window} is {value:.1}, target is {bound:.1}", subject(trace));
        let alert = Alert::new(AlertKind::SlaViolation, Severity::High, message, now).label("metric", name);
        finding(format!("target:{name}"), alert, name, value, bound, &window)
    })
    .collect()
}

fn evidence(metric: &str, observed: f64, reference: f64, window: &str) -> Evidence {
    Evidence { metric: metric.to_owned(), observed, reference, window: window.to_owned() }
}

fn finding(key: String, mut alert: Alert, metric: &str, value: f64, bound: f64, window: &str) -> Finding {
    alert.value = Some(value);
    alert.threshold = Some(bound);
    Finding { key, alert, evidence: evidence(metric, value, bound, window) }
}
