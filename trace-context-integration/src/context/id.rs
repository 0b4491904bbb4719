//! How a context is named.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest identifier that is not an MPLP one, in bytes.
const MAX_EXTERNAL: usize = 128;

/// The identifier of an MPLP v1 Context: a version 4 UUID, written with hyphens and lower-case digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContextId(uuid::Uuid);

/// A text names no context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseContextIdError {
    /// Not the form that MPLP v1 prescribes.
    #[error("MPLP context id must be a version 4 UUID in lower case with hyphens, got {0:?}")]
    NotMplp(String),
    /// Empty, over 128 bytes, or with control characters.
    #[error("context id must be 1 to 128 bytes of printable text, got {0:?}")]
    Unusable(String),
}

fn shown(s: &str) -> String {
    s.chars().take(64).collect()
}

impl ContextId {
    /// The id with this value; `None` if it is not a version 4 UUID.
    pub fn from_uuid(uuid: uuid::Uuid) -> Option<Self> {
        let v4 = uuid.get_version_num() == 4 && uuid.get_variant() == uuid::Variant::RFC4122;
        v4.then_some(Self(uuid))
    }

    /// The UUID.
    pub fn as_uuid(self) -> uuid::Uuid {
        self.0
    }
}

impl FromStr for ContextId {
    type Err = ParseContextIdError;

    /// Reads the form of the MPLP v1 schemas and no other.
    fn from_str(s: &str) -> Result<Self, ParseContextIdError> {
        uuid::Uuid::try_parse(s)
            .ok()
            .and_then(Self::from_uuid)
            .filter(|id| id.0.hyphenated().to_string() == s)
            .ok_or_else(|| ParseContextIdError::NotMplp(shown(s)))
    }
}

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A context, by its MPLP id or by whatever name the application gives it, such as `ctx-001`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextRef {
    /// An MPLP v1 Context.
    Mplp(ContextId),
    /// Any other name. Parse it with [`FromStr`] to have it checked.
    External(String),
}

impl FromStr for ContextRef {
    type Err = ParseContextIdError;

    /// A text in the form of an MPLP id is one; every other text of 1 to 128 bytes without control characters is
    /// an external name.
    fn from_str(s: &str) -> Result<Self, ParseContextIdError> {
        if let Ok(id) = s.parse() {
            return Ok(Self::Mplp(id));
        }
        if s.trim().is_empty() || s.len() > MAX_EXTERNAL || s.chars().any(char::is_control) {
            return Err(ParseContextIdError::Unusable(shown(s)));
        }
        Ok(Self::External(s.to_owned()))
    }
}

impl From<ContextId> for ContextRef {
    fn from(id: ContextId) -> Self {
        Self::Mplp(id)
    }
}

impl fmt::Display for ContextRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mplp(id) => id.fmt(f),
            Self::External(s) => f.write_str(s),
        }
    }
}

impl Serialize for ContextRef {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContextRef {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_form_of_the_schemas_is_an_mplp_id() {
        let v4 = "550e8400-e29b-41d4-a716-446655440000";
        assert!(matches!(v4.parse(), Ok(ContextRef::Mplp(_))));
        assert_eq!(v4.parse::<ContextRef>().unwrap().to_string(), v4);
        for other in [
            v4.to_uppercase().as_str(),
            "550e8400e29b41d4a716446655440000",
            "550e8400-e29b-11d4-a716-446655440000",
            "ctx-001",
        ] {
            assert_eq!(other.parse::<ContextRef>().unwrap(), ContextRef::External(other.to_owned()));
            assert!(other.parse::<ContextId>().is_err(), "{other}");
        }
    }

    #[test]
    fn empty_long_and_unprintable_names_are_refused() {
        for bad in ["", "  ", "a\nb", "x".repeat(129).as_str()] {
            assert!(matches!(bad.parse::<ContextRef>(), Err(ParseContextIdError::Unusable(_))), "{bad:?}");
        }
    }
}
