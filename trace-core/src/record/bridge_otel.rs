//! Keeps the `opentelemetry` context in step with ours, once somebody uses that API.
//!
//! A span that is entered through `span!` or the `tracing` layer is then also attached to
//! `opentelemetry::Context`, so that it is the parent of API spans, and the one that propagators inject. That
//! costs a context switch a span, which nobody pays before the first tracer has been asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, ContextGuard};

use super::otel::convert;
use crate::model::SpanContext;

static IN_USE: AtomicBool = AtomicBool::new(false);

/// Detaches when dropped.
pub(super) struct Attached(#[allow(dead_code, reason = "held for its Drop")] Option<ContextGuard>);

/// From now on contexts are kept in step.
pub(super) fn start() {
    IN_USE.store(true, Ordering::Relaxed);
}

/// The active span of the API's context: with every entered span attached, the innermost of all.
#[inline]
pub(super) fn innermost() -> Option<SpanContext> {
    if IN_USE.load(Ordering::Relaxed) { from_current() } else { None }
}

fn from_current() -> Option<SpanContext> {
    Context::map_current(|cx| {
        if cx.has_active_span() { convert::context_from(cx.span().span_context()) } else { None }
    })
}

#[inline]
pub(super) fn attach(context: Option<&SpanContext>) -> Attached {
    match context {
        Some(c) if IN_USE.load(Ordering::Relaxed) => {
            Attached(Some(Context::map_current(|cx| cx.with_remote_span_context(convert::context_to(c))).attach()))
        }
        _ => Attached(None),
    }
}
