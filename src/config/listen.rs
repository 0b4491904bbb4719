//! Where a receiver listens.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::server::HostName;

/// `host:port`; port 0 lets the system choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ListenAddress(String);

impl ListenAddress {
    pub(super) fn local(port: u16) -> Self {
        Self(format!("127.0.0.1:{port}"))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody else's machine reaches it.
    pub fn is_local(&self) -> bool {
        let host = self.0.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no address to listen at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a host and a port, such as 127.0.0.1:4318, 0.0.0.0:4318 or [::1]:4318")]
pub struct ListenAddressError;

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(ListenAddressError)?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        port.parse::<u16>().ok().filter(|_| digits).ok_or(ListenAddressError)?;
        // An IPv6 address needs brackets before a port.
        let bare = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains(':') && host.parse::<HostName>().is_ok(),
        };
        if bare { Ok(Self(text.to_owned())) } else { Err(ListenAddressError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_needed() {
        for good in ["127.0.0.1:0", "localhost:4318", "[::1]:4317", "a-b.c_d:65535"] {
            assert_eq!(good.parse::<ListenAddress>().map(|a| a.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "4318",
            ":4318",
            "h:",
            "h:65536",
            "h:+1",
            "::1:4317",
            "[x]:1",
            "[::1]",
            "a b:1",
            "http://h:1",
        ] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
        let local = |text: &str| text.parse::<ListenAddress>().unwrap().is_local();
        assert!(local("LOCALHOST:1") && local("127.9.9.9:1") && local("[::1]:1"));
        assert!(!local("0.0.0.0:1") && !local("host:1") && !local("[::]:1"));
    }
}
