//! The client's address, from headers that proxies write.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// More entries than any chain of proxies writes; a longer list is not believed.
const MAX_ENTRIES: usize = 64;

/// A header in which proxies say where a request came from; see
/// [`TraceRequests::trust_forwarded`](super::RequestLayer::trust_forwarded).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy`.
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// The entry that the outermost of `proxies` proxies wrote: so many entries from the end. `None` if there are fewer,
/// or it is no address.
pub(super) fn client_address(headers: &HeaderMap, header: ForwardedHeader, proxies: usize) -> Option<IpAddr> {
    let name = match header {
        ForwardedHeader::XForwardedFor => "x-forwarded-for",
        ForwardedHeader::Forwarded => "forwarded",
    };
    let lines: Vec<&str> = headers.get_all(name).iter().map(|v| v.to_str().unwrap_or("")).collect();
    // From the end: nothing that the client sent is even looked at, if the proxies wrote their part.
    let mut entries = lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MAX_ENTRIES);
    let entry = entries.nth(proxies.checked_sub(1)?)?;
    match header {
        ForwardedHeader::XForwardedFor => address(entry),
        ForwardedHeader::Forwarded => entry.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| address(value.trim().trim_matches('"')))?
        }),
    }
}

/// `address`, `address:port`, `[address]` or `[address]:port`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = || text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|a| a.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    plain().or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(header: ForwardedHeader, lines: &[&str], proxies: usize) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            let name = if header == ForwardedHeader::Forwarded { "forwarded" } else { "x-forwarded-for" };
            headers.append(name, line.parse().unwrap());
        }
        client_address(&headers, header, proxies).map(|a| a.to_string())
    }

    #[test]
    fn what_the_client_sent_itself_is_not_believed() {
        let lines = ["6.6.6.6, 203.0.113.7", "10.0.0.1"];
        let of = |proxies| found(ForwardedHeader::XForwardedFor, &lines, proxies);
        assert_eq!(of(1).as_deref(), Some("10.0.0.1"));
        assert_eq!(of(2).as_deref(), Some("203.0.113.7"));
        assert_eq!((of(0), of(4)), (None, None));
    }

    #[test]
    fn every_form_of_an_address_is_read_and_names_are_not() {
        let x = |entry| found(ForwardedHeader::XForwardedFor, &[entry], 1);
        let f = |entry| found(ForwardedHeader::Forwarded, &[entry], 1);
        assert_eq!(x(" 192.0.2.1:4711 ").as_deref(), Some("192.0.2.1"));
        assert_eq!(x("[2001:db8::1]:80").as_deref(), Some("2001:db8::1"));
        assert_eq!(f("proto=https;For=\"[2001:db8::1]:80\";by=10.0.0.1").as_deref(), Some("2001:db8::1"));
        assert_eq!(f("for=192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!((x("unknown"), x(""), f("for=_hidden"), f("192.0.2.1")), (None, None, None, None));
    }

    proptest! {
        #[test]
        fn no_header_panics(line in "[ -~]{0,80}", proxies in 0usize..4) {
            found(ForwardedHeader::XForwardedFor, &[&line], proxies);
            found(ForwardedHeader::Forwarded, &[&line], proxies);
        }
    }
}
