//! Keeps the `opentelemetry` context in step with ours, once somebody uses that API.
//!
//! A span that is entered through `span!` or the `tracing` layer is then also attached to
//! `opentelemetry::Context`, so that it is the parent of API spans, and the one that propagators inject. That
//! costs a context switch a span, which nobody pays before the first tracer has been asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::{Context, ContextGuard};

use super::otel::tenants;
use super::outlived;
use crate::model::SpanContext;

static IN_USE: AtomicBool = AtomicBool::new(false);

thread_local! {
    static ALIVE: Canary = Canary(std::panic::catch_unwind(|| Context::map_current(|_| ())).is_ok());
}

/// Lives while the API's thread-local context may be used: that one panics when it is used during the teardown of
/// a thread. It is touched while this one is made, so this one goes first.
struct Canary(bool);

impl Drop for Canary {
    // Without a destructor the thread-local would stay readable for ever.
    fn drop(&mut self) {
        self.0 = false;
    }
}

/// Whether the API's context of this thread may be touched: not while the thread is being torn down.
pub(crate) fn is_alive() -> bool {
    ALIVE.try_with(|c| c.0).unwrap_or(false)
}

fn is_usable() -> bool {
    IN_USE.load(Ordering::Relaxed) && is_alive()
}

/// Detaches when dropped.
pub(super) struct Attached(Option<ContextGuard>);

impl Attached {
    #[inline]
    pub(super) fn none() -> Self {
        Self(None)
    }
}

/// Whether contexts are kept in step.
#[inline]
pub(super) fn in_use() -> bool {
    IN_USE.load(Ordering::Relaxed)
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            if is_alive() { drop(guard) } else { std::mem::forget(guard) }
        }
    }
}

/// From now on contexts are kept in step.
pub(crate) fn start() {
    IN_USE.store(true, Ordering::Relaxed);
}

/// The active span of the API's context: with every entered span attached, the innermost of all.
#[inline]
pub(super) fn innermost() -> Option<SpanContext> {
    if is_usable() { from_current().filter(|c| !outlived::is_set_aside(c.span_id.to_u64())) } else { None }
}

fn from_current() -> Option<SpanContext> {
    Context::map_current(tenants::active_in)
}

#[inline]
pub(super) fn attach(context: &SpanContext) -> Attached {
    if !is_usable() {
        return Attached(None);
    }
    let guard = Context::map_current(|cx| tenants::with_active(cx, context)).attach();
    Attached(Some(guard))
}

/// Whether somebody forbade telemetry in the API's current context, as exporters and their processors do.
#[inline]
pub(super) fn is_suppressed() -> bool {
    is_usable() && Context::is_current_telemetry_suppressed()
}

/// Forbids telemetry in the API's context until the guard is dropped, for tracers that are not ours.
pub(super) fn suppress() -> Attached {
    Attached(is_alive().then(Context::enter_telemetry_suppressed_scope))
}

/// The same for the rest of the thread's life.
pub(super) fn suppress_thread() {
    if is_alive() {
        std::mem::forget(Context::enter_telemetry_suppressed_scope());
    }
}
