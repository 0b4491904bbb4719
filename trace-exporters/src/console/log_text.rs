//! Log records as lines: time, severity, logger, text, attributes, span. They are never cut: a message is what is looked for.

use std::fmt::Write as _;

use trace_core::model::{LogBatch, LogRecord, LogSeverity, Timestamp};

use super::paint::{Colour, Page, Safe};

/// Writing to a String does not fail, here and below.
pub(super) fn render(batch: &LogBatch, page: Page) -> String {
    let mut out = String::new();
    batch.iter().for_each(|r| line(r, page, &mut out));
    out
}

fn line(r: &LogRecord, page: Page, out: &mut String) {
    let time = if r.time == Timestamp::default() { r.observed } else { r.time };
    page.write(Colour::Dim, &time.to_string(), out);
    let word = if r.severity_text.is_empty() { r.severity.name() } else { &r.severity_text };
    let colour = match r.severity {
        s if s >= LogSeverity::ERROR => Colour::Red,
        s if s >= LogSeverity::WARN => Colour::Bold,
        _ => Colour::None,
    };
    out.push(' ');
    page.write(colour, &format!("{:<5}", Safe(word).to_string()), out);
    if !r.scope.name.is_empty() {
        out.push(' ');
        page.write(Colour::Cyan, &Safe(&r.scope.name).to_string(), out);
    }
    if !r.event_name.is_empty() {
        let _ = write!(out, " [{}]", Safe(&r.event_name));
    }
    if !r.body.is_empty() {
        let _ = write!(out, " {}", Safe(&r.body));
    }
    for (key, value) in &r.attributes {
        let _ = write!(out, " {}={}", Safe(key), Safe(value));
    }
    if r.dropped_attributes > 0 {
        let _ = write!(out, " (+{} attributes)", r.dropped_attributes);
    }
    if let (Some(trace), Some(span)) = (r.trace_id, r.span_id) {
        out.push(' ');
        page.write(Colour::Dim, &format!("trace={trace} span={span}"), out);
    }
    out.push('\n');
}
