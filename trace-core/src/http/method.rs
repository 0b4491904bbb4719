//! HTTP methods and versions as telemetry names them.

use http::{Method, Version};

/// What stands for a method that is not known: clients can make up any, and a label must be bounded
/// (OpenTelemetry semantic conventions, `http.request.method`).
pub(super) const OTHER: &str = "_OTHER";

/// The methods of RFC 9110, RFC 5789 and RFC 10008 (QUERY), and [`OTHER`], the last.
pub(super) const METHODS: [&str; 11] =
    ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "QUERY", "CONNECT", "TRACE", OTHER];

/// The place of a method in [`METHODS`].
pub(super) fn method_number(method: &Method) -> usize {
    let name = method.as_str();
    METHODS.iter().position(|known| *known == name).unwrap_or(METHODS.len() - 1)
}

/// The value of `network.protocol.version`.
pub(super) fn version_name(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_clients_make_up_are_one() {
        assert_eq!(METHODS[method_number(&Method::PATCH)], "PATCH");
        for made_up in ["get", "BREW", "GETT", "_OTHER"] {
            assert_eq!(METHODS[method_number(&Method::from_bytes(made_up.as_bytes()).unwrap())], OTHER);
        }
    }
}
