//! HTTP headers as carriers.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Extractor, Injector};

/// Read for a value that is not text: valid in no format, so the header counts as malformed and not as absent.
const NOT_TEXT: &str = "\u{fffd}";

impl Extractor for HeaderMap {
    fn get_all<'a>(&'a self, name: &str) -> Vec<&'a str> {
        HeaderMap::get_all(self, name).iter().map(|v| v.to_str().unwrap_or(NOT_TEXT)).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.keys().map(HeaderName::as_str).collect()
    }
}

impl Injector for HeaderMap {
    fn set(&mut self, name: &str, value: String) {
        // Names and values of our formats are always valid; those of others are left out if they are not.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.insert(name, value);
        }
    }

    fn remove(&mut self, name: &str) {
        HeaderMap::remove(self, name);
    }

    fn remove_prefix(&mut self, prefix: &str) {
        let names: Vec<_> = self.keys().filter(|k| k.as_str().starts_with(prefix)).cloned().collect();
        for name in names {
            HeaderMap::remove(self, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagate::{Propagator, W3cPropagator};

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_travels_through_http_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(PARENT));
        headers.append("tracestate", HeaderValue::from_static("a=1"));
        headers.append("tracestate", HeaderValue::from_static("b=2"));
        headers.insert("baggage", HeaderValue::from_static("k=v%20w"));
        let found = W3cPropagator.extract(&headers);
        let context = found.context.unwrap();
        assert_eq!(context.trace_state.as_str(), "a=1,b=2");

        let mut out = HeaderMap::new();
        out.insert("tracestate", HeaderValue::from_static("stale=1"));
        W3cPropagator.inject(Some(&context), &found.baggage, &mut out);
        assert_eq!(out["traceparent"], PARENT);
        assert_eq!(out["tracestate"], "a=1,b=2");
        assert_eq!(out["baggage"], "k=v%20w");
    }

    #[test]
    fn a_second_header_that_is_not_text_makes_the_context_invalid() {
        let mut headers = HeaderMap::new();
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        headers.append("traceparent", HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(W3cPropagator.extract(&headers).context, None);
    }
}
