//! The spans of a batch as trees: one a trace, children under their parents in the order of their start.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use trace_core::analyze::{SpanTiming, TraceTiming};
use trace_core::batch::{SpanBatch, SpanRef, StatusRef};
use trace_core::model::{SpanId, TraceId, ValueRef};

use super::paint::{Paint, Safe};

/// Deeper spans are not indented further, so that a runaway recursion stays readable.
const MAX_INDENT: usize = 24;

pub(super) fn render(batch: &SpanBatch, paint: Paint) -> String {
    let mut order: Vec<TraceId> = Vec::new();
    let mut traces: HashMap<TraceId, Vec<SpanRef<'_>>> = HashMap::new();
    for span in batch.iter() {
        traces.entry(span.trace_id()).or_insert_with(|| {
            order.push(span.trace_id());
            Vec::new()
        });
        if let Some(spans) = traces.get_mut(&span.trace_id()) {
            spans.push(span);
        }
    }
    let mut out = String::new();
    for id in order {
        if let Some(spans) = traces.get_mut(&id) {
            spans.sort_by_key(SpanRef::start);
            trace(id, spans, batch.resource().service_name(), paint, &mut out);
        }
    }
    out
}

/// Writing to a String does not fail, here and below.
fn trace(id: TraceId, spans: &[SpanRef<'_>], service: &str, paint: Paint, out: &mut String) {
    let start = spans.iter().map(SpanRef::start).min().unwrap_or_default();
    let end = spans.iter().map(SpanRef::end).max().unwrap_or_default();
    let _ = write!(
        out,
        "{} {}  {}",
        paint.bold(format_args!("trace {id}")),
        Safe(service),
        counted(spans.len(), "span")
    );
    let errors = spans.iter().filter(|span| span.is_error()).count();
    if errors > 0 {
        let _ = write!(out, ", {}", paint.red(counted(errors, "error")));
    }
    let _ = writeln!(out, "  {:.1?}  {start}", end.since(start));

    let ids: HashSet<SpanId> = spans.iter().map(SpanRef::span_id).collect();
    let mut children: HashMap<SpanId, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (i, span) in spans.iter().enumerate() {
        match span.parent_span_id() {
            Some(parent) if ids.contains(&parent) => children.entry(parent).or_default().push(i),
            _ => roots.push(i),
        }
    }
    let timings: Vec<SpanTiming> = spans
        .iter()
        .map(|s| SpanTiming {
            span_id: s.span_id(),
            parent: s.parent_span_id(),
            start: s.start(),
            end: s.end(),
        })
        .collect();
    let self_times = TraceTiming::of(&timings).map_or_else(Vec::new, |timing| timing.self_times);
    // A list rather than recursion: a chain of spans may be as long as the batch. Spans in a circle have no root;
    // they follow last, each shown once.
    let mut shown = vec![false; spans.len()];
    let mut waiting: Vec<(usize, usize)> = Vec::new();
    for first in roots.into_iter().chain(0..spans.len()) {
        waiting.push((first, 1));
        while let Some((i, depth)) = waiting.pop() {
            if std::mem::replace(&mut shown[i], true) {
                continue;
            }
            let indent = "  ".repeat(depth.min(MAX_INDENT));
            let offset = format!("+{:.1?}", spans[i].start().since(start));
            // What a span without children did itself is all of it.
            let own = self_times.get(i).filter(|_| children.contains_key(&spans[i].span_id())).copied();
            line(&spans[i], &indent, (&offset, own), paint, out);
            if let Some(below) = children.get(&spans[i].span_id()) {
                waiting.extend(below.iter().rev().map(|c| (*c, depth + 1)));
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn line(
    span: &SpanRef<'_>,
    indent: &str,
    (offset, own): (&str, Option<Duration>),
    paint: Paint,
    out: &mut String,
) {
    let name = Safe(span.name());
    let name = if span.is_error() { paint.red(name) } else { paint.cyan(name) };
    let _ = write!(out, "{indent}{name}  {}  {:.1?}", paint.dim(span.kind().as_str()), span.duration());
    if let Some(own) = own {
        let _ = write!(out, "  {}", paint.dim(format_args!("self {own:.1?}")));
    }
    let _ = write!(out, "  {}", paint.dim(offset));
    match span.status() {
        StatusRef::Unset => {}
        StatusRef::Ok => out.push_str("  ok"),
        StatusRef::Error("") => {
            let _ = write!(out, "  {}", paint.red("error"));
        }
        StatusRef::Error(message) => {
            let _ = write!(out, "  {}", paint.red(format_args!("error: {}", Safe(message))));
        }
    }
    attributes(span.attributes(), out);
    out.push('\n');
    for event in span.events() {
        let _ = write!(out, "{indent}  {} {}", paint.dim("event"), Safe(event.name()));
        let _ = write!(out, "  +{:.1?}", event.time().since(span.start()));
        attributes(event.attributes(), out);
        out.push('\n');
    }
    for link in span.links() {
        let context = link.context();
        let _ = write!(out, "{indent}  {} {}/{}", paint.dim("link"), context.trace_id, context.span_id);
        attributes(link.attributes(), out);
        out.push('\n');
    }
    let (attributes, events, links) = span.dropped_counts();
    if attributes + events + links > 0 {
        let _ = writeln!(
            out,
            "{indent}  left out by limits: {attributes} attributes, {events} events, {links} links"
        );
    }
}

fn attributes<'a>(list: impl Iterator<Item = (&'a str, ValueRef<'a>)>, out: &mut String) {
    for (i, (key, value)) in list.enumerate() {
        let gap = if i == 0 { "  " } else { " " };
        let _ = write!(out, "{gap}{}={}", Safe(key), Safe(value));
    }
}
