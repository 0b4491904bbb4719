//! Addresses whose secrets do not show.

use std::fmt;

use serde::Deserialize;

/// An address as it was written, mostly a URL. `Debug` and `Display` show neither its credentials nor its query.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Endpoint(String);

impl Endpoint {
    /// The address itself, with what may be secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Endpoint {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show(&self.0))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&show(&self.0), f)
    }
}

/// The URL without what may be secret: credentials and query.
pub(crate) fn show(url: &(impl ToString + ?Sized)) -> String {
    let url = url.to_string();
    let url = url.split(['?', '#']).next().unwrap_or_default().trim();
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(s, r)| (&url[..s.len() + 3], r));
    // The last one, even in what should be the path: a password may hold a slash.
    let host = rest.rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}{}", &rest[host..])
}
