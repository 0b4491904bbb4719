//! A stored trace as an indented text.

use mplp_trace::core::model::{SpanId, Status};
use mplp_trace::core::store::{SpanReader, StoredTrace};
use serde_json::Value;

use crate::platform::Platform;
use crate::{LIMIT, Result, wait_until};

/// The spans of a trace, each under its parent with its status, in the order they started.
pub(crate) async fn of(platform: &Platform, trace_id: &Value) -> Result<String> {
    let module = &platform.module;
    // The server span ends when the answer has been sent, which may be after it has been read.
    wait_until("every span has ended", || module.ledger().open == 0).await?;
    module.flush(LIMIT)?;
    let id = trace_id.as_str().ok_or("no trace id")?.parse()?;
    let trace =
        module.store().trace(module.service().tenant(), &id).await?.ok_or("the trace is not stored")?;
    let mut text = String::new();
    write(&trace, None, 0, &mut text);
    Ok(text)
}

fn write(trace: &StoredTrace, parent: Option<SpanId>, depth: usize, text: &mut String) {
    // The spans are in the order they started.
    for stored in trace.spans.iter().filter(|s| s.span.parent_span_id == parent) {
        let status = match &stored.span.status {
            Status::Unset => String::new(),
            Status::Ok => " ok".to_owned(),
            Status::Error(message) if message.is_empty() => " error".to_owned(),
            Status::Error(message) => format!(" error: {message}"),
        };
        *text += &format!("{:1$}{2}{status}\n", "", depth * 2, stored.span.name);
        write(trace, Some(stored.span.context.span_id), depth + 1, text);
    }
}
