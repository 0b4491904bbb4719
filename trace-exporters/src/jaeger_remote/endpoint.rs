//! The address of a backend that is asked for strategies.

use http::Uri;

/// The ports on which Jaeger answers over gRPC: that of its remote sampling extension, and the collector's old one.
const GRPC_PORTS: [u16; 2] = [5779, 14250];

/// An address that cannot be asked for strategies. Messages hold no credentials and no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sampling endpoint {shown:?} {reason}")]
pub struct InvalidSamplingEndpoint {
    pub(super) shown: String,
    pub(super) reason: String,
}

/// An address, checked.
pub(super) struct Address {
    pub(super) uri: Uri,
    /// Without what may be secret.
    pub(super) shown: String,
}

fn invalid(shown: &str, reason: &str) -> InvalidSamplingEndpoint {
    InvalidSamplingEndpoint { shown: shown.to_owned(), reason: reason.to_owned() }
}

impl Address {
    pub(super) fn read(endpoint: &str) -> Result<Self, InvalidSamplingEndpoint> {
        let uri = endpoint.parse::<Uri>().map_err(|_| invalid("", "is not a URL"))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid("", "must begin with http:// or https:// and name a host"));
        };
        if host.as_str().contains('@') {
            return Err(invalid(host.host(), "must not hold a user or password"));
        }
        let shown = format!("{scheme}://{host}{}", uri.path());
        match scheme {
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => {
                return Err(invalid(&shown, "needs TLS: build trace-exporters with the feature `tls`"));
            }
            _ => return Err(invalid(&shown, "must begin with http:// or https://")),
        }
        Ok(Self { uri, shown })
    }

    pub(super) fn fail(&self, reason: impl ToString) -> InvalidSamplingEndpoint {
        InvalidSamplingEndpoint { shown: self.shown.clone(), reason: reason.to_string() }
    }
}

/// What speaks gRPC, as `http` or `https`: `grpc://` and `grpcs://`, and what has no path and a port of Jaeger's for
/// gRPC.
pub(super) fn as_grpc(endpoint: &str) -> Option<String> {
    for (scheme, http) in [("grpc://", "http://"), ("grpcs://", "https://")] {
        if endpoint.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme)) {
            return Some(format!("{http}{}", &endpoint[scheme.len()..]));
        }
    }
    let uri = endpoint.parse::<Uri>().ok()?;
    let of_jaeger = uri.port_u16().is_some_and(|port| GRPC_PORTS.contains(&port));
    (of_jaeger && matches!(uri.path(), "" | "/") && uri.query().is_none()).then(|| endpoint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_by_scheme_or_by_port_without_path() {
        for (endpoint, grpc) in [
            ("grpc://h:4000", Some("http://h:4000")),
            ("GRPCS://h", Some("https://h")),
            ("http://h:5779", Some("http://h:5779")),
            ("https://h:14250/", Some("https://h:14250/")),
            ("http://h:5779/sampling", None),
            ("http://h:5778", None),
            ("http://h:5778/sampling", None),
            ("é", None),
            ("grpc:", None),
        ] {
            assert_eq!(as_grpc(endpoint).as_deref(), grpc, "{endpoint}");
        }
    }
}
