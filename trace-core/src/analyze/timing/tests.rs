//! Tests of critical path and self times.

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
