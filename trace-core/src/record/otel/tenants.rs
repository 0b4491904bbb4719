//! Whose the spans of the `opentelemetry` API are: its contexts have no place for that among a span's identity.
//!
//! A span of ours that is attached to a context takes its tenant there as a value. A span of the API is put into contexts
//! by others, so its tenant is remembered here for as long as it lives. Nobody pays for either before a tenant is named.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use super::convert;
use crate::model::{SpanContext, SpanId, TenantTag};
use crate::record::hot::{NOWHERE, with_hot};

const SHARDS: usize = 16;
/// Spans of a shard; children of further ones inherit nothing.
const MOST: usize = 4096;

static OF: LazyLock<[Mutex<HashMap<SpanId, TenantTag>>; SHARDS]> = LazyLock::new(Default::default);

/// The tenant of the span that a context was given.
struct SpanTenant(SpanId, TenantTag);

fn shard(span: SpanId) -> MutexGuard<'static, HashMap<SpanId, TenantTag>> {
    OF[span.to_u64() as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// A span of the API is of this tenant.
#[cold]
pub(super) fn remember(span: SpanId, tenant: TenantTag) {
    let mut spans = shard(span);
    if spans.len() < MOST || spans.contains_key(&span) {
        spans.insert(span, tenant);
    }
}

/// A span of the API is gone.
#[cold]
pub(super) fn forget(span: SpanId) {
    shard(span).remove(&span);
}

/// The active span of a context.
pub(crate) fn active_in(cx: &Context) -> Option<SpanContext> {
    if !cx.has_active_span() {
        return None;
    }
    let mut found = convert::context_from(cx.span().span_context())?;
    if TenantTag::any() {
        found.tenant = tenant_of(found.span_id, cx);
    }
    Some(found)
}

pub(super) fn tenant_of(span: SpanId, cx: &Context) -> TenantTag {
    // Where it is active on this thread, it may have named its tenant since it was attached.
    if let Some(active) = with_hot(|h| h.find(NOWHERE, span.to_u64())).flatten() {
        return active.tenant();
    }
    match cx.get::<SpanTenant>() {
        Some(SpanTenant(attached, tenant)) if *attached == span => *tenant,
        _ => shard(span).get(&span).copied().unwrap_or_default(),
    }
}

/// The context with this span as the active one.
pub(crate) fn with_active(cx: &Context, span: &SpanContext) -> Context {
    let with = cx.with_remote_span_context(convert::context_to(span));
    if span.tenant.is_none() {
        return with;
    }
    with.with_value(SpanTenant(span.span_id, span.tenant))
}
