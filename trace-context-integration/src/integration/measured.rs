//! The values that rules and thresholds look at.

use std::collections::BTreeMap;

use super::open::OpenTrace;
use super::request::ContextMetrics;
use crate::baseline::BaselineState;
use crate::outcome::OutcomeMetrics;

/// The values of an operation by name: what it reports, and on top `duration_ms`, `data_processed`,
/// `operations_completed`, and `error_rate_percent` once the baseline knows enough operations.
pub(super) fn measured(metrics: &ContextMetrics, baseline: &BaselineState) -> BTreeMap<String, f64> {
    let specific = &metrics.context_specific;
    let reported = specific.resources_used.iter().take(OutcomeMetrics::MAX_RESOURCES);
    let mut all: BTreeMap<String, f64> =
        reported.filter(|(_, v)| v.is_finite()).map(|(k, v)| (k.clone(), *v)).collect();
    let mut add = |name: &str, value: f64| all.insert(name.to_owned(), value);
    add("duration_ms", metrics.duration.as_secs_f64() * 1e3);
    add("data_processed", specific.data_processed as f64);
    add("operations_completed", specific.operations_completed as f64);
    if let BaselineState::Ready { error_rate_percent, .. } = baseline {
        add("error_rate_percent", *error_rate_percent);
    }
    all
}

/// The rate of an operation that reports how much work it did.
pub(super) fn throughput(metrics: &ContextMetrics) -> Option<f64> {
    let seconds = metrics.duration.as_secs_f64();
    let completed = metrics.context_specific.operations_completed;
    (completed > 0 && seconds > 0.0).then(|| completed as f64 / seconds)
}

/// The alert's subject: `operation of a pipeline context`.
pub(super) fn subject(trace: &OpenTrace) -> String {
    format!("`{}` of {} context {}", trace.operation, trace.context_type, trace.context)
}
