//! The URL that telemetry is sent to.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An absolute `http` or `https` URL without user, password and fragment.
///
/// Debug, Display and Serialize mask the query, which may hold a key; [`Endpoint::as_str`] gives all.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: String,
    scheme: &'static str,
    host: String,
    port: u16,
    /// Path and query.
    target: String,
}

/// Why a text is not an [`Endpoint`]; says what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not a URL at all, or a relative one.
    #[error("a URL with a host, such as http://localhost:4318/v1/traces")]
    Malformed,
    /// Another scheme.
    #[error("a URL that begins with http:// or https://")]
    Scheme,
    /// User and password in the URL would end up in logs.
    #[error("a URL without user and password; put them into headers")]
    Credentials,
    /// A fragment is never sent.
    #[error("a URL without a # part")]
    Fragment,
    /// Port 0 or a number over 65535.
    #[error("a URL with a port from 1 to 65535")]
    Port,
}

impl Endpoint {
    /// The whole URL, as it was given.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The host in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own if none was given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path, without the query; `/` if none was given.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// A receiver on this machine.
    pub(super) fn local(port: u16, path: &str) -> Self {
        Self::at("http", "localhost", port, path)
    }

    fn at(scheme: &'static str, host: &str, port: u16, path: &str) -> Self {
        let url = format!("{scheme}://{host}:{port}{path}");
        Self { url, scheme, host: host.to_owned(), port, target: path.to_owned() }
    }

    /// Another path at the same host and port.
    pub(super) fn sibling(&self, port: u16, path: &str) -> Self {
        Self::at(self.scheme, &self.host, port, path)
    }

    /// Whether what is sent there can be read on its way to another machine.
    pub(super) fn is_open_to_others(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        let own = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        self.scheme == "http" && !own
    }

    /// Whether the URL names neither a path nor a query.
    pub(super) fn is_bare(&self) -> bool {
        matches!(self.target.as_str(), "" | "/")
    }

    /// Whether both are the same resource of the same listener.
    pub(super) fn same_target(&self, other: &Self) -> bool {
        self.same_listener(other) && self.target == other.target
    }

    /// Whether both lead to the same listener. The names of the own machine count as one.
    pub(super) fn same_listener(&self, other: &Self) -> bool {
        let machine = |e: &Self| match e.host.as_str() {
            "127.0.0.1" | "[::1]" => "localhost".to_owned(),
            host => host.to_owned(),
        };
        self.port == other.port && machine(self) == machine(other)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        if text.contains('#') {
            return Err(EndpointError::Fragment);
        }
        if !text.contains("://") {
            return Err(EndpointError::Scheme);
        }
        let uri: http::Uri = text.parse().map_err(|_| EndpointError::Malformed)?;
        let (scheme, default_port) = match uri.scheme_str() {
            Some("http") => ("http", 80),
            Some("https") => ("https", 443),
            _ => return Err(EndpointError::Scheme),
        };
        let authority = uri.authority().ok_or(EndpointError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(EndpointError::Credentials);
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(EndpointError::Malformed);
        }
        let port = match authority.port_u16() {
            Some(0) => return Err(EndpointError::Port),
            Some(port) => port,
            None if authority.as_str().len() > host.len() => return Err(EndpointError::Port),
            None => default_port,
        };
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        Ok(Self { url: text.to_owned(), scheme, host, port, target })
    }
}

/// The address of a receiver of gRPC: a URL without a path, also with the scheme `grpc` or `grpcs`, or without a scheme.
pub(super) struct GrpcAddress {
    plain: Endpoint,
    secure: Endpoint,
    /// Whether the scheme says so.
    scheme: Option<bool>,
}

/// A text is no [`GrpcAddress`]; says what is allowed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("host:port or a URL without a path, such as http://localhost:4317")]
pub(super) struct GrpcAddressError;

impl GrpcAddress {
    /// With TLS if the scheme says so, and without a scheme unless it is `insecure`.
    pub(super) fn endpoint(self, insecure: bool) -> Endpoint {
        if self.scheme.unwrap_or(!insecure) { self.secure } else { self.plain }
    }
}

impl FromStr for GrpcAddress {
    type Err = GrpcAddressError;

    fn from_str(text: &str) -> Result<Self, GrpcAddressError> {
        let (scheme, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("http" | "grpc", rest)) => (Some(false), rest),
            Some(("https" | "grpcs", rest)) => (Some(true), rest),
            Some(_) => return Err(GrpcAddressError),
        };
        let read = |scheme: &str| {
            let endpoint: Endpoint = format!("{scheme}://{rest}").parse().map_err(|_| GrpcAddressError)?;
            if endpoint.is_bare() { Ok(endpoint) } else { Err(GrpcAddressError) }
        };
        Ok(Self { plain: read("http")?, secure: read("https")?, scheme })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.url.split_once('?') {
            Some((url, _)) => write!(f, "{url}?***"),
            None => f.write_str(&self.url),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_parts_of_a_url_are_told_apart() {
        for (url, host, port, path) in [
            ("http://localhost:4318/v1/traces", "localhost", 4318, "/v1/traces"),
            ("https://Collector.Example/x?k=v", "collector.example", 443, "/x"),
            ("http://10.0.0.1", "10.0.0.1", 80, "/"),
            ("http://[::1]:4318/v1/traces", "[::1]", 4318, "/v1/traces"),
            ("http://otel_collector:4318/", "otel_collector", 4318, "/"),
            ("HTTP://h/", "h", 80, "/"),
        ] {
            let e: Endpoint = url.parse().unwrap();
            assert_eq!((e.host(), e.port(), e.path(), e.as_str()), (host, port, path, url));
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_with_what_is_allowed() {
        for (url, error) in [
            ("", EndpointError::Scheme),
            ("hooks.slack.com/services", EndpointError::Scheme),
            ("http://", EndpointError::Malformed),
            ("http:///path", EndpointError::Malformed),
            ("http://a b/", EndpointError::Malformed),
            ("localhost:4318", EndpointError::Scheme),
            ("/v1/traces", EndpointError::Scheme),
            ("grpc://h:4317", EndpointError::Scheme),
            ("http://u:p@h/", EndpointError::Credentials),
            ("http://h/#x", EndpointError::Fragment),
            ("http://h:0/", EndpointError::Port),
            ("http://h:/", EndpointError::Port),
            ("http://h:99999/", EndpointError::Port),
        ] {
            assert_eq!(url.parse::<Endpoint>(), Err(error), "{url}");
        }
    }

    #[test]
    fn the_query_is_masked() {
        let e: Endpoint = "https://h/x?api-key=hunter2".parse().unwrap();
        assert_eq!(e.to_string(), "https://h/x?***");
        assert_eq!(format!("{e:?}"), "Endpoint(https://h/x?***)");
        assert_eq!(serde_json::to_string(&e).unwrap(), r#""https://h/x?***""#);
    }

    #[test]
    fn the_names_of_the_own_machine_are_one_listener() {
        let e = |s: &str| s.parse::<Endpoint>().unwrap();
        assert!(e("http://localhost:4318/a").same_listener(&e("http://127.0.0.1:4318/b")));
        assert!(!e("http://localhost:4318").same_listener(&e("http://localhost:4317")));
        assert!(!e("http://a:1").same_listener(&e("http://b:1")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(https?://)?\\PC{0,40}") {
            let _ = text.parse::<Endpoint>();
        }
    }
}
