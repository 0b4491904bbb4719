//! Advice that measured numbers support: one rule a file. A rule says nothing unless its evidence suffices.

mod baseline_regression;
mod error_origin;
mod fan_out;
mod n_plus_one;
mod period;
mod queueing_gap;
mod retry_storm;
mod self_time;
mod serial_calls;
mod slow_dependency;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

pub use period::recommend_for_period;

use super::TraceTiming;
use crate::model::{
    BaselineComparison, Bottleneck, Evidence, Recommendation, Severity, SpanId, Status, TraceIds,
};
use crate::store::{StoredSpan, StoredTrace};

/// A cause is worth urgent advice from this share of the trace on.
const DOMINANT_SHARE: f64 = 0.3;
/// A gain is worth advice from this share of the trace on.
const WORTHWHILE_SHARE: f64 = 0.1;
/// Spans that advice points at, at most.
const MAX_EXEMPLARS: usize = 3;

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn evidence(metric: &str, observed: f64, reference: f64, window: &str) -> Evidence {
    Evidence { metric: metric.to_owned(), observed, reference, window: window.to_owned() }
}

/// What is known of one trace.
pub(super) struct TraceFindings<'a> {
    pub(super) trace: &'a StoredTrace,
    pub(super) timing: &'a TraceTiming,
    pub(super) bottlenecks: &'a [Bottleneck],
    pub(super) baseline: Option<&'a BaselineComparison>,
    /// The usual self time of a span, in milliseconds.
    pub(super) typical_self_ms: &'a dyn Fn(&StoredSpan) -> Option<f64>,
}

/// The children of one parent that have the same name and kind, by start.
struct Calls<'a> {
    parent: &'a StoredSpan,
    calls: Vec<&'a StoredSpan>,
}

impl<'a> TraceFindings<'a> {
    fn window(&self) -> String {
        format!("trace {}", self.trace.trace_id)
    }

    fn total_ms(&self) -> f64 {
        ms(self.timing.duration)
    }

    fn exemplars<'s>(&self, spans: impl IntoIterator<Item = &'s StoredSpan>) -> Vec<TraceIds> {
        let ids = |s: &StoredSpan| TraceIds {
            trace_id: self.trace.trace_id,
            span_id: Some(s.span.context.span_id),
        };
        spans.into_iter().take(MAX_EXEMPLARS).map(ids).collect()
    }

    fn by_id(&self) -> HashMap<SpanId, &'a StoredSpan> {
        self.trace.spans.iter().map(|s| (s.span.context.span_id, s)).collect()
    }

    /// All groups of at least `least` calls, by parent and name in the order of the spans.
    fn calls(&self, least: usize) -> Vec<Calls<'a>> {
        let by_id = self.by_id();
        let mut at = HashMap::new();
        let mut groups: Vec<Calls<'a>> = Vec::new();
        for s in &self.trace.spans {
            let Some(parent) = s.span.parent_span_id.and_then(|p| by_id.get(&p)) else { continue };
            let key = (parent.span.context.span_id, s.span.name.as_ref(), s.span.kind as u8);
            let group = *at.entry(key).or_insert_with(|| {
                groups.push(Calls { parent, calls: Vec::new() });
                groups.len() - 1
            });
            groups[group].calls.push(s);
        }
        groups.retain(|g| g.calls.len() >= least);
        groups.iter_mut().for_each(|g| g.calls.sort_by_key(|s| s.span.start));
        groups
    }
}

impl Calls<'_> {
    fn name(&self) -> &str {
        self.calls.first().map_or("", |s| &s.span.name)
    }

    fn durations_ms(&self) -> impl Iterator<Item = f64> {
        self.calls.iter().map(|s| ms(duration(s)))
    }

    /// Whether each began after the one before had ended.
    fn is_serial(&self) -> bool {
        self.calls.windows(2).all(|w| w[1].span.start >= w[0].span.end)
    }
}

fn duration(s: &StoredSpan) -> Duration {
    s.span.end.since(s.span.start)
}

fn failed(s: &StoredSpan) -> bool {
    matches!(s.span.status, Status::Error(_))
}

/// How urgent something is that takes a share of the trace.
fn urgency(share: f64) -> Severity {
    if share >= DOMINANT_SHARE { Severity::Medium } else { Severity::Low }
}

/// Advice about one trace, the most urgent first.
pub(super) fn recommend_for_trace(f: &TraceFindings<'_>) -> Vec<Recommendation> {
    let mut found: Vec<Recommendation> = Vec::new();
    found.extend(error_origin::find(f));
    found.extend(baseline_regression::find(f));
    found.extend(self_time::find(f));
    found.extend(slow_dependency::find(f));
    found.extend(n_plus_one::find(f));
    found.extend(serial_calls::find(f));
    found.extend(retry_storm::find(f));
    found.extend(fan_out::find(f));
    found.extend(queueing_gap::find(f));
    found.sort_by_key(|r| std::cmp::Reverse(r.priority));
    found
}
