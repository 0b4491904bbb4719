//! Tests of the rules: each fires, and does not fire without cause.

use std::sync::Arc;

use crate::analyze::{PerformanceContext, RedRow, RedSummary, analyze_performance, recommend_for_period};
use crate::model::*;
use crate::store::{StoredSpan, StoredTrace};

fn span(id: u64, parent: u64, name: &str, kind: SpanKind, ms: std::ops::Range<u64>) -> StoredSpan {
    let context = SpanContext::new(TraceId::new(1).unwrap(), SpanId::new(id).unwrap(), TraceFlags::SAMPLED);
    let at = |ms: u64| Timestamp::from_unix_nanos(ms * 1_000_000);
    let mut span = SpanData::new(context, name.to_owned(), at(ms.start), at(ms.end));
    span.parent_span_id = SpanId::new(parent);
    span.kind = kind;
    StoredSpan { resource: Arc::new(Resource::service("s")), span }
}

fn failing(mut s: StoredSpan) -> StoredSpan {
    s.span.status = Status::Error("no".into());
    s
}

fn root(ms: u64) -> StoredSpan {
    span(1, 0, "run", SpanKind::Server, 0..ms)
}

fn advice(spans: Vec<StoredSpan>) -> Vec<Recommendation> {
    let trace = StoredTrace { trace_id: TraceId::new(1).unwrap(), spans, incomplete: false };
    analyze_performance(&trace, &PerformanceContext::default()).unwrap().recommendations
}

fn find(kind: &str, spans: Vec<StoredSpan>) -> Option<Recommendation> {
    let found = advice(spans).into_iter().find(|r| r.kind == kind);
    if let Some(r) = &found {
        assert!(!r.evidence.is_empty() && !r.exemplars.is_empty(), "{r:?}");
    }
    found
}

#[test]
fn a_loop_of_calls_is_told_and_parallel_or_few_ones_are_not() {
    let calls = |n: u64, step: u64| {
        let mut spans = vec![root(200)];
        spans
            .extend((0..n).map(|i| span(i + 2, 1, "SELECT item", SpanKind::Client, i * step..i * step + 10)));
        spans
    };
    let r = find("n_plus_one_calls", calls(12, 10)).unwrap();
    assert_eq!(
        r.message,
        "`run` calls `SELECT item` 12 times one after another for 120 ms: ask for all at once"
    );
    assert_eq!((r.estimated_gain_ms, r.priority), (Some(110.0), Severity::Medium));
    assert!(find("parallelize", calls(12, 10)).is_none(), "one advice is enough");
    assert!(find("n_plus_one_calls", calls(9, 10)).is_none());
    assert!(find("n_plus_one_calls", calls(12, 5)).is_none(), "they overlap");
}

#[test]
fn retries_are_told_when_failures_follow_each_other() {
    let tries = |outcomes: &[bool]| {
        let mut spans = vec![root(100)];
        for (i, ok) in (0..).zip(outcomes) {
            let s = span(i + 2, 1, "POST /pay", SpanKind::Client, i * 10..i * 10 + 8);
            spans.push(if *ok { s } else { failing(s) });
        }
        spans
    };
    let r = find("retry_storm", tries(&[false, false, false, false, true])).unwrap();
    assert_eq!((r.evidence[0].observed, r.evidence[1].observed), (4.0, 40.0));
    assert!(find("retry_storm", tries(&[false, false, true])).is_none(), "two failures are bad luck");
    assert!(find("retry_storm", tries(&[false, true, false, true, false, true])).is_none());
    assert!(find("retry_storm", tries(&[true; 5])).is_none());
}

#[test]
fn a_dependency_is_slow_if_the_trace_waits_for_it() {
    let call = |ms: std::ops::Range<u64>| vec![root(100), span(2, 1, "GET /stock", SpanKind::Client, ms)];
    let r = find("slow_dependency", call(10..90)).unwrap();
    assert_eq!((r.evidence[0].observed, r.evidence[0].reference), (80.0, 100.0));
    assert!(find("reduce_self_time", call(10..90)).is_none(), "it is not our own time");
    assert!(find("slow_dependency", call(10..30)).is_none());
    let mut explained = call(10..90);
    explained.push(span(3, 2, "GET /stock", SpanKind::Server, 11..89));
    assert!(find("slow_dependency", explained).is_none(), "the other side says where the time went");
}

#[test]
fn a_fan_out_is_told_if_it_is_wide_and_uneven() {
    let calls = |n: u64, slowest: u64| {
        let mut spans = vec![root(200)];
        spans.extend(
            (0..n).map(|i| span(i + 2, 1, "shard", SpanKind::Client, 0..if i == 0 { slowest } else { 20 })),
        );
        spans
    };
    let r = find("high_fan_out", calls(60, 90)).unwrap();
    assert_eq!((r.evidence[0].observed, r.estimated_gain_ms), (60.0, Some(70.0)));
    assert!(find("high_fan_out", calls(60, 25)).is_none(), "all are alike");
    assert!(find("high_fan_out", calls(40, 90)).is_none());
}

#[test]
fn a_gap_before_the_handler_is_told_unless_the_clocks_differ() {
    let pair = |kinds: (SpanKind, SpanKind), server: std::ops::Range<u64>| {
        vec![root(100), span(2, 1, "call", kinds.0, 0..90), span(3, 2, "handle", kinds.1, server)]
    };
    let remote = (SpanKind::Client, SpanKind::Server);
    assert_eq!(find("queueing_gap", pair(remote, 40..80)).unwrap().estimated_gain_ms, Some(40.0));
    assert!(find("queueing_gap", pair(remote, 4..80)).is_none());
    assert!(find("queueing_gap", pair(remote, 40..130)).is_none(), "a handler that outlives its caller");
    assert!(find("queueing_gap", pair((SpanKind::Internal, SpanKind::Internal), 40..80)).is_none());
    let message = (SpanKind::Producer, SpanKind::Consumer);
    assert_eq!(find("queueing_gap", pair(message, 130..140)).unwrap().evidence[0].observed, 40.0);
}

#[test]
fn a_period_needs_enough_calls_seen() {
    let row = |kind, observed, error_rate_percent| RedRow {
        service: "s".into(),
        operation: "o".into(),
        kind,
        summary: RedSummary {
            count: 1000,
            observed,
            error_rate_percent,
            self_time_ms: Aggregate { count: 1000, avg: 10.0, p50: 10.0, p95: 11.0, ..Aggregate::default() },
            slowest: Some(TraceIds { trace_id: TraceId::new(1).unwrap(), span_id: None }),
            ..RedSummary::default()
        },
    };
    let kinds = |rows: &[RedRow]| {
        let found = recommend_for_period(rows, &[], "1h");
        assert!(found.iter().all(|r| !r.evidence.is_empty() && !r.exemplars.is_empty()));
        found.into_iter().map(|r| r.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&[row(SpanKind::Internal, 1000, 30.0)]), ["investigate_errors"]);
    assert!(kinds(&[row(SpanKind::Internal, 10, 30.0)]).is_empty(), "ten that stand for a thousand");
    assert!(kinds(&[row(SpanKind::Internal, 1000, 1.0)]).is_empty());
    let small = |kind| RedRow {
        summary: RedSummary { self_time_ms: Aggregate::default(), ..row(kind, 1000, 0.0).summary },
        ..row(kind, 1000, 0.0)
    };
    assert_eq!(kinds(&[row(SpanKind::Client, 1000, 0.0), small(SpanKind::Server)]), ["slow_dependency"]);
    assert_eq!(kinds(&[row(SpanKind::Internal, 1000, 0.0), small(SpanKind::Server)]), ["reduce_self_time"]);
}
