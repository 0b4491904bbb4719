//! Tests of critical path and self times.

use std::cmp::Reverse;

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
    let spans =
        [span(1, 0, 0, 100), span(2, 1, 0, 10), span(3, 1, 20, 50), span(4, 1, 20, 90), span(5, 4, 30, 80)];
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

/// Which span each nanosecond of the root belongs to, by looking at each: the last one to begin with is the end of
/// the root. A span on the path stays on it back to its start; where it stays, the child is waited for that runs then and
/// ends last.
fn path_by_slices(spans: &[SpanTiming], root: usize) -> HashMap<usize, u64> {
    let nanos = |i: usize| (spans[i].start.unix_nanos(), spans[i].end.unix_nanos());
    let parent = |i: usize| {
        let parent = spans[i].parent?;
        Some(spans.iter().position(|s| s.span_id == parent).unwrap_or(root))
    };
    let children = |p: usize| (0..spans.len()).filter(move |&c| c != p && c != root && parent(c) == Some(p));
    let (start, end) = nanos(root);
    let mut own = HashMap::new();
    let mut followed: HashMap<usize, usize> = HashMap::new();
    for slice in (start..end).rev() {
        let mut at = root;
        loop {
            let runs = |c: &usize| nanos(*c).0 <= slice && slice < nanos(*c).1;
            let next = match followed.get(&at).filter(|c| runs(c)) {
                Some(&c) => Some(c),
                None => children(at).filter(runs).min_by_key(|&c| (Reverse(nanos(c).1), nanos(c).0, c)),
            };
            let Some(child) = next else { break };
            if followed.insert(at, child) != Some(child) {
                followed.remove(&child);
            }
            at = child;
        }
        *own.entry(at).or_default() += 1;
    }
    own
}

proptest! {
    #[test]
    fn path_and_self_times_equal_those_of_looking_at_every_nanosecond(
        // Parents come before their children, so there are no circles; children may lie anywhere, as if clocks
        // differed, and have parents that are not there, or none.
        raw in proptest::collection::vec((0u64..16, 0u64..60, 0u64..40), 1..14),
    ) {
        let spans: Vec<_> = (1..)
            .zip(raw)
            .map(|(id, (p, start, length))| span(id, if p < id { p } else { 99 }, start, start + length))
            .collect();
        let t = TraceTiming::of(&spans).unwrap();
        let expected = path_by_slices(&spans, t.root);
        let mut got: HashMap<usize, u64> = HashMap::new();
        for step in &t.critical_path {
            *got.entry(step.index).or_default() += step.self_time.as_nanos() as u64;
        }
        got.retain(|_, own| *own > 0);
        prop_assert_eq!(got, expected);

        for (i, s) in spans.iter().enumerate() {
            let mine = |c: &&SpanTiming| {
                let known = c.parent.is_some_and(|p| spans.iter().any(|s| s.span_id == p));
                c.parent == Some(s.span_id) || (i == t.root && c.parent.is_some() && !known && **c != *s)
            };
            let free = (s.start.unix_nanos()..s.end.unix_nanos()).filter(|at| {
                !spans.iter().filter(mine).any(|c| c.start.unix_nanos() <= *at && *at < c.end.unix_nanos())
            });
            prop_assert_eq!(t.self_times[i].as_nanos() as usize, free.count(), "span {}", i);
        }
    }
}

#[test]
fn very_wide_traces_and_several_roots_end_soon() {
    let wide = (2..=100_001).map(|n| span(n, 1, n % 1000, n % 1000 + 700));
    let wide: Vec<_> = std::iter::once(span(1, 0, 0, 2000)).chain(wide).collect();
    let (duration, own, path) = timing(&wide);
    assert_eq!((duration, own[0], path.iter().map(|p| p.1).sum()), (2000, 301, 2000));
    let roots: Vec<_> = (1..=100).map(|n| span(n, 0, n, n + 5)).collect();
    let t = TraceTiming::of(&roots).unwrap();
    assert_eq!((t.root, t.critical_path.len()), (0, 1), "the earliest root tells of itself alone");
}
