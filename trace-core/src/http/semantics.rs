//! The attributes of a server span (OpenTelemetry semantic conventions for HTTP, stable).

use http::uri::Authority;
use http::{Version, header, request::Parts};

use super::method::{OTHER, known_method};
use super::{Ended, Outcome};
use crate::model::Status;
use crate::record::Span;

/// Clients choose these texts: longer ones are cut, so that a span stays small.
const MAX_PATH: usize = 2048;
const MAX_USER_AGENT: usize = 512;
const MAX_METHOD: usize = 64;
/// A DNS name has at most 253 characters; what is longer is not one.
const MAX_HOST: usize = 253;

const REDACTED: &str = "REDACTED";

/// `METHOD route`, and no path where there is no route: a name must be bounded.
pub(super) fn span_name(parts: &Parts, route: Option<&str>) -> String {
    let method = match known_method(&parts.method) {
        OTHER => "HTTP",
        known => known,
    };
    match route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    }
}

pub(super) fn describe_request(span: &Span, parts: &Parts, route: Option<&str>, with_query: bool) {
    let method = known_method(&parts.method);
    span.set_attribute("http.request.method", method);
    if method == OTHER {
        span.set_attribute("http.request.method_original", cut(parts.method.as_str(), MAX_METHOD));
    }
    if let Some(route) = route {
        span.set_attribute("http.route", route.to_owned());
    }
    span.set_attribute("url.path", cut(parts.uri.path(), MAX_PATH));
    span.set_attribute("url.scheme", parts.uri.scheme_str().map_or_else(|| "http".to_owned(), str::to_owned));
    if with_query && let Some(query) = parts.uri.query() {
        span.set_attribute("url.query", redact_query(cut(query, MAX_PATH).as_str()));
    }
    if let Some(authority) = authority(parts) {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if !host.is_empty() && host.len() <= MAX_HOST {
            span.set_attribute("server.address", host.to_owned());
            if let Some(port) = authority.port_u16() {
                span.set_attribute("server.port", port);
            }
        }
    }
    if let Some(version) = version(parts.version) {
        span.set_attribute("network.protocol.version", version);
    }
    if let Some(agent) = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok()) {
        span.set_attribute("user_agent.original", cut(agent, MAX_USER_AGENT));
    }
}

/// Status code and outcome. The status of the span is kept if `has_status`: the handler knows more.
pub(super) fn describe_end(span: &Span, ended: &Ended, has_status: bool) {
    if let Some(status) = ended.status {
        span.set_attribute("http.response.status_code", status.as_u16());
    }
    let fail = |description: &'static str| {
        if !has_status {
            span.set_status(Status::Error(description.into()));
        }
    };
    match (ended.outcome, ended.status) {
        (Outcome::Panicked, _) => {
            span.set_attribute("error.type", "panic");
            fail("panicked");
        }
        (Outcome::Failed { error_type }, _) => {
            span.set_attribute("error.type", error_type);
            fail(error_type);
        }
        // No description: the conventions leave it out where the status code says it all.
        (_, Some(status)) if status.is_server_error() => {
            span.set_attribute("error.type", status.as_str().to_owned());
            fail("");
        }
        _ => {}
    }
    if ended.outcome == Outcome::Cancelled {
        span.set_attribute("mplp.status", "cancelled");
    }
}

/// Where the client sent the request: from the URI (HTTP/2, proxies), else the `host` header.
fn authority(parts: &Parts) -> Option<Authority> {
    if let Some(authority) = parts.uri.authority() {
        return Some(authority.clone());
    }
    Authority::try_from(parts.headers.get(header::HOST)?.as_bytes()).ok()
}

fn version(version: Version) -> Option<&'static str> {
    Some(match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_11 => "1.1",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => return None,
    })
}

fn cut(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}

/// The names of the parameters. No list of secret names is complete, so every value is replaced, and what has no
/// name is taken for a value.
fn redact_query(query: &str) -> String {
    let redacted = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}={REDACTED}"),
        None if pair.is_empty() => String::new(),
        None => REDACTED.to_owned(),
    });
    redacted.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_keeps_the_names_and_loses_the_values() {
        assert_eq!(redact_query("a=1&token=s3cret&&bare"), "a=REDACTED&token=REDACTED&&REDACTED");
        assert_eq!(redact_query("a=b=c"), "a=REDACTED");
    }

    #[test]
    fn the_host_comes_from_the_uri_before_the_header_and_user_info_is_left_out() {
        let of = |uri: &str, host: &str| {
            let request = http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
            authority(&request.into_parts().0).map(|a| (a.host().to_owned(), a.port_u16()))
        };
        assert_eq!(of("/a", "shop.test:8080"), Some(("shop.test".into(), Some(8080))));
        assert_eq!(of("https://u:pw@real.test/a", "other.test"), Some(("real.test".into(), None)));
        assert_eq!(of("/a", "not a host"), None);
    }

    proptest! {
        #[test]
        fn no_value_survives_redaction(name in "[a-z]{1,8}", value in "[A-Z0-9=]{1,16}") {
            let redacted = redact_query(&format!("{name}={value}"));
            prop_assert_eq!(redacted, format!("{}=REDACTED", name));
        }

        #[test]
        fn a_cut_is_a_prefix_within_the_limit(text in any::<String>(), max in 0usize..64) {
            let short = cut(&text, max);
            prop_assert!(short.len() <= max && text.starts_with(&short));
        }
    }
}
