//! gRPC over HTTP/2: which requests are calls, what they call, and what their status means.
//!
//! Sources: "gRPC over HTTP2" (grpc/grpc, PROTOCOL-HTTP2.md) and OpenTelemetry's semantic conventions for gRPC.

use http::{HeaderMap, Method, header, request};

/// Longer names are not recorded: generated code has none.
const MAX_NAME: usize = 255;

/// `UNIMPLEMENTED`: the client asked for what does not exist, so its path is no name of ours.
pub(super) const UNIMPLEMENTED: u16 = 12;

/// The codes by number, as error types. Clients and servers may send other numbers, which are all one.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Whether a request is a gRPC call (not gRPC-Web, which has its status in the body).
pub(super) fn is_call(parts: &request::Parts) -> bool {
    parts.method == Method::POST
        && parts.headers.get(header::CONTENT_TYPE).is_some_and(|v| {
            let rest = v.as_bytes().strip_prefix(b"application/grpc");
            rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
        })
}

/// `/package.Service/Method` as service and method; `None` for any other path.
pub(super) fn service_and_method(path: &str) -> Option<(&str, &str)> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let is_name = |name: &str, also: u8| {
        !name.is_empty()
            && name.len() <= MAX_NAME
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == also)
    };
    (is_name(service, b'.') && is_name(method, b'_')).then_some((service, method))
}

/// The value of `grpc-status`.
pub(super) fn status(headers: &HeaderMap) -> Option<u16> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// The name of a code, bounded.
pub(super) fn status_name(code: u16) -> &'static str {
    NAMES.get(usize::from(code)).copied().unwrap_or("_OTHER")
}

/// Whether a server span has the error status: the other codes speak of the caller's mistakes.
pub(super) fn is_server_fault(code: u16) -> bool {
    // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
    matches!(code, 2 | 4 | UNIMPLEMENTED | 13 | 14 | 15)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_call_is_a_post_of_the_grpc_media_type() {
        let is = |method: &str, kind: &str| {
            let request = http::Request::builder().method(method).header("content-type", kind).body(());
            is_call(&request.unwrap().into_parts().0)
        };
        assert!(is("POST", "application/grpc") && is("POST", "application/grpc+proto"));
        assert!(!is("GET", "application/grpc") && !is("POST", "application/grpc-web+proto"));
        assert!(!is("POST", "application/json"));
    }

    #[test]
    fn only_a_path_of_two_names_is_a_method() {
        assert_eq!(service_and_method("/shop.v1.Cart/Add"), Some(("shop.v1.Cart", "Add")));
        for other in ["", "/", "/a", "a/b", "//b", "/a/", "/a/b/c", "/a b/c", "/a/b.c", "/é/x"] {
            assert_eq!(service_and_method(other), None, "{other}");
        }
        assert_eq!(service_and_method(&format!("/{}/x", "a".repeat(256))), None);
    }

    #[test]
    fn a_status_that_nobody_defined_is_other() {
        assert_eq!((status_name(14), status_name(99)), ("UNAVAILABLE", "_OTHER"));
    }

    proptest! {
        #[test]
        fn no_path_panics(path in any::<String>()) {
            if let Some((service, method)) = service_and_method(&path) {
                prop_assert_eq!(format!("/{service}/{method}"), path);
            }
        }
    }
}
