//! A call that failed and was made again, and again.

use super::{TraceFindings, evidence, failed, ms};
use crate::model::{Recommendation, Severity};

/// Failures in a row that are more than bad luck.
const FAILURES: usize = 3;

/// At least three failures in a row of calls by the same name below one parent, each followed by another one.
pub(super) fn find(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let groups = f.calls(FAILURES + 1);
    let storms = groups.iter().filter_map(|g| {
        // The last one is not followed by another.
        let retried = &g.calls[..g.calls.len() - 1];
        let again = |i: usize| failed(retried[i]) && g.calls[i + 1].span.start >= retried[i].span.end;
        let (mut longest, mut run) = (0..0, 0..0);
        for i in 0..retried.len() {
            run = if again(i) { run.start..i + 1 } else { i + 1..i + 1 };
            if run.len() > longest.len() {
                longest = run.clone();
            }
        }
        if longest.len() < FAILURES {
            return None;
        }
        let calls = &retried[longest.clone()];
        let lost = ms(g.calls[longest.end].span.start.since(calls[0].span.start));
        Some(Recommendation {
            kind: "retry_storm".to_owned(),
            message: format!(
                "`{}` called `{}` again after each of {} failures in a row, for {lost:.0} ms: back off, or give up \
                 earlier",
                g.parent.span.name,
                g.name(),
                calls.len()
            ),
            priority: Severity::High,
            evidence: vec![
                evidence("failures_in_a_row", calls.len() as f64, FAILURES as f64, &f.window()),
                evidence("retry_time_ms", lost, f.total_ms(), &f.window()),
            ],
            exemplars: f.exemplars(calls.iter().copied()),
            estimated_gain_ms: None,
        })
    });
    storms.collect()
}
