//! A correlation id: one text that a request keeps on its whole way, in a header of its own.

use std::borrow::Cow;

use super::carrier::only;
use super::{Baggage, Extracted, Extractor, Injector, Propagator};
use crate::model::SpanContext;

const HEADER: &str = "x-correlation-id";
const MAX_BYTES: usize = 128;

/// Reads and writes a correlation id, which travels in process as a member of the baggage.
///
/// For callers and services that know no traces but write such an id into their logs. Combine it with a format of
/// spans; see [`CompositePropagator`](super::CompositePropagator). An id is 1 to 128 visible ASCII characters;
/// anything else is left out.
#[derive(Clone, Debug)]
pub struct CorrelationPropagator {
    header: Cow<'static, str>,
}

impl CorrelationPropagator {
    /// The member of the baggage that holds the id.
    pub const BAGGAGE_KEY: &'static str = "mplp.correlation_id";

    /// The header `x-correlation-id`.
    pub const fn new() -> Self {
        Self { header: Cow::Borrowed(HEADER) }
    }

    /// Another header, such as `x-request-id`.
    pub fn with_header(name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        let is_lower = name.bytes().all(|b| !b.is_ascii_uppercase());
        Self { header: if is_lower { name } else { name.to_ascii_lowercase().into() } }
    }
}

impl Default for CorrelationPropagator {
    fn default() -> Self {
        Self::new()
    }
}

fn is_id(text: &str) -> bool {
    (1..=MAX_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

impl Propagator for CorrelationPropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let mut found = Extracted::default();
        let id = only(carrier, &self.header).map(|id| id.trim_matches([' ', '\t']));
        if let Some(id) = id.filter(|id| is_id(id)) {
            // Never refused: the key is a token, and there is nothing else yet.
            let _ = found.baggage.insert(Self::BAGGAGE_KEY, id);
        }
        found
    }

    fn inject(&self, _: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        match baggage.get(Self::BAGGAGE_KEY).filter(|id| is_id(id)) {
            Some(id) => carrier.set(&self.header, id.to_owned()),
            None => carrier.remove(&self.header),
        }
    }

    fn fields(&self) -> Vec<&str> {
        vec![&self.header]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn the_id_travels_through_the_baggage() {
        for (propagator, name) in [
            (CorrelationPropagator::new(), "x-correlation-id"),
            (CorrelationPropagator::with_header("X-Request-Id"), "x-request-id"),
        ] {
            let found = propagator.extract(&one(&name.to_uppercase(), " order-7/a "));
            assert_eq!(found.baggage.get("mplp.correlation_id"), Some("order-7/a"));
            let mut out = one(name, "stale");
            propagator.inject(None, &found.baggage, &mut out);
            assert_eq!(out, one(name, "order-7/a"));
            propagator.inject(None, &Baggage::EMPTY, &mut out);
            assert!(out.is_empty());
            assert_eq!(propagator.fields(), [name]);
        }
    }

    #[test]
    fn an_id_that_is_too_long_or_not_visible_ascii_is_left_out_both_ways() {
        let long = "x".repeat(129);
        for bad in ["", " ", "a b", "a\r\nb", "é", &long] {
            let propagator = CorrelationPropagator::new();
            assert!(propagator.extract(&one("x-correlation-id", bad)).baggage.is_empty(), "{bad:?}");
            let mut baggage = Baggage::EMPTY;
            baggage.insert(CorrelationPropagator::BAGGAGE_KEY, bad).unwrap();
            let mut out = Vec::new();
            propagator.inject(None, &baggage, &mut out);
            assert!(out.is_empty(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written(text in any::<String>()) {
            let propagator = CorrelationPropagator::new();
            let found = propagator.extract(&one("x-correlation-id", &text));
            let mut out = Vec::new();
            propagator.inject(None, &found.baggage, &mut out);
            prop_assert_eq!(propagator.extract(&out), found);
        }
    }
}
