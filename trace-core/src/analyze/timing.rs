//! Where the time of one trace went.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::{SpanId, Timestamp};

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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(id: u64, parent: u64, start: u64, end: u64) -> SpanTiming {
        SpanTiming {
            span_id: SpanId::new(id).unwrap(),
            parent: SpanId::new(parent),
            start: Timestamp::from_unix_nanos(start),
            end: Timestamp::from_unix_nanos(end),
        }
    }

    fn timing(spans: &[SpanTiming]) -> (u64, Vec<u64>, Vec<(u64, u64)>) {
        let t = TraceTiming::of(spans).unwrap();
        let path = t.critical_path.iter();
        (
            t.duration.as_nanos() as u64,
            t.self_times.iter().map(|d| d.as_nanos() as u64).collect(),
            path.map(|s| (spans[s.index].span_id.to_u64(), s.self_time.as_nanos() as u64)).collect(),
        )
    }

    #[test]
    fn parallel_children_count_once_and_the_later_one_is_critical() {
        // root 0-100; validate 0-10; two agents 20-50 and 20-90; the second calls a tool 30-80.
        let spans = [
            span(1, 0, 0, 100),
            span(2, 1, 0, 10),
            span(3, 1, 20, 50),
            span(4, 1, 20, 90),
            span(5, 4, 30, 80),
        ];
        let (duration, own, path) = timing(&spans);
        assert_eq!(duration, 100);
        assert_eq!(own, [20, 10, 30, 20, 50]);
        assert_eq!(path, [(1, 20), (2, 10), (4, 20), (5, 50)]);
    }

    #[test]
    fn a_child_that_overlaps_the_next_is_followed_up_to_it() {
        let (_, own, path) = timing(&[span(1, 0, 0, 10), span(2, 1, 0, 6), span(3, 1, 5, 10)]);
        assert_eq!(own, [0, 6, 5]);
        assert_eq!(path, [(1, 0), (2, 5), (3, 5)]);
    }

    #[test]
    fn skewed_clocks_orphans_and_late_children_are_tolerated() {
        let spans = [span(1, 0, 100, 200), span(2, 1, 50, 150), span(3, 99, 180, 190), span(4, 1, 190, 400)];
        let (duration, own, path) = timing(&spans);
        assert_eq!(duration, 100);
        assert_eq!(own, [30, 100, 10, 210]);
        assert_eq!(path.iter().map(|p| p.1).sum::<u64>(), 100);
        let reversed = [span(1, 0, 10, 5)];
        assert_eq!(timing(&reversed), (0, vec![0], vec![(1, 0)]));
        assert!(TraceTiming::of(&[]).is_none());
    }

    #[test]
    fn circles_and_very_deep_traces_end() {
        let (_, _, path) = timing(&[span(1, 2, 0, 10), span(2, 1, 0, 10), span(3, 3, 0, 10)]);
        assert!(!path.is_empty());
        let deep: Vec<_> = (1..=100_000).map(|n| span(n, n - 1, n, 1_000_000 - n)).collect();
        assert_eq!(timing(&deep).2.len(), 100_000);
    }

    proptest! {
        #[test]
        fn times_add_up_for_any_trace(
            raw in proptest::collection::vec((1u64..12, 0u64..14, 0u64..100, 0u64..100), 1..20)
        ) {
            let spans: Vec<_> = raw.into_iter().map(|(id, p, a, b)| span(id, p, a, b)).collect();
            let t = TraceTiming::of(&spans).unwrap();
            for (s, own) in spans.iter().zip(&t.self_times) {
                prop_assert!(*own <= s.end.since(s.start));
            }
            let mut path = Duration::ZERO;
            for step in &t.critical_path {
                prop_assert!(step.self_time <= t.self_times[step.index]);
                path += step.self_time;
            }
            prop_assert_eq!(path, t.duration);
        }
    }
}
