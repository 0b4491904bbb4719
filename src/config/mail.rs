//! Mail servers and mail addresses.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The host and port of a mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpServer {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port; 587, the submission port, if none was given.
    pub port: u16,
}

/// A text is not an [`SmtpServer`]; says what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("host or host:port, such as smtp.example.org:587")]
pub struct SmtpServerError;

/// The submission port of RFC 6409.
const SUBMISSION_PORT: u16 = 587;

impl SmtpServer {
    /// Whether the server is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for SmtpServer {
    type Err = SmtpServerError;

    fn from_str(text: &str) -> Result<Self, SmtpServerError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(SmtpServerError)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| SmtpServerError)?;
                match rest {
                    "" => (host, None),
                    _ => (host, Some(rest.strip_prefix(':').ok_or(SmtpServerError)?)),
                }
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') || b == b':';
        if host.is_empty() || host.len() > 253 || !host.bytes().all(valid) {
            return Err(SmtpServerError);
        }
        let port = match port {
            None => SUBMISSION_PORT,
            Some(port) => port.parse().ok().filter(|p| *p != 0).ok_or(SmtpServerError)?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Serialize for SmtpServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A mail address, `a@b.org` or `Name <a@b.org>`, without line breaks, so that it cannot add headers to a mail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailAddress(String);

/// A text is not a [`MailAddress`]; says what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mail address such as ops@example.org or \"Ops <ops@example.org>\"")]
pub struct MailAddressError;

impl MailAddress {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = MailAddressError;

    fn from_str(text: &str) -> Result<Self, MailAddressError> {
        let address = match text.split_once('<') {
            Some((_, rest)) => rest.strip_suffix('>').ok_or(MailAddressError)?,
            None => text,
        };
        let (user, domain) = address.split_once('@').ok_or(MailAddressError)?;
        let part = |s: &str| {
            !s.is_empty()
                && !s.contains(|c: char| c.is_whitespace() || matches!(c, '@' | '<' | '>' | ',' | ';' | '"'))
        };
        // The limits of RFC 5321, 4.5.3.1.
        let fits = user.len() <= 64 && domain.len() <= 255 && text.len() <= 512;
        if part(user) && part(domain) && fits && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MailAddressError)
        }
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for MailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_the_submission_port_unless_it_says_otherwise() {
        for (text, host, port) in [
            ("smtp.example.org", "smtp.example.org", 587),
            ("smtp.example.org:25", "smtp.example.org", 25),
            ("10.0.0.1:465", "10.0.0.1", 465),
            ("[::1]:2525", "::1", 2525),
            ("[::1]", "::1", 587),
            ("mail_hub:1025", "mail_hub", 1025),
        ] {
            let server: SmtpServer = text.parse().unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port), "{text}");
            assert_eq!(server.to_string().parse::<SmtpServer>().unwrap(), server, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_server_is_refused() {
        for bad in [
            "",
            ":25",
            "h:",
            "h:0",
            "h:70000",
            "h:x",
            "smtp://h:25",
            "::1",
            "[::1",
            "[x]:1",
            "[::1]25",
            "a b",
            "h/x",
        ] {
            assert!(bad.parse::<SmtpServer>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_servers_of_this_machine_are_loopback() {
        for (text, expected) in [
            ("localhost:25", true),
            ("127.0.0.2", true),
            ("[::1]:25", true),
            ("10.0.0.1", false),
            ("localhost.evil.org", false),
        ] {
            assert_eq!(text.parse::<SmtpServer>().unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn mail_addresses_are_told_from_other_text() {
        for good in ["a@b", "monitoring@mplp.dev", "Ops Team <ops@example.org>", "a+b.c@d-e.org"] {
            assert_eq!(good.parse::<MailAddress>().unwrap().as_str(), good);
        }
        for bad in
            ["", "a", "@b", "a@", "a@b@c", "a b@c", "<a@b", "Ops <a@b> x", "a@b\r\nBcc: c@d", "a@b,c@d"]
        {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
        }
    }
}
