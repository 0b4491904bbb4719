//! With the `otel` feature the active baggage is that of `opentelemetry::Context`.

use std::sync::Arc;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::{Context, ContextGuard};

use super::Baggage;
use super::otel::{baggage_from, baggage_to};
use crate::record::bridge;

/// Detaches when dropped.
pub(super) struct Entered(Option<ContextGuard>);

/// Ours, beside the API's own value: that one has no order, and is made from this one.
struct Ours {
    baggage: Arc<Baggage>,
    /// Members of the API's value, which may have room for fewer.
    members: usize,
}

/// `None` also while the thread is being torn down: the API's context panics then.
pub(super) fn current() -> Option<Arc<Baggage>> {
    if !bridge::is_alive() {
        return None;
    }
    Context::map_current(|cx| {
        let theirs = cx.baggage();
        match cx.get::<Ours>() {
            Some(ours) if ours.made(theirs) => Some(ours.baggage.clone()),
            _ if theirs.is_empty() => None,
            _ => Some(Arc::new(baggage_from(theirs))),
        }
    })
}

impl Ours {
    /// Whether the API's baggage is still the one that was entered with ours.
    fn made(&self, theirs: &opentelemetry::baggage::Baggage) -> bool {
        let has = |key: &str| self.baggage.iter().find(|e| e.key() == key);
        theirs.len() == self.members
            && theirs.iter().all(|(key, (value, metadata))| {
                has(key.as_str()).is_some_and(|e| {
                    e.value() == value.as_str() && e.properties().trim() == metadata.as_str()
                })
            })
    }
}

pub(super) fn enter(baggage: Arc<Baggage>) -> Entered {
    if !bridge::is_alive() {
        return Entered(None);
    }
    let cx = Context::map_current(|cx| cx.with_baggage(baggage_to(&baggage)));
    let members = cx.baggage().len();
    Entered(Some(cx.with_value(Ours { baggage, members }).attach()))
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(guard) = self.0.take() {
            if bridge::is_alive() { drop(guard) } else { std::mem::forget(guard) }
        }
    }
}
