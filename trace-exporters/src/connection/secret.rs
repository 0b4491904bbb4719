//! Texts that are sent and never shown.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

/// A text that is sent and never shown: a password, a token. `Debug` says `[redacted]`.
///
/// Numbers and booleans are read as texts too: a password of digits is a number to YAML, and an error about its type
/// would quote it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E>(self, v: &str) -> Result<Secret, E> {
                Ok(v.into())
            }
            fn visit_bool<E>(self, v: bool) -> Result<Secret, E> {
                Ok(v.to_string().into())
            }
            fn visit_i64<E>(self, v: i64) -> Result<Secret, E> {
                Ok(v.to_string().into())
            }
            fn visit_u64<E>(self, v: u64) -> Result<Secret, E> {
                Ok(v.to_string().into())
            }
            fn visit_f64<E>(self, v: f64) -> Result<Secret, E> {
                Ok(v.to_string().into())
            }
            fn visit_unit<E>(self) -> Result<Secret, E> {
                Ok(Secret::default())
            }
        }
        d.deserialize_any(Scalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_any_scalar_and_is_never_shown() {
        for (json, text) in
            [(r#""hunter2""#, "hunter2"), ("1234", "1234"), ("true", "true"), ("-1.5", "-1.5")]
        {
            let secret: Secret = serde_json::from_str(json).unwrap();
            assert_eq!(secret.expose(), text);
            assert_eq!(format!("{secret:?}"), "[redacted]");
        }
        let error = serde_json::from_str::<Secret>(r#"["hunter2"]"#).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
