//! A span that itself takes much of the trace.

use super::{DOMINANT_SHARE, TraceFindings, evidence};
use crate::model::{Bottleneck, Recommendation, Severity, SpanKind};

/// The longest span on the critical path that is no call to somewhere else.
pub(super) fn find(f: &TraceFindings<'_>) -> Option<Recommendation> {
    let by_id = f.by_id();
    let own = |b: &&Bottleneck| by_id.get(&b.span_id).is_some_and(|s| s.span.kind != SpanKind::Client);
    let dominant = |b: &&Bottleneck| b.on_critical_path && b.share_of_trace >= DOMINANT_SHARE;
    let b = f.bottlenecks.iter().filter(dominant).find(own)?;
    let span = by_id.get(&b.span_id)?;
    let mut facts = vec![evidence("self_time_ms", b.self_time_ms, f.total_ms(), &f.window())];
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
        exemplars: f.exemplars([*span]),
        estimated_gain_ms: gain,
    })
}
