//! The process's header format, and headers for what is active on this thread.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::{Extracted, Extractor, Injector, Propagator, W3cPropagator, current_baggage};
use crate::record::current_context;

static GLOBAL: LazyLock<RwLock<Arc<dyn Propagator>>> = LazyLock::new(|| RwLock::new(Arc::new(W3cPropagator)));

/// Chooses the header format of this process, in place of [`W3cPropagator`]. For applications, not for libraries; see
/// [`CompositePropagator::from_env`](super::CompositePropagator::from_env) for what to choose.
pub fn set_global(propagator: impl Propagator + 'static) {
    *GLOBAL.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(propagator);
}

/// The header format of this process.
pub fn global() -> Arc<dyn Propagator> {
    GLOBAL.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Writes the active span and the active baggage of this thread into the headers of a request that goes out, in the
/// process's format and in place of what the headers have of it.
///
/// The carrier is anything with an [`Injector`]: `http::HeaderMap` (feature `http`; that of `reqwest`, `hyper` and
/// `tower` clients), `HashMap<String, String>`, `Vec<(String, String)>`.
///
/// ```
/// use trace_core::propagate::inject_current;
///
/// let mut headers: Vec<(String, String)> = Vec::new();
/// inject_current(&mut headers);
/// for (name, value) in headers {
///     println!("{name}: {value}"); // or `request.header(name, value)`
/// }
/// ```
pub fn inject_current(carrier: &mut dyn Injector) {
    inject_current_by(&*global(), carrier);
}

/// The same in another format.
pub fn inject_current_by(format: &dyn Propagator, carrier: &mut dyn Injector) {
    format.inject(current_context().as_ref(), &current_baggage(), carrier);
}

/// Reads the headers of a request that came in, in the process's format.
pub fn extract(carrier: &dyn Extractor) -> Extracted {
    global().extract(carrier)
}

/// New headers with the active span and baggage, for clients whose requests take a map of headers, such as
/// `reqwest`:
///
/// ```no_run
/// # async fn call() -> Result<(), reqwest::Error> {
/// use trace_core::propagate::current_headers;
///
/// let client = reqwest::Client::new();
/// client.get("http://stock.test/items").headers(current_headers()).send().await?;
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "http")]
pub fn current_headers() -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    inject_current(&mut headers);
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagate::{B3Propagator, Baggage, enter_baggage};
    use crate::record::Recorder;

    #[test]
    fn the_active_span_and_baggage_go_into_the_headers() {
        let (recorder, _drain) = Recorder::builder().build();
        let span = recorder.span("call").enter();
        let _baggage = enter_baggage(Baggage::parse(["k=v%20w"]));
        // W3C, for nothing in this crate's tests chooses another format for the process.
        let mut headers = vec![("Baggage".to_owned(), "stale=1".to_owned())];
        inject_current(&mut headers);
        let found = extract(&headers);
        assert_eq!(found.context.unwrap().span_id, span.context().unwrap().span_id);
        assert_eq!(found.baggage.to_header(), "k=v%20w");

        let mut headers = Vec::new();
        inject_current_by(&B3Propagator::SINGLE, &mut headers);
        let context = span.context().unwrap();
        assert_eq!(headers, [("b3".to_owned(), format!("{}-{}-1", context.trace_id, context.span_id))]);
    }

    #[test]
    fn without_an_active_span_what_the_headers_had_goes() {
        let mut headers = vec![("traceparent".to_owned(), "stale".to_owned())];
        inject_current(&mut headers);
        assert!(headers.is_empty());
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_map_of_headers_is_made_for_clients_that_take_one() {
        let (recorder, _drain) = Recorder::builder().build();
        let span = recorder.span("call").enter();
        let expected = super::super::format_traceparent(span.context().unwrap());
        assert_eq!(current_headers()["traceparent"], expected);
    }
}
