//! Waiting for somewhere else.

use std::collections::BTreeMap;

use super::{DOMINANT_SHARE, TraceFindings, evidence, ms};
use crate::model::{Recommendation, Severity, SpanKind};
use crate::store::StoredSpan;

/// Calls by one name that take at least three tenths of the trace on its critical path, and of which nothing below
/// says where the time went.
pub(super) fn find(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let mut waits: BTreeMap<&str, (f64, Vec<&StoredSpan>)> = BTreeMap::new();
    for step in &f.timing.critical_path {
        let span = &f.trace.spans[step.index];
        if span.span.kind == SpanKind::Client {
            let wait = waits.entry(&span.span.name).or_default();
            wait.0 += ms(step.self_time);
            wait.1.push(span);
        }
    }
    let total = f.total_ms();
    let slow = waits.into_iter().filter(|(_, (wait, _))| total > 0.0 && *wait >= DOMINANT_SHARE * total);
    slow.map(|(name, (wait, spans))| {
        let typical: Option<f64> = spans.iter().map(|s| (f.typical_self_ms)(s)).sum();
        let usual = typical.map_or_else(String::new, |t| format!("; {t:.0} ms would be usual"));
        let mut facts = vec![evidence("wait_ms", wait, total, &f.window())];
        facts.extend(typical.map(|t| evidence("usual_wait_ms", wait, t, "recent calls")));
        Recommendation {
            kind: "slow_dependency".to_owned(),
            message: format!(
                "{} calls of `{name}` keep the trace waiting for {wait:.0} ms, {:.0} % of it{usual}",
                spans.len(),
                100.0 * wait / total
            ),
            priority: if wait >= 0.6 * total { Severity::Medium } else { Severity::Low },
            evidence: facts,
            exemplars: f.exemplars(spans.iter().copied()),
            estimated_gain_ms: typical.map(|t| wait - t).filter(|gain| *gain > 0.0),
        }
    })
    .collect()
}
