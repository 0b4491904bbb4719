//! Time between a request and the begin of its handling: in a queue, on the way, or waiting for a connection.

use super::{TraceFindings, WORTHWHILE_SHARE, evidence, ms, urgency};
use crate::model::{Recommendation, SpanKind};

/// Shorter gaps are the network.
const MIN_GAP_MS: f64 = 5.0;

/// A handler that begins at least 5 ms and a tenth of the trace after its caller did, or after the message was sent.
/// Only if the handler lies within the call, or after the sending: else the clocks of the two differ, and nothing is said.
pub(super) fn find(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let by_id = f.by_id();
    let gaps = f.trace.spans.iter().filter_map(|handler| {
        let caller = by_id.get(&handler.span.parent_span_id?)?;
        let (from, to) = (&caller.span, &handler.span);
        let gap = match (from.kind, to.kind) {
            (SpanKind::Client, SpanKind::Server) if from.start <= to.start && to.end <= from.end => {
                to.start.since(from.start)
            }
            (SpanKind::Producer, SpanKind::Consumer) if from.end <= to.start => to.start.since(from.end),
            _ => return None,
        };
        let gap = ms(gap);
        let share = gap / f.total_ms();
        (gap >= MIN_GAP_MS && share >= WORTHWHILE_SHARE).then(|| Recommendation {
            kind: "queueing_gap".to_owned(),
            message: format!(
                "`{}` begins {gap:.0} ms after `{}` asked for it: look for a queue, a full pool, or too few workers",
                to.name, from.name
            ),
            priority: urgency(share),
            evidence: vec![evidence("gap_ms", gap, f.total_ms(), &f.window())],
            exemplars: f.exemplars([*caller, handler]),
            estimated_gain_ms: (from.kind == SpanKind::Client).then_some(gap),
        })
    });
    // The longest say it for all.
    let mut gaps: Vec<Recommendation> = gaps.collect();
    gaps.sort_by(|a, b| b.evidence[0].observed.total_cmp(&a.evidence[0].observed));
    gaps.truncate(3);
    gaps
}
