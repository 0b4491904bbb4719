//! Trace context on requests that go out.

use http::HeaderMap;

use crate::model::SpanContext;
use crate::propagate::{Baggage, Injector, Propagator, W3cPropagator, format_traceparent};
use crate::record::current_context;

/// The headers by which the active span travels, for clients that take headers and nothing else; empty without one.
///
/// ```
/// // With reqwest: `client.get(url).headers(trace_core::http::current_headers()).send().await`.
/// let headers = trace_core::http::current_headers();
/// assert!(headers.is_empty(), "no span is active here");
/// ```
pub fn current_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    inject_current(&mut headers);
    headers
}

/// Writes a context in a propagator's format, in place of what the headers have; and the baggage, if there is one:
/// without one, a `baggage` header that the application has set stays.
pub(in super::super) fn inject(
    propagator: &dyn Propagator,
    context: &SpanContext,
    baggage: Option<&Baggage>,
    headers: &mut HeaderMap,
) {
    match baggage {
        Some(baggage) => propagator.inject(Some(context), baggage, headers),
        None => propagator.inject(Some(context), &Baggage::EMPTY, &mut KeepsBaggage(headers)),
    }
}

/// Headers of which `baggage` is not removed.
struct KeepsBaggage<'a>(&'a mut HeaderMap);

impl Injector for KeepsBaggage<'_> {
    fn set(&mut self, name: &'static str, value: String) {
        self.0.set(name, value);
    }

    fn remove(&mut self, name: &'static str) {
        if name != "baggage" {
            Injector::remove(self.0, name);
        }
    }
}

/// Writes `traceparent` and `tracestate` of the active span into the headers of a request that goes out, in place of
/// any that they have. Other headers stay, `baggage` included. Without an active span nothing changes.
///
/// ```
/// let mut request = http::Request::get("http://stock.test/items").body(())?;
/// trace_core::http::inject_current(request.headers_mut());
/// # Ok::<(), http::Error>(())
/// ```
pub fn inject_current(headers: &mut HeaderMap) {
    let Some(context) = current_context() else { return };
    headers.set("traceparent", format_traceparent(&context));
    if context.trace_state.is_empty() {
        Injector::remove(headers, "tracestate");
    } else {
        headers.set("tracestate", context.trace_state.as_str().to_owned());
    }
}

/// As [`inject_current`], and writes `baggage` too, in place of any that the headers have. Only for services that
/// may know its content.
pub fn inject_current_with(headers: &mut HeaderMap, baggage: &Baggage) {
    match current_context() {
        Some(context) => W3cPropagator.inject(Some(&context), baggage, headers),
        None if baggage.is_empty() => Injector::remove(headers, "baggage"),
        None => headers.set("baggage", baggage.to_header()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
    use crate::record::Recorder;

    #[test]
    fn the_active_span_goes_into_the_headers_and_without_one_they_stay() {
        let mut headers = HeaderMap::new();
        headers.set("traceparent", "stale".into());
        headers.set("tracestate", "stale=1".into());
        headers.set("baggage", "kept=1".into());
        let before = headers.clone();
        inject_current(&mut headers);
        assert_eq!(headers, before);

        let (recorder, _drain) = Recorder::builder().build();
        let guard = recorder.span("call").enter();
        inject_current(&mut headers);
        assert_eq!(headers["traceparent"], format_traceparent(guard.context().unwrap()));
        assert!(!headers.contains_key("tracestate"));
        assert_eq!(headers["baggage"], "kept=1");
    }

    #[test]
    fn trace_state_and_baggage_go_along() {
        let (recorder, _drain) = Recorder::builder().build();
        let parent = SpanContext {
            trace_state: TraceState::from_validated("a=1"),
            ..SpanContext::new(TraceId::new(1).unwrap(), SpanId::new(2).unwrap(), TraceFlags::SAMPLED)
        };
        let _guard = recorder.span("call").parent(parent).enter();
        let mut headers = HeaderMap::new();
        let mut baggage = Baggage::EMPTY;
        baggage.insert("k", "v w").unwrap();
        inject_current_with(&mut headers, &baggage);
        assert_eq!(
            (&headers["tracestate"], &headers["baggage"]),
            (&"a=1".parse().unwrap(), &"k=v%20w".parse().unwrap())
        );
    }
}
