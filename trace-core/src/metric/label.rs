//! Attributes that live as long as the program: the cheapest to record with.

use super::attribute::{Attribute, Words};
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
    #[inline]
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
    fn words(&self, _: u64) -> Words {
        match self.value {
            LabelValue::String(v) => Words::text(self.key, v),
            LabelValue::I64(v) => Words::exact(self.key, v.cast_unsigned(), Words::INTEGER),
            LabelValue::Bool(v) => Words::exact(self.key, u64::from(v), Words::BOOLEAN),
        }
    }

    #[inline(always)]
    fn is<'a>(&self, words: &Words, _: impl FnOnce() -> Option<&'a KeyValue>) -> bool {
        self.words(0).same(words)
    }

    #[inline(always)]
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
            let same = attribute.words(7);
            assert!(same.are_exact() && label.words(3) == same && label.is(&same, || None));
            for other in [Label::new("b", label.value), Label::new("a", 8), Label::new("a", "y")] {
                assert!(!label.is(&other.words(7), || None), "{other:?}");
            }
        }
    }
}
