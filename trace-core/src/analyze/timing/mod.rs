//! Where the time of one trace went.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{SpanId, Timestamp};
use crate::store::{StoredSpan, StoredTrace};

/// What the analysis needs to know of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanTiming {
    /// The span.
    pub span_id: SpanId,
    /// Its parent, if it has one.
    pub parent: Option<SpanId>,
    /// When it began.
    pub start: Timestamp,
    /// When it ended; a time before the start counts as the start.
    pub end: Timestamp,
}

impl From<&StoredSpan> for SpanTiming {
    fn from(s: &StoredSpan) -> Self {
        Self {
            span_id: s.span.context.span_id,
            parent: s.span.parent_span_id,
            start: s.span.start,
            end: s.span.end,
        }
    }
}

/// A span on the critical path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CriticalStep {
    /// The position of the span in the input.
    pub index: usize,
    /// The time on the path that none of its children accounts for.
    pub self_time: Duration,
}

/// Where the time of one trace went. Takes `O(n log n)` time, and any input: children outside of their parent's
/// interval are cut off (clocks differ between machines), spans whose parent is unknown hang on the root, of
/// spans with the same id the first counts as the parent, and circles of parents do no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceTiming {
    /// The position of the root: the earliest span without a parent, else the longest without a known one, else
    /// the earliest.
    pub root: usize,
    /// The duration of the root.
    pub duration: Duration,
    /// For each span of the input its duration without the time in which at least one child was running.
    pub self_times: Vec<Duration>,
    /// The chain of spans that determined the duration, by start. The times add up to the duration.
    pub critical_path: Vec<CriticalStep>,
}

#[derive(Clone, Copy)]
struct Interval {
    start: u64,
    end: u64,
}

impl TraceTiming {
    /// The timing of a stored trace, its spans in their order; `None` if it has none.
    pub fn of_trace(trace: &StoredTrace) -> Option<Self> {
        Self::of(&trace.spans.iter().map(SpanTiming::from).collect::<Vec<_>>())
    }

    /// The timing of these spans of one trace; `None` if there are none.
    pub fn of(spans: &[SpanTiming]) -> Option<Self> {
        let times: Vec<Interval> = spans
            .iter()
            .map(|s| Interval { start: s.start.unix_nanos(), end: s.end.max(s.start).unix_nanos() })
            .collect();
        let mut by_id = HashMap::with_capacity(spans.len());
        for (i, s) in spans.iter().enumerate() {
            by_id.entry(s.span_id).or_insert(i);
        }
        let parent_of = |i: usize| spans[i].parent.and_then(|p| by_id.get(&p).copied()).filter(|p| *p != i);
        let root = find_root(spans, &times, parent_of)?;

        let mut children = vec![Vec::new(); spans.len()];
        for (i, span) in spans.iter().enumerate() {
            match parent_of(i) {
                Some(p) => children[p].push(i),
                None if span.parent.is_some() && i != root => children[root].push(i),
                None => {}
            }
        }
        for list in &mut children {
            list.sort_by_key(|&c| times[c].start);
        }
        let self_times =
            (0..spans.len()).map(|i| Duration::from_nanos(uncovered(i, &children[i], &times))).collect();
        for list in &mut children {
            list.sort_by_key(|&c| std::cmp::Reverse(times[c].end));
        }
        let critical_path = critical_path(root, &children, &times);
        let duration = Duration::from_nanos(times[root].end - times[root].start);
        Some(Self { root, duration, self_times, critical_path })
    }
}

fn find_root(
    spans: &[SpanTiming],
    times: &[Interval],
    parent_of: impl Fn(usize) -> Option<usize>,
) -> Option<usize> {
    let all = || 0..spans.len();
    all()
        .filter(|&i| spans[i].parent.is_none())
        .min_by_key(|&i| times[i].start)
        .or_else(|| {
            all()
                .filter(|&i| parent_of(i).is_none())
                .min_by_key(|&i| (std::cmp::Reverse(times[i].end - times[i].start), times[i].start))
        })
        .or_else(|| all().min_by_key(|&i| times[i].start))
}

/// The time of a span that no child covers; `children` by start.
fn uncovered(span: usize, children: &[usize], times: &[Interval]) -> u64 {
    let Interval { start, end } = times[span];
    let (mut at, mut free) = (start, 0);
    for &c in children {
        let from = times[c].start.clamp(at, end);
        free += from - at;
        at = times[c].end.clamp(from, end);
    }
    free + (end - at)
}

/// Walks back from the end of the root: the last child to end before the current point is what was waited for.
/// This is the method of CRISP (Zhang et al., USENIX ATC 2022), except that a child which was still running when
/// the next one began is followed up to that moment, so that all time is accounted for. `children` by end,
/// descending.
fn critical_path(root: usize, children: &[Vec<usize>], times: &[Interval]) -> Vec<CriticalStep> {
    let mut path = Vec::new();
    let mut open = vec![(root, times[root])];
    while let Some((span, window)) = open.pop() {
        let mut at = window.end;
        let mut own = 0;
        for &c in &children[span] {
            let part = Interval { start: times[c].start.max(window.start), end: times[c].end.min(at) };
            // Every span is reached through its one parent, so only the root can come up again, in a circle.
            if part.end <= part.start || c == root {
                continue;
            }
            own += at - part.end;
            at = part.start;
            open.push((c, part));
        }
        own += at - window.start;
        path.push(CriticalStep { index: span, self_time: Duration::from_nanos(own) });
    }
    path.sort_by_key(|s| times[s.index].start);
    path
}

#[cfg(test)]
mod tests;
