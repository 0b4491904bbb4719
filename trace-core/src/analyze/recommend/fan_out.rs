//! Very many calls at the same time.

use super::{Calls, TraceFindings, evidence, ms};
use crate::model::{Recommendation, Severity};

/// Calls at the same time from which on they are worth a look.
const CONCURRENT: usize = 50;

/// At least fifty calls by the same name below one parent that were running at the same moment, and of which the slowest
/// took twice as long as the median: they get into each other's way.
pub(super) fn find(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let groups = f.calls(CONCURRENT);
    let wide = groups.iter().filter_map(|g| {
        let peak = peak(g);
        let mut durations: Vec<f64> = g.durations_ms().collect();
        durations.sort_by(f64::total_cmp);
        let (median, longest) = (durations[durations.len() / 2], *durations.last()?);
        (peak >= CONCURRENT && longest >= 2.0 * median).then(|| Recommendation {
            kind: "high_fan_out".to_owned(),
            message: format!(
                "`{}` makes {} calls of `{}`, up to {peak} at a time; the slowest takes {longest:.0} ms, the median \
                 {median:.0} ms: fewer at a time, or one for many",
                g.parent.span.name,
                g.calls.len(),
                g.name()
            ),
            priority: Severity::Low,
            evidence: vec![
                evidence("concurrent_calls", peak as f64, CONCURRENT as f64, &f.window()),
                evidence("slowest_call_ms", longest, median, &f.window()),
            ],
            exemplars: f.exemplars(g.calls.iter().max_by_key(|s| super::duration(s)).copied()),
            estimated_gain_ms: Some(longest - median).filter(|_| ms(f.timing.duration) >= longest),
        })
    });
    wide.collect()
}

/// The most calls that ran at one moment.
fn peak(g: &Calls<'_>) -> usize {
    let mut edges: Vec<_> = g.calls.iter().flat_map(|s| [(s.span.start, 1_i64), (s.span.end, -1)]).collect();
    // At the same moment ends come first: calls that follow each other do not overlap.
    edges.sort_unstable();
    let running = edges.iter().scan(0, |running, edge| {
        *running += edge.1;
        Some(*running)
    });
    running.max().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
}
