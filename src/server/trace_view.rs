//! Traces as the page reads them: times in milliseconds since the epoch, with self times and the critical path.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::Serialize;
use trace_core::analyze::TraceTiming;
use trace_core::model::{KeyValue, SpanId, SpanKind, Status, Timestamp, TraceId, Value};
use trace_core::store::{StoredSpan, StoredTrace, TraceSummary};

/// A trace in one line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary<'a> {
    trace_id: TraceId,
    root_name: &'a str,
    service: &'a str,
    start_ms: f64,
    duration_ms: f64,
    span_count: u64,
    error_count: u64,
}

/// A whole trace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole<'a> {
    trace_id: TraceId,
    incomplete: bool,
    spans: Vec<Span<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    name: &'a str,
    service: &'a str,
    scope: &'a str,
    kind: SpanKind,
    start_ms: f64,
    duration_ms: f64,
    self_time_ms: f64,
    critical_ms: f64,
    on_critical_path: bool,
    status: &'static str,
    status_message: &'a str,
    attributes: BTreeMap<&'a str, &'a Value>,
    events: Vec<Event<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    name: &'a str,
    time_ms: f64,
    attributes: BTreeMap<&'a str, &'a Value>,
}

/// Milliseconds since the epoch, to the microsecond that a double can hold.
pub(super) fn millis(t: Timestamp) -> f64 {
    (t.unix_nanos() / 1000) as f64 / 1e3
}

pub(super) fn summary(s: &TraceSummary) -> Summary<'_> {
    Summary {
        trace_id: s.trace_id,
        root_name: &s.root_name,
        service: &s.service,
        start_ms: millis(s.start),
        duration_ms: s.duration_ms,
        span_count: s.span_count,
        error_count: s.error_count,
    }
}

pub(super) fn whole(trace: &StoredTrace) -> Whole<'_> {
    let timing = TraceTiming::of_trace(trace);
    let critical = timing.as_ref().map_or_else(HashMap::new, |t| critical_times(t, &trace.spans));
    let own = timing.map_or_else(Vec::new, |t| t.self_times);
    let spans = trace.spans.iter().enumerate().map(|(i, stored)| {
        let span = &stored.span;
        let (status, status_message) = match &span.status {
            Status::Unset => ("unset", ""),
            Status::Ok => ("ok", ""),
            Status::Error(message) => ("error", message.as_ref()),
        };
        let events = span.events.iter().map(|e| Event {
            name: &e.name,
            time_ms: millis(e.time),
            attributes: attributes(&e.attributes),
        });
        Span {
            span_id: span.context.span_id,
            parent_span_id: span.parent_span_id,
            name: &span.name,
            service: stored.resource.service_name(),
            scope: &span.scope.name,
            kind: span.kind,
            start_ms: millis(span.start),
            duration_ms: span.end.since(span.start).as_secs_f64() * 1e3,
            self_time_ms: own.get(i).map_or(0.0, |t| t.as_secs_f64() * 1e3),
            critical_ms: critical.get(&i).map_or(0.0, |t| t.as_secs_f64() * 1e3),
            on_critical_path: critical.contains_key(&i),
            status,
            status_message,
            attributes: attributes(&span.attributes),
            events: events.collect(),
        }
    });
    Whole { trace_id: trace.trace_id, incomplete: trace.incomplete, spans: spans.collect() }
}

/// The share of the duration below which a step does not count as part of the path: a parallel sibling is followed
/// for the moment before the decisive one begins, which would only confuse.
const NOTABLE: u32 = 100;

/// The time that each span itself spends on the critical path, for the steps that matter and their parents.
fn critical_times(timing: &TraceTiming, spans: &[StoredSpan]) -> HashMap<usize, Duration> {
    let own: HashMap<usize, Duration> = timing.critical_path.iter().map(|s| (s.index, s.self_time)).collect();
    let by_id: HashMap<SpanId, usize> =
        spans.iter().enumerate().map(|(i, s)| (s.span.context.span_id, i)).collect();
    let mut out = HashMap::from([(timing.root, own.get(&timing.root).copied().unwrap_or_default())]);
    for step in timing.critical_path.iter().filter(|s| s.self_time * NOTABLE >= timing.duration) {
        let mut at = Some(step.index);
        // Ends at a span that is there already: the root, or a parent that an earlier step has brought.
        while let Some(i) = at.filter(|i| !out.contains_key(i)) {
            out.insert(i, own.get(&i).copied().unwrap_or_default());
            at = spans[i].span.parent_span_id.and_then(|p| by_id.get(&p).copied());
        }
    }
    out
}

fn attributes(list: &[KeyValue]) -> BTreeMap<&str, &Value> {
    list.iter().map(|kv| (kv.key.as_ref(), &kv.value)).collect()
}
