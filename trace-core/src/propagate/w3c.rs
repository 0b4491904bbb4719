//! The W3C headers: `traceparent`, `tracestate` and `baggage`.

use super::{
    Baggage, Extracted, Extractor, Injector, InvalidTraceparent, Propagator, format_traceparent,
    parse_traceparent,
};
use crate::model::{SpanContext, TraceState};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";

/// W3C Trace Context level 2: `traceparent` and `tracestate`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContextPropagator;

/// W3C Baggage: `baggage`.
#[derive(Clone, Copy, Debug, Default)]
pub struct BaggagePropagator;

/// Both: [`TraceContextPropagator`] and [`BaggagePropagator`].
#[derive(Clone, Copy, Debug, Default)]
pub struct W3cPropagator;

impl TraceContextPropagator {
    /// The caller's span; `Ok(None)` if no header speaks of one. A malformed `tracestate` is dropped, and the rest
    /// kept, as the standard asks.
    ///
    /// # Errors
    /// If `traceparent` is malformed or repeated; the trace is to begin anew then.
    pub fn extract_context(
        &self,
        carrier: &dyn Extractor,
    ) -> Result<Option<SpanContext>, InvalidTraceparent> {
        let parents = carrier.get_all(TRACEPARENT);
        let parent = match parents[..] {
            [] => return Ok(None),
            [one] => parse_traceparent(one)?,
            _ => return Err(InvalidTraceparent::Repeated(parents.len())),
        };
        let trace_state = TraceState::parse(carrier.get_all(TRACESTATE)).unwrap_or_default();
        Ok(Some(SpanContext { trace_state, ..parent }))
    }
}

impl W3cPropagator {
    /// As [`TraceContextPropagator::extract_context`].
    ///
    /// # Errors
    /// If `traceparent` is malformed or repeated; the trace is to begin anew then.
    pub fn extract_context(
        &self,
        carrier: &dyn Extractor,
    ) -> Result<Option<SpanContext>, InvalidTraceparent> {
        TraceContextPropagator.extract_context(carrier)
    }
}

impl Propagator for TraceContextPropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        let context = self.extract_context(carrier).unwrap_or_default();
        Extracted { context, ..Extracted::default() }
    }

    fn inject(&self, context: Option<&SpanContext>, _: &Baggage, carrier: &mut dyn Injector) {
        match context {
            Some(context) => carrier.set(TRACEPARENT, format_traceparent(context)),
            None => carrier.remove(TRACEPARENT),
        }
        match context.map(|c| &c.trace_state).filter(|s| !s.is_empty()) {
            Some(state) => carrier.set(TRACESTATE, state.as_str().to_owned()),
            None => carrier.remove(TRACESTATE),
        }
    }

    fn fields(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

impl Propagator for BaggagePropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        Extracted { baggage: Baggage::parse(carrier.get_all(BAGGAGE)), ..Extracted::default() }
    }

    fn inject(&self, _: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        if baggage.is_empty() {
            carrier.remove(BAGGAGE);
        } else {
            carrier.set(BAGGAGE, baggage.to_header());
        }
    }

    fn fields(&self) -> Vec<&str> {
        vec![BAGGAGE]
    }
}

impl Propagator for W3cPropagator {
    fn extract(&self, carrier: &dyn Extractor) -> Extracted {
        TraceContextPropagator.extract(carrier).and(BaggagePropagator.extract(carrier))
    }

    fn inject(&self, context: Option<&SpanContext>, baggage: &Baggage, carrier: &mut dyn Injector) {
        TraceContextPropagator.inject(context, baggage, carrier);
        BaggagePropagator.inject(context, baggage, carrier);
    }

    fn fields(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE, BAGGAGE]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_context_and_baggage_pass_through_unchanged() {
        let found = W3cPropagator.extract(&headers(&[
            ("Traceparent", PARENT),
            ("TraceState", "mplp=l:d,x=1"),
            ("Baggage", "mplp.context_id=a%20b"),
        ]));
        let mut out = headers(&[("TRACEPARENT", "stale"), ("x-other", "kept")]);
        W3cPropagator.inject(found.context.as_ref(), &found.baggage, &mut out);
        let expected = headers(&[
            ("traceparent", PARENT),
            ("tracestate", "mplp=l:d,x=1"),
            ("baggage", "mplp.context_id=a%20b"),
            ("x-other", "kept"),
        ]);
        assert_eq!(out, expected);
    }

    #[test]
    fn nothing_to_send_removes_what_the_carrier_had() {
        let mut out = headers(&[("traceparent", PARENT), ("TraceState", "x=1"), ("baggage", "a=1")]);
        W3cPropagator.inject(None, &Baggage::EMPTY, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_bad_trace_state_is_dropped_and_a_bad_parent_spoils_only_the_context() {
        let found = W3cPropagator.extract(&headers(&[("traceparent", PARENT), ("tracestate", "BAD")]));
        assert!(found.context.unwrap().trace_state.is_empty());
        let bad = headers(&[("traceparent", "00-bad"), ("tracestate", "x=1"), ("baggage", "a=1")]);
        let found = W3cPropagator.extract(&bad);
        assert_eq!((found.context, found.baggage.get("a")), (None, Some("1")));
    }

    #[test]
    fn two_parents_are_an_error_and_none_is_not() {
        let two = headers(&[("traceparent", PARENT), ("Traceparent", PARENT)]);
        assert_eq!(W3cPropagator.extract_context(&two), Err(InvalidTraceparent::Repeated(2)));
        assert_eq!(W3cPropagator.extract_context(&headers(&[("tracestate", "x=1")])), Ok(None));
    }

    proptest! {
        #[test]
        fn no_headers_panic(
            parent in prop_oneof![any::<String>(), Just(PARENT.to_owned())],
            state in any::<String>(),
            baggage in any::<String>(),
        ) {
            let carrier = headers(&[("traceparent", &parent), ("tracestate", &state), ("baggage", &baggage)]);
            let found = W3cPropagator.extract(&carrier);
            let mut out = HashMap::new();
            W3cPropagator.inject(found.context.as_ref(), &found.baggage, &mut out);
            prop_assert_eq!(W3cPropagator.extract(&out), found);
        }
    }
}
