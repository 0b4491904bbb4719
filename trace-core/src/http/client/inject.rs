//! Trace context on requests that go out.

use http::HeaderMap;

use crate::model::SpanContext;
use crate::propagate::{Baggage, Injector, Propagator, current_baggage};

/// Writes a context in a propagator's format, in place of what the headers have; and the given baggage, or else the
/// active one. Without either, a `baggage` header that the application has set stays.
pub(in super::super) fn inject(
    propagator: &dyn Propagator,
    context: &SpanContext,
    baggage: Option<&Baggage>,
    headers: &mut HeaderMap,
) {
    if let Some(baggage) = baggage {
        return propagator.inject(Some(context), baggage, headers);
    }
    let active = current_baggage();
    if active.is_empty() {
        propagator.inject(Some(context), &Baggage::EMPTY, &mut KeepsBaggage(headers));
    } else {
        propagator.inject(Some(context), &active, headers);
    }
}

/// Headers of which `baggage` is not removed.
struct KeepsBaggage<'a>(&'a mut HeaderMap);

impl Injector for KeepsBaggage<'_> {
    fn set(&mut self, name: &str, value: String) {
        self.0.set(name, value);
    }

    fn remove(&mut self, name: &str) {
        if name != "baggage" {
            Injector::remove(self.0, name);
        }
    }
}
