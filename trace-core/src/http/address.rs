//! Host and port of a request, as its URI or its `host` header names them.

use http::{header, request};

use super::headers::first;

/// A DNS name has at most 253 characters; what is longer is not one.
const MAX_HOST: usize = 253;

/// The bytes that a host may have (RFC 3986, `host`).
static IS_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let others = b"-._~%:!$&'()*+,;=";
    let mut i = 0;
    while i < others.len() {
        table[others[i] as usize] = true;
        i += 1;
    }
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = true;
        }
        byte += 1;
    }
    table
};

/// Where a request was sent: from the URI (HTTP/2, proxies, clients), else from the `host` header. User information
/// is left out, and so are the brackets of an IPv6 address.
pub(super) fn host_and_port(parts: &request::Parts) -> Option<(&str, Option<u16>)> {
    match parts.uri.authority() {
        Some(authority) => split(authority.as_str()),
        None => split(first(&parts.headers, &header::HOST)?.to_str().ok()?),
    }
}

/// Splits `[user@]host[:port]`; `None` for what cannot be a host.
pub(super) fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    // By bytes: these texts are too short for the search for characters to pay.
    let at = authority.bytes().rposition(|b| b == b'@');
    let host_port = at.map_or(authority, |at| &authority[at + 1..]);
    let (host, rest) = match host_port.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?,
        None => host_port.split_at(host_port.bytes().position(|b| b == b':').unwrap_or(host_port.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some("") => None,
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    let valid = !host.is_empty() && host.len() <= MAX_HOST && host.bytes().all(|b| IS_HOST[usize::from(b)]);
    valid.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_host_comes_from_the_uri_before_the_header_and_user_info_is_left_out() {
        let of = |uri: &str, host: &str| {
            let request = http::Request::builder().uri(uri).header("host", host).body(()).unwrap();
            let parts = request.into_parts().0;
            host_and_port(&parts).map(|(host, port)| (host.to_owned(), port))
        };
        assert_eq!(of("/a", "shop.test:8080"), Some(("shop.test".into(), Some(8080))));
        assert_eq!(of("https://u:pw@real.test/a", "other.test"), Some(("real.test".into(), None)));
        assert_eq!(of("/a", "not a host"), None);
    }

    #[test]
    fn addresses_ports_and_nonsense() {
        assert_eq!(split("[::1]:80"), Some(("::1", Some(80))));
        assert_eq!(split("[::1]"), Some(("::1", None)));
        assert_eq!(split("127.0.0.1:"), Some(("127.0.0.1", None)));
        for bad in ["", ":80", "a:b", "a:99999", "[::1", "[::1]x", "a b", "a/b", "\u{e9}.test"] {
            assert_eq!(split(bad), None, "{bad}");
        }
        assert_eq!(split(&"a".repeat(254)), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), host in "[a-z.]{1,20}", port: u16) {
            let _ = split(&text);
            let authority = format!("{host}:{port}");
            prop_assert_eq!(split(&authority), Some((host.as_str(), Some(port))));
        }
    }
}
