//! A trace as text, for assertions that a person can read.

use std::fmt::Write;

use crate::model::{SpanData, SpanId, Status};

/// The spans as an indented tree, one line each: `name [kind] status key=value`. Siblings are in order of start,
/// then name. Spans whose parent is not among them are roots.
pub fn render_trace(spans: &[SpanData]) -> String {
    let mut out = String::new();
    let known = |id: Option<SpanId>| id.is_some_and(|id| spans.iter().any(|s| s.context.span_id == id));
    let mut stack: Vec<(&SpanData, usize)> = sorted(spans.iter().filter(|s| !known(s.parent_span_id)), 0);
    while let Some((span, depth)) = stack.pop() {
        let _ = write!(out, "{:indent$}{} [{}]", "", span.name, span.kind.as_str(), indent = depth * 2);
        match &span.status {
            Status::Unset => {}
            Status::Ok => out.push_str(" ok"),
            Status::Error(m) => {
                let _ = write!(out, " error({m})");
            }
        }
        for kv in &span.attributes {
            let _ = write!(out, " {}={}", kv.key, kv.value);
        }
        out.push('\n');
        let id = span.context.span_id;
        stack.extend(sorted(spans.iter().filter(|s| s.parent_span_id == Some(id)), depth + 1));
    }
    out
}

fn sorted<'a>(spans: impl Iterator<Item = &'a SpanData>, depth: usize) -> Vec<(&'a SpanData, usize)> {
    let mut v: Vec<_> = spans.map(|s| (s, depth)).collect();
    // The last one is taken first.
    v.sort_by(|(a, _), (b, _)| (b.start, &b.name).cmp(&(a.start, &a.name)));
    v
}
