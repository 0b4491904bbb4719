//! Attributes that live as long as the program: the cheapest to record with.

use super::attribute::Attribute;
use super::hash::same_str;
use crate::model::{KeyValue, Value};

/// An attribute whose texts live as long as the program. It is copied freely, owns nothing, and is recognised by the
/// address of its texts: a measurement with labels costs about half of one with [`KeyValue`]s.
///
/// ```
/// # use trace_core::{metric::{Label, MeterRegistry}, model::{Resource, Scope}};
/// # let registry = MeterRegistry::new(Resource::service("shop").into());
/// # let requests = registry.meter(Scope::named("shop")).counter("requests").build()?;
/// requests.add_labels(1, &[Label::new("http.route", "/items"), Label::new("http.response.status_code", 200)]);
/// # Ok::<(), trace_core::metric::InvalidInstrument>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    key: &'static str,
    value: LabelValue,
}

/// The value of a [`Label`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum LabelValue {
    /// A text.
    String(&'static str),
    /// An integer.
    I64(i64),
    /// A boolean.
    Bool(bool),
}

impl Label {
    /// Pairs a name with a value.
    #[inline]
    pub fn new(key: &'static str, value: impl Into<LabelValue>) -> Self {
        Self { key, value: value.into() }
    }
}

macro_rules! from {
    ($($t:ty => |$v:ident| $e:expr),* $(,)?) => {$(
        impl From<$t> for LabelValue {
            #[inline]
            fn from($v: $t) -> Self { $e }
        }
    )*};
}

from! {
    &'static str => |v| Self::String(v),
    i64 => |v| Self::I64(v),
    i32 => |v| Self::I64(v.into()),
    u32 => |v| Self::I64(v.into()),
    u16 => |v| Self::I64(v.into()),
    u8 => |v| Self::I64(v.into()),
    bool => |v| Self::Bool(v),
}

impl From<Label> for KeyValue {
    fn from(label: Label) -> Self {
        let value = match label.value {
            LabelValue::String(v) => Value::from(v),
            LabelValue::I64(v) => Value::from(v),
            LabelValue::Bool(v) => Value::from(v),
        };
        Self::new(label.key, value)
    }
}

impl Attribute for Label {
    #[inline(always)]
    fn words(&self, _: u64) -> (u64, u64) {
        let value = match self.value {
            LabelValue::String(v) => v.as_ptr().addr() as u64,
            LabelValue::I64(v) => v.cast_unsigned(),
            LabelValue::Bool(v) => u64::from(v),
        };
        (self.key.as_ptr().addr() as u64, value)
    }

    #[inline(always)]
    fn is(&self, known: &KeyValue) -> bool {
        same_str(self.key, &known.key)
            && match (self.value, &known.value) {
                (LabelValue::String(a), Value::String(b)) => same_str(a, b),
                (LabelValue::I64(a), Value::I64(b)) => a == *b,
                (LabelValue::Bool(a), Value::Bool(b)) => a == *b,
                _ => false,
            }
    }

    fn to_key_value(&self) -> KeyValue {
        (*self).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_attribute_of_its_key_and_value() {
        for (label, attribute) in [
            (Label::new("a", "x"), KeyValue::new("a", "x")),
            (Label::new("a", 7), KeyValue::new("a", 7)),
            (Label::new("a", true), KeyValue::new("a", true)),
        ] {
            assert_eq!(KeyValue::from(label), attribute);
            assert!(label.is(&attribute));
            assert!(!label.is(&KeyValue::new("b", attribute.value.clone())));
            assert!(!label.is(&KeyValue::new("a", 0.5)));
        }
    }
}
