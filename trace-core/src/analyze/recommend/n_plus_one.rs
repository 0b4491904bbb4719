//! One call for each item of a list, where one for all of them would do.

use super::{TraceFindings, WORTHWHILE_SHARE, evidence, urgency};
use crate::model::{Recommendation, SpanKind};

/// So many calls of one name one after another are a loop.
pub(super) const CALLS: usize = 10;

/// At least ten calls to somewhere else below one parent, by the same name, one after another, which take a tenth of the
/// trace. What would be saved is all but the longest.
pub(super) fn find(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let groups = f.calls(CALLS);
    let loops = groups.iter().filter(|g| g.calls[0].span.kind == SpanKind::Client && g.is_serial());
    loops
        .filter_map(|g| {
            let (sum, longest) = (g.durations_ms().sum::<f64>(), g.durations_ms().fold(0.0, f64::max));
            let gain = sum - longest;
            (gain > 0.0 && gain >= WORTHWHILE_SHARE * f.total_ms()).then(|| Recommendation {
                kind: "n_plus_one_calls".to_owned(),
                message: format!(
                    "`{}` calls `{}` {} times one after another for {sum:.0} ms: ask for all at once",
                    g.parent.span.name,
                    g.name(),
                    g.calls.len()
                ),
                priority: urgency(gain / f.total_ms()),
                evidence: vec![
                    evidence("calls", g.calls.len() as f64, 1.0, &f.window()),
                    evidence("calls_total_ms", sum, longest, &f.window()),
                ],
                exemplars: f.exemplars(g.calls.iter().copied()),
                estimated_gain_ms: Some(gain),
            })
        })
        .collect()
}
