//! Who owns a piece of telemetry.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The owner of spans, metrics, anomalies and alerts. Part of every store key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

/// A text is not a tenant id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tenant id must be 1 to 128 letters, digits, `-`, `_` or `.`, got {0:?}")]
pub struct ParseTenantError(String);

impl TenantId {
    /// The tenant of whatever names none.
    pub const DEFAULT: &'static str = "default";
    /// The attribute of a span, metric point or resource that says whose it is.
    pub const ATTRIBUTE: &'static str = "mplp.tenant.id";

    /// The id of a name that this crate made or checked.
    pub(crate) fn of_checked(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The id of this name.
    ///
    /// # Errors
    /// Empty names, names over 128 bytes, and characters other than letters, digits, `-`, `_` and `.`.
    pub fn new(name: &str) -> Result<Self, ParseTenantError> {
        if !Self::is_valid(name) {
            return Err(ParseTenantError(name.chars().take(64).collect()));
        }
        Ok(Self(Arc::from(name)))
    }

    /// Whether this is the name of a tenant.
    pub fn is_valid(name: &str) -> bool {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        !name.is_empty() && name.len() <= 128 && name.bytes().all(ok)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// `default`: the single tenant of a process that has no others.
    fn default() -> Self {
        Self(Arc::from(Self::DEFAULT))
    }
}

impl Borrow<str> for TenantId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(d)?).map_err(de::Error::custom)
    }
}
