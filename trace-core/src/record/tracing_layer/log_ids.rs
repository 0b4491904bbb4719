//! Trace and span id on the lines of `tracing_subscriber::fmt` (feature `tracing-fmt`).

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::event_context;
use crate::model::SpanContext;

/// Formats events as another format does, and adds the ids of the span in which they happen: `trace_id` and `span_id`, as the
/// OpenTelemetry specification names them for logs outside of OTLP. An event outside of all spans stays as it is.
///
/// The span is the active one, through whichever door it came; an event with an explicit parent gets the ids of
/// that `tracing` span if its subscriber is the global default, and none otherwise.
///
/// ```
/// use trace_core::record::tracing_layer::WithTraceIds;
/// use tracing_subscriber::fmt;
///
/// // trace_id=4bf9... span_id=00f0... 2026-11-22T20:40:10Z  INFO my_crate: paid
/// let text = fmt::layer::<tracing_subscriber::Registry>().event_format(WithTraceIds::text(fmt::format()));
/// // {"trace_id":"4bf9...","span_id":"00f0...","timestamp":"2026-11-22T20:40:10Z", ...}
/// let json = fmt::layer::<tracing_subscriber::Registry>().json().event_format(WithTraceIds::json(fmt::format().json()));
/// # let _ = (text, json);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WithTraceIds<F> {
    inner: F,
    json: bool,
}

impl<F> WithTraceIds<F> {
    /// Puts `trace_id=... span_id=... ` before each line of a format for people.
    pub fn text(inner: F) -> Self {
        Self { inner, json: false }
    }

    /// Adds two members to each object of a format that writes one JSON object a line.
    pub fn json(inner: F) -> Self {
        Self { inner, json: true }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithTraceIds<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(SpanContext { trace_id, span_id, .. }) = event_context(event) else {
            return self.inner.format_event(ctx, writer, event);
        };
        if !self.json {
            write!(writer, "trace_id={trace_id} span_id={span_id} ")?;
            return self.inner.format_event(ctx, writer, event);
        }
        let mut line = String::new();
        self.inner.format_event(ctx, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => {
                let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
                write!(writer, "{{\"trace_id\":\"{trace_id}\",\"span_id\":\"{span_id}\"{comma}{rest}")
            }
            // Not an object: better no ids than a broken line.
            None => writer.write_str(&line),
        }
    }
}
