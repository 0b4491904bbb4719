//! The spans of a batch as trees: one a trace, children under their parents in the order of their start, with durations
//! below each other; on a terminal that is wide enough with bars that show when each ran.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use trace_core::analyze::{SpanTiming, TraceTiming};
use trace_core::batch::{SpanBatch, SpanRef, StatusRef};
use trace_core::model::{SpanId, SpanKind, Timestamp, TraceId, ValueRef};

use unicode_width::UnicodeWidthStr as _;

use super::line::{Line, fitted};
use super::paint::{Colour, Page, Safe};

/// Deeper spans are not indented further, so that a runaway recursion stays readable.
const MAX_INDENT: usize = 24;
/// Columns for names: no more are kept free for a long one.
const MAX_NAME: usize = 48;
/// Columns of the bars, on terminals of at least this width.
const BAR: usize = 24;
const WIDE: usize = 100;
/// Columns of a duration and of an offset; the longest usual ones are as `123.4µs` and `+123.4µs`.
const DURATION: usize = 9;

pub(super) fn render(batch: &SpanBatch, page: Page) -> String {
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
            trace(id, spans, batch.resource().service_name(), page, &mut out);
        }
    }
    out
}

fn trace(id: TraceId, spans: &[SpanRef<'_>], service: &str, page: Page, out: &mut String) {
    let start = spans.iter().map(SpanRef::start).min().unwrap_or_default();
    let end = spans.iter().map(SpanRef::end).max().unwrap_or_default();
    let mut line = Line::default();
    line.add(Colour::Bold, format_args!("trace {id}")).plain(" ").add_safe(Colour::Bold, service);
    line.plain("  ").plain(counted(spans.len(), "span"));
    let errors = spans.iter().filter(|span| span.is_error()).count();
    if errors > 0 {
        line.plain(", ").add(Colour::Red, counted(errors, "error"));
    }
    line.plain(format_args!("  {:.1?}", end.since(start))).plain("  ").add(Colour::Dim, start);
    line.end(page, out);

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
    let mut lines: Vec<(usize, String)> = Vec::new();
    for first in roots.into_iter().chain(0..spans.len()) {
        waiting.push((first, 1));
        while let Some((i, depth)) = waiting.pop() {
            if std::mem::replace(&mut shown[i], true) {
                continue;
            }
            let name = Safe(spans[i].name()).to_string();
            lines.push((i, format!("{}{name}", "  ".repeat(depth.min(MAX_INDENT)))));
            if let Some(below) = children.get(&spans[i].span_id()) {
                waiting.extend(below.iter().rev().map(|c| (*c, depth + 1)));
            }
        }
    }
    let sheet = Sheet::new(start, end, &lines, page);
    for (i, name) in lines {
        // What a span without children did itself is all of it.
        let own = self_times.get(i).filter(|_| children.contains_key(&spans[i].span_id())).copied();
        sheet.span(&spans[i], name, own, out);
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Where the columns of a trace are.
struct Sheet {
    start: Timestamp,
    whole: Duration,
    names: usize,
    bars: bool,
    page: Page,
}

impl Sheet {
    fn new(start: Timestamp, end: Timestamp, lines: &[(usize, String)], page: Page) -> Self {
        let most = page.width.map_or(MAX_NAME, |width| (width * 2 / 5).clamp(12, MAX_NAME));
        let names = lines.iter().map(|(_, name)| name.width()).max().unwrap_or(0).min(most);
        let bars = page.width.is_some_and(|width| width >= WIDE) && lines.len() > 1;
        Self { start, whole: end.since(start), names, bars, page }
    }

    /// A span with all that it holds.
    fn span(&self, span: &SpanRef<'_>, mut name: String, own: Option<Duration>, out: &mut String) {
        let indent = name.len() - name.trim_start_matches(' ').len();
        if self.page.width.is_some() {
            name = fitted(name, self.names);
        }
        let mut line = Line::default();
        line.add(if span.is_error() { Colour::Red } else { Colour::Cyan }, name).pad_to(self.names);
        line.plain(format_args!("  {:>DURATION$}", format!("{:.1?}", span.duration())));
        let offset = span.start().since(self.start);
        line.add(Colour::Dim, format_args!("  {:>DURATION$}", format!("+{offset:.1?}")));
        if self.bars {
            let (before, during) = bar(offset, span.duration(), self.whole);
            let colour = if span.is_error() { Colour::Red } else { Colour::Blue };
            line.plain("  ").plain(" ".repeat(before)).add(colour, "━".repeat(during));
            line.plain(" ".repeat(BAR - before - during));
        }
        match span.status() {
            StatusRef::Unset => {}
            StatusRef::Ok => drop(line.plain("  ok")),
            StatusRef::Error("") => drop(line.plain("  ").add(Colour::Red, "error")),
            StatusRef::Error(message) => {
                line.plain("  ").add(Colour::Red, "error: ").add_safe(Colour::Red, message);
            }
        }
        if span.kind() != SpanKind::Internal {
            line.add(Colour::Dim, format_args!("  {}", span.kind().as_str()));
        }
        if let Some(own) = own {
            line.add(Colour::Dim, format_args!("  self {own:.1?}"));
        }
        let mut own_attributes = Line::default();
        attributes(span.attributes(), &mut own_attributes);
        let indent = " ".repeat(indent + 4);
        if self.page.width.is_some_and(|width| line.width() + own_attributes.width() > width) {
            // Below there is more room.
            line.end(self.page, out);
            Line::default().plain(&indent[2..]).append(own_attributes).end(self.page, out);
        } else {
            line.append(own_attributes).end(self.page, out);
        }
        self.below(span, indent, out);
    }

    /// Events, links, and what limits left out.
    fn below(&self, span: &SpanRef<'_>, indent: String, out: &mut String) {
        let begin = |what: &str| {
            let mut line = Line::default();
            line.plain(&indent).add(Colour::Dim, what).plain(" ");
            line
        };
        for event in span.events() {
            let mut line = begin("event");
            line.add_safe(Colour::None, event.name());
            line.plain(format_args!("  +{:.1?}", event.time().since(span.start())));
            attributes(event.attributes(), &mut line);
            line.end(self.page, out);
        }
        for link in span.links() {
            let (mut line, context) = (begin("link"), link.context());
            line.plain(format_args!("{}/{}", context.trace_id, context.span_id));
            attributes(link.attributes(), &mut line);
            line.end(self.page, out);
        }
        let (attributes, events, links) = span.dropped_counts();
        if attributes + events + links > 0 {
            let mut line = begin("left out by limits:");
            line.plain(format_args!("{attributes} attributes, {events} events, {links} links"));
            line.end(self.page, out);
        }
    }
}

/// Columns before a bar and of it, of [`BAR`].
fn bar(offset: Duration, duration: Duration, whole: Duration) -> (usize, usize) {
    let share = |part: Duration| {
        let nanos = part.as_nanos() * BAR as u128 / whole.as_nanos().max(1);
        usize::try_from(nanos).unwrap_or(BAR).min(BAR)
    };
    let before = share(offset).min(BAR - 1);
    let end = share(offset.saturating_add(duration)).clamp(before + 1, BAR);
    (before, end - before)
}

fn attributes<'a>(list: impl Iterator<Item = (&'a str, ValueRef<'a>)>, line: &mut Line) {
    for (i, (key, value)) in list.enumerate() {
        let gap = if i == 0 { "  " } else { " " };
        line.plain(gap).add_safe(Colour::Dim, key).add(Colour::Dim, "=").add_safe(Colour::None, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bar_is_where_the_span_ran() {
        let ms = Duration::from_millis;
        assert_eq!(bar(ms(0), ms(24), ms(24)), (0, 24));
        assert_eq!(bar(ms(12), ms(6), ms(24)), (12, 6));
        assert_eq!(bar(ms(24), ms(0), ms(24)), (23, 1), "at the very end, and still to be seen");
        assert_eq!(bar(ms(0), ms(0), ms(0)), (0, 1));
    }

    proptest! {
        #[test]
        fn a_bar_is_seen_and_stays_in_its_columns(offset: u64, duration: u64, whole: u64) {
            let nanos = Duration::from_nanos;
            let (before, during) = bar(nanos(offset), nanos(duration), nanos(whole));
            prop_assert!(during >= 1 && before + during <= BAR);
        }
    }
}
