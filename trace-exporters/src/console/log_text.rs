//! Log records as lines: time, severity, logger, text, attributes, span.

use std::fmt::Write as _;

use trace_core::model::{LogBatch, LogRecord, LogSeverity, Timestamp};

use super::paint::{Paint, Safe};

/// Writing to a String does not fail, here and below.
pub(super) fn render(batch: &LogBatch, paint: Paint) -> String {
    let mut out = String::new();
    batch.iter().for_each(|r| line(r, paint, &mut out));
    out
}

fn line(r: &LogRecord, paint: Paint, out: &mut String) {
    let time = if r.time == Timestamp::default() { r.observed } else { r.time };
    let _ = write!(out, "{} ", paint.dim(time));
    let word = if r.severity_text.is_empty() { r.severity.name() } else { &r.severity_text };
    let word = format!("{:<5}", Safe(word).to_string());
    let _ = match r.severity {
        s if s >= LogSeverity::ERROR => write!(out, "{}", paint.red(word)),
        s if s >= LogSeverity::WARN => write!(out, "{}", paint.bold(word)),
        _ => write!(out, "{word}"),
    };
    if !r.scope.name.is_empty() {
        let _ = write!(out, " {}", paint.cyan(Safe(&r.scope.name)));
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
        let _ = write!(out, " {}", paint.dim(format_args!("trace={trace} span={span}")));
    }
    out.push('\n');
}
