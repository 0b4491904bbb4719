//! Addresses as URLs: parsing them, and paths below them.

use http::Uri;

use super::{Endpoint, HttpConfigError, show};

impl Endpoint {
    /// The URL that it is.
    ///
    /// # Errors
    /// With the name of the configuration's field, if this build cannot send there, or if it holds credentials.
    pub(crate) fn uri(&self, field: &'static str) -> Result<Uri, HttpConfigError> {
        parse(field, self.expose())
    }
}

/// The URL that a field of a configuration holds.
///
/// # Errors
/// With the field's name, if this build cannot send there, or if it holds credentials.
pub(crate) fn parse(field: &'static str, text: &str) -> Result<Uri, HttpConfigError> {
    let fail = |shown: String, reason| Err(HttpConfigError::Endpoint { field, shown, reason });
    let Ok(uri) = text.trim().parse::<Uri>() else {
        return fail(show(text), "is not a URL; write http://host:port");
    };
    let shown = show(text);
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(a)) if a.as_str().contains('@') => {
            fail(shown, "holds credentials; send them with headers.authorization")
        }
        (Some("http"), Some(_)) => Ok(uri),
        (Some("https"), Some(_)) if cfg!(feature = "tls") => Ok(uri),
        (Some("https"), Some(_)) => Err(HttpConfigError::TlsUnavailable { shown }),
        (Some(_), _) => fail(shown, "has a scheme other than http and https"),
        (None, _) => fail(shown, "has no scheme; write http://host:port"),
    }
}

/// The URL with a path, such as `v1/traces`, below that of the base; the query stays.
pub(crate) fn append(base: &Uri, path: &str) -> Uri {
    let joined = format!("{}/{path}", base.path().trim_end_matches('/'));
    let joined = match base.query() {
        Some(query) => format!("{joined}?{query}"),
        None => joined,
    };
    let mut parts = base.clone().into_parts();
    parts.path_and_query = joined.parse().ok();
    // The parts are those of a URL, and the path is one plus ASCII, so the base only stays if http changes.
    Uri::from_parts(parts).unwrap_or_else(|_| base.clone())
}
