//! HTTP methods as telemetry names them.

use http::Method;

/// What stands for a method that is not known: clients can make up any, and a label must be bounded
/// (OpenTelemetry semantic conventions, `http.request.method`).
pub(super) const OTHER: &str = "_OTHER";

/// The method if it is one of RFC 9110, RFC 5789 or RFC 10008 (QUERY), else [`OTHER`].
pub(super) fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 10] =
        ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "QUERY", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|k| method.as_str() == *k).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_clients_make_up_are_one() {
        assert_eq!(known_method(&Method::PATCH), "PATCH");
        for made_up in ["get", "BREW", "GETT"] {
            assert_eq!(known_method(&Method::from_bytes(made_up.as_bytes()).unwrap()), OTHER);
        }
    }
}
