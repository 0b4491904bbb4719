//! Steps that run one after another, and might run side by side.

use std::collections::BTreeMap;

use super::{TraceFindings, WORTHWHILE_SHARE, evidence, ms, urgency};
use crate::model::{Recommendation, SpanId};
use crate::store::StoredSpan;

/// Siblings of the same family (same name, or the same name up to the last dot) that ran one after another on the
/// critical path. Steps of different families usually need each other's results, so nothing is said of them.
pub(super) fn find(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let mut families: BTreeMap<(Option<SpanId>, &str), Vec<&StoredSpan>> = BTreeMap::new();
    for step in &f.timing.critical_path {
        let span = &f.trace.spans[step.index];
        if step.index != f.timing.root {
            families.entry((span.span.parent_span_id, family(&span.span.name))).or_default().push(span);
        }
    }
    let total = f.total_ms();
    let mut found = Vec::new();
    for ((_, name), mut steps) in families {
        steps.sort_by_key(|s| s.span.start);
        let serial = steps.windows(2).all(|w| w[1].span.start >= w[0].span.end);
        // Many calls of one name are a matter of their number.
        let one_name = steps.iter().all(|s| s.span.name == steps[0].span.name);
        if steps.len() < 2 || !serial || one_name && steps.len() >= super::n_plus_one::CALLS {
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
            priority: urgency(gain / total),
            evidence: vec![evidence("serial_steps_ms", sum, longest, &f.window())],
            exemplars: f.exemplars(steps.iter().copied()),
            estimated_gain_ms: Some(gain),
        });
    }
    found
}

/// The name up to its last dot.
fn family(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((family, _)) if !family.is_empty() => family,
        _ => name,
    }
}
