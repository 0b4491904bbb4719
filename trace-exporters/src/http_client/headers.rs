//! Request headers whose values never show.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::HttpConfigError;
use crate::connection::Secret;

/// Headers that the exporter itself sets, or that would break the request.
const RESERVED: [&str; 7] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "host",
    "connection",
    "user-agent",
];

/// Extra request headers in the order given. `Debug` shows names only.
///
/// A header whose value is empty is not sent, so that an unset token sends no header.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Secret)>);

impl Headers {
    /// Adds a header; an earlier one of the same name, in any case, is replaced.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.put(name.into(), Secret::from(value));
    }

    fn put(&mut self, name: String, value: Secret) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
        self.0.push((name, value));
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(n, _)| n.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// The headers as they are sent, values marked as sensitive; those without a value left out.
    pub(crate) fn to_map(&self) -> Result<HeaderMap, HttpConfigError> {
        let mut map = HeaderMap::new();
        for (name, value) in self.iter() {
            let fail = |reason| HttpConfigError::Header { name: name.to_owned(), reason };
            let parsed = HeaderName::try_from(name).map_err(|_| fail("is not a header name"))?;
            if RESERVED.contains(&parsed.as_str()) {
                return Err(fail("is set by the exporter"));
            }
            let mut value = HeaderValue::try_from(value.expose())
                .map_err(|_| fail("has a value with characters that a header cannot carry"))?;
            value.set_sensitive(true);
            if !value.is_empty() {
                map.insert(parsed, value);
            }
        }
        Ok(map)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(iter: T) -> Self {
        let mut headers = Self::default();
        iter.into_iter().for_each(|(n, v)| headers.set(n, v));
        headers
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of header names to texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Headers::default();
                while let Some(name) = map.next_key::<String>()? {
                    let value: Secret = map.next_value()?;
                    headers.put(name, value);
                }
                Ok(headers)
            }
        }
        d.deserialize_map(Map)
    }
}
