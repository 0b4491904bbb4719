//! The span in which an event happens.

use tracing::Event;

use super::TraceLayer;
use crate::model::SpanContext;
use crate::record::current_context;

/// The active span, through whichever door it came; of an event with an explicit parent that `tracing` span, if its
/// subscriber is the global default.
pub(crate) fn event_context(event: &Event<'_>) -> Option<SpanContext> {
    match event.parent() {
        Some(parent) => {
            tracing::dispatcher::get_default(|d| d.downcast_ref::<TraceLayer>()?.context_of(parent))
        }
        None if event.is_root() => None,
        None => current_context(),
    }
}
