//! Spans of a server that have the id of the client's span: an id of their own for each, since one span has one id here.

use std::collections::HashMap;

use trace_core::model::{KeyValue, SpanId, TraceId};

use super::decode::Found;
use super::names;

/// Gives each shared span an id of its own and makes it the child of the span that it shared with. What the same service
/// reports as child of the shared id follows it.
pub(super) fn separate(spans: &mut [Found]) {
    let mut own: HashMap<(usize, TraceId, SpanId), SpanId> = HashMap::new();
    for found in spans.iter_mut().filter(|f| f.shared) {
        let (trace, shared) = (found.span.context.trace_id, found.span.context.span_id);
        let id = server_half(trace, shared);
        own.insert((found.service, trace, shared), id);
        found.span.context.span_id = id;
        found.span.parent_span_id = Some(shared);
        found.span.parent_is_remote = true;
        found.span.attributes.push(KeyValue::new(names::SHARED_ID, shared.to_string()));
    }
    if own.is_empty() {
        return;
    }
    for found in spans.iter_mut().filter(|f| !f.shared) {
        let Some(parent) = found.span.parent_span_id else { continue };
        if let Some(id) = own.get(&(found.service, found.span.context.trace_id, parent)) {
            found.span.parent_span_id = Some(*id);
        }
    }
}

/// Always the same for the same span, so that one that is sent twice is one: the ids through SplitMix64's finalizer
/// (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
fn server_half(trace: TraceId, shared: SpanId) -> SpanId {
    let bits = trace.to_u128();
    let mut x = (bits >> 64) as u64 ^ (bits as u64).rotate_left(17) ^ shared.to_u64();
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    SpanId::new(x ^ (x >> 31)).unwrap_or(SpanId::MAX)
}
