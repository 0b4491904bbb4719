//! Why a value is not of its type.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

/// Why a value is not of its type. Holds no value.
#[derive(Debug)]
pub(super) enum TypeError {
    /// It was reported.
    Told,
    /// What would be right.
    Wrong(String),
    /// A key that must be given.
    Missing(&'static str),
    /// What the type itself says.
    Said(String),
}

impl Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => f.write_str("cannot be used"),
            Self::Wrong(text) | Self::Said(text) => f.write_str(text),
            Self::Missing(key) => write!(f, "{key} is missing"),
        }
    }
}

impl std::error::Error for TypeError {}

impl de::Error for TypeError {
    fn custom<T: Display>(text: T) -> Self {
        Self::Said(text.to_string())
    }
    fn invalid_type(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::Wrong(wanted.to_string())
    }
    fn invalid_value(_: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::Wrong(wanted.to_string())
    }
    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::Wrong(known.join(", "))
    }
    fn missing_field(key: &'static str) -> Self {
        Self::Missing(key)
    }
}
