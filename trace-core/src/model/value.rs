//! Attribute values.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// An attribute value: the types of OpenTelemetry's attribute model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A boolean.
    Bool(bool),
    /// A 64-bit signed integer.
    I64(i64),
    /// A double; NaN and infinities are kept.
    F64(f64),
    /// UTF-8 text.
    String(Cow<'static, str>),
    /// A homogeneous array.
    Array(Array),
}

/// A homogeneous array of primitive values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Array {
    /// Booleans.
    Bool(Vec<bool>),
    /// Integers.
    I64(Vec<i64>),
    /// Doubles.
    F64(Vec<f64>),
    /// Texts.
    String(Vec<Cow<'static, str>>),
}

/// A borrowed [`Value`]: what a view of a batch hands out.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// A boolean.
    Bool(bool),
    /// A 64-bit signed integer.
    I64(i64),
    /// A double.
    F64(f64),
    /// UTF-8 text.
    String(&'a str),
    /// A homogeneous array.
    Array(&'a Array),
}

impl Value {
    /// A borrowed view.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Bool(v) => ValueRef::Bool(*v),
            Self::I64(v) => ValueRef::I64(*v),
            Self::F64(v) => ValueRef::F64(*v),
            Self::String(v) => ValueRef::String(v),
            Self::Array(v) => ValueRef::Array(v),
        }
    }
}

impl<'a> ValueRef<'a> {
    /// An owned copy.
    pub fn to_value(self) -> Value {
        match self {
            Self::Bool(v) => Value::Bool(v),
            Self::I64(v) => Value::I64(v),
            Self::F64(v) => Value::F64(v),
            Self::String(v) => Value::String(Cow::Owned(v.to_owned())),
            Self::Array(v) => Value::Array(v.clone()),
        }
    }

    /// The text, if it is one.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Self::String(v) => Some(v),
            _ => None,
        }
    }

    /// The number as a double, if it is one.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::I64(v) => Some(v as f64),
            Self::F64(v) => Some(v),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($t:ty => |$v:ident| $e:expr),* $(,)?) => {$(
        impl From<$t> for Value { fn from($v: $t) -> Self { $e } }
    )*};
}

from! {
    bool => |v| Value::Bool(v),
    i64 => |v| Value::I64(v),
    i32 => |v| Value::I64(v.into()),
    i16 => |v| Value::I64(v.into()),
    i8 => |v| Value::I64(v.into()),
    u32 => |v| Value::I64(v.into()),
    u16 => |v| Value::I64(v.into()),
    u8 => |v| Value::I64(v.into()),
    f64 => |v| Value::F64(v),
    f32 => |v| Value::F64(v.into()),
    &'static str => |v| Value::String(Cow::Borrowed(v)),
    String => |v| Value::String(Cow::Owned(v)),
    Cow<'static, str> => |v| Value::String(v),
    Array => |v| Value::Array(v),
    Vec<bool> => |v| Value::Array(Array::Bool(v)),
    Vec<i64> => |v| Value::Array(Array::I64(v)),
    Vec<f64> => |v| Value::Array(Array::F64(v)),
    Vec<String> => |v| Value::Array(Array::String(v.into_iter().map(Cow::Owned).collect())),
    Vec<&'static str> => |v| Value::Array(Array::String(v.into_iter().map(Cow::Borrowed).collect())),
}

impl From<u64> for Value {
    /// Values over `i64::MAX` become text: the OpenTelemetry model has no unsigned integer.
    fn from(v: u64) -> Self {
        i64::try_from(v).map_or_else(|_| Self::String(Cow::Owned(v.to_string())), Self::I64)
    }
}

impl From<usize> for Value {
    fn from(v: usize) -> Self {
        Self::from(v as u64)
    }
}

impl fmt::Display for ValueRef<'_> {
    /// The value as a Prometheus label or a Zipkin tag shows it; arrays as a JSON list.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::I64(v) => write!(f, "{v}"),
            Self::F64(v) => write!(f, "{v}"),
            Self::String(v) => f.write_str(v),
            Self::Array(v) => match serde_json::to_string(v) {
                Ok(s) => f.write_str(&s),
                Err(_) => Err(fmt::Error),
            },
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl Serialize for Array {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(v) => v.serialize(s),
            Self::I64(v) => v.serialize(s),
            Self::F64(v) => v.serialize(s),
            Self::String(v) => v.serialize(s),
        }
    }
}

impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(v) => s.serialize_bool(*v),
            Self::I64(v) => s.serialize_i64(*v),
            Self::F64(v) => s.serialize_f64(*v),
            Self::String(v) => s.serialize_str(v),
            Self::Array(v) => v.serialize(s),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.as_ref().serialize(s)
    }
}
