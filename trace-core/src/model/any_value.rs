//! Values of log records, which may be nested.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use super::{Array, Value};

/// Any value: the body or an attribute of a log record. Unlike a [`Value`] it may be nested.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum AnyValue {
    /// No value, which differs from an empty text.
    #[default]
    Empty,
    /// A boolean.
    Bool(bool),
    /// A 64-bit signed integer.
    I64(i64),
    /// A double; NaN and infinities are kept.
    F64(f64),
    /// UTF-8 text.
    String(Cow<'static, str>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order, of any kinds.
    List(Vec<AnyValue>),
    /// Named values; a name should occur once.
    Map(Vec<(Cow<'static, str>, AnyValue)>),
}

impl AnyValue {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(v) => Some(v),
            _ => None,
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// How much memory it takes besides itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Empty | Self::Bool(_) | Self::I64(_) | Self::F64(_) => 0,
            Self::String(v) => v.len(),
            Self::Bytes(v) => v.len(),
            Self::List(v) => v.iter().map(|v| size_of::<Self>() + v.heap_bytes()).sum(),
            Self::Map(v) => {
                v.iter().map(|(k, v)| size_of::<(Cow<'_, str>, Self)>() + k.len() + v.heap_bytes()).sum()
            }
        }
    }
}

impl From<Value> for AnyValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(v) => Self::Bool(v),
            Value::I64(v) => Self::I64(v),
            Value::F64(v) => Self::F64(v),
            Value::String(v) => Self::String(v),
            Value::Array(Array::Bool(v)) => Self::List(v.into_iter().map(Self::Bool).collect()),
            Value::Array(Array::I64(v)) => Self::List(v.into_iter().map(Self::I64).collect()),
            Value::Array(Array::F64(v)) => Self::List(v.into_iter().map(Self::F64).collect()),
            Value::Array(Array::String(v)) => Self::List(v.into_iter().map(Self::String).collect()),
        }
    }
}

macro_rules! from {
    ($($t:ty),* $(,)?) => {$(
        impl From<$t> for AnyValue { fn from(v: $t) -> Self { Value::from(v).into() } }
    )*};
}
from!(
    bool,
    i64,
    i32,
    i16,
    i8,
    u64,
    u32,
    u16,
    u8,
    usize,
    f64,
    f32,
    &'static str,
    String,
    Cow<'static, str>,
    Array
);

impl Serialize for AnyValue {
    /// As JSON shows it; bytes as a list of numbers, numbers that JSON lacks as texts.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => s.serialize_unit(),
            Self::Bool(v) => s.serialize_bool(*v),
            Self::I64(v) => s.serialize_i64(*v),
            Self::F64(v) if v.is_finite() => s.serialize_f64(*v),
            Self::F64(v) => s.collect_str(v),
            Self::String(v) => s.serialize_str(v),
            Self::Bytes(v) => s.serialize_bytes(v),
            Self::List(list) => {
                let mut seq = s.serialize_seq(Some(list.len()))?;
                for v in list {
                    seq.serialize_element(v)?;
                }
                seq.end()
            }
            Self::Map(entries) => {
                let mut map = s.serialize_map(Some(entries.len()))?;
                for (k, v) in entries {
                    map.serialize_entry(k, v)?;
                }
                map.end()
            }
        }
    }
}

impl fmt::Display for AnyValue {
    /// Texts as they are, the rest as JSON; nothing for no value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::String(v) => f.write_str(v),
            other => f.write_str(&serde_json::to_string(other).map_err(|_| fmt::Error)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_show_as_json_and_texts_as_they_are() {
        let map = AnyValue::Map(vec![
            ("a".into(), AnyValue::List(vec![1.into(), "x".into(), AnyValue::Empty])),
            ("nan".into(), f64::NAN.into()),
            ("raw".into(), AnyValue::Bytes(vec![7])),
        ]);
        assert_eq!(map.to_string(), r#"{"a":[1,"x",null],"nan":"NaN","raw":[7]}"#);
        assert_eq!(AnyValue::from("plain").to_string(), "plain");
        assert_eq!(AnyValue::Empty.to_string(), "");
        assert!(map.heap_bytes() > 5 * size_of::<AnyValue>());
    }
}
