//! Attributes as callers hand them in: ours, or those of another API.

use std::borrow::Cow;

use super::hash::{hash_bytes, hash_value, same_str, same_value};
use crate::model::{KeyValue, Value};

/// One attribute of a measurement.
pub(super) trait Attribute {
    /// Two words that equal attributes have in common when the same call site hands them in again. Texts that live
    /// as long as the program may be told by their address.
    fn words(&self, seed: u64) -> (u64, u64);

    /// Whether it is this one.
    fn is(&self, known: &KeyValue) -> bool;

    /// A copy.
    fn to_key_value(&self) -> KeyValue;
}

impl Attribute for KeyValue {
    #[inline(always)]
    fn words(&self, seed: u64) -> (u64, u64) {
        (text(&self.key, seed), value(&self.value, seed))
    }

    #[inline(always)]
    fn is(&self, known: &KeyValue) -> bool {
        same_str(&self.key, &known.key) && same_value(&self.value, &known.value)
    }

    fn to_key_value(&self) -> KeyValue {
        self.clone()
    }
}

#[expect(clippy::ptr_arg, reason = "whether the text is static is the question")]
#[inline]
fn text(text: &Cow<'static, str>, seed: u64) -> u64 {
    match text {
        Cow::Borrowed(text) => text.as_ptr().addr() as u64,
        Cow::Owned(text) => hash_bytes(text.as_bytes(), seed),
    }
}

#[inline]
fn value(value: &Value, seed: u64) -> u64 {
    match value {
        Value::String(v) => text(v, seed),
        Value::I64(v) => *v as u64,
        Value::Bool(v) => u64::from(*v),
        other => hash_value(other, seed),
    }
}

/// The hash of a list of attributes, by which a thread finds what it remembers. It depends on the order, and is no
/// identity: who finds something by it must compare.
#[inline(always)]
pub(super) fn quick_hash<A: Attribute>(instrument: u64, attributes: &[A], seed: u64) -> u64 {
    // An odd factor for each place, whose products do not wait for each other.
    let mut factor = 0x9e37_79b9_7f4a_7c15u64;
    let mut hash = instrument.wrapping_mul(0xa076_1d64_78bd_642f);
    for attribute in attributes {
        let (key, value) = attribute.words(seed);
        hash = hash.wrapping_add((key ^ value.rotate_left(23)).wrapping_mul(factor));
        factor = factor.rotate_left(17) | 1;
    }
    // The high bits of a product are the well mixed ones.
    hash.rotate_left(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_site_gives_the_same_hash_and_other_values_another() {
        let at = |route: &'static str, status: i64| {
            quick_hash(1, &[KeyValue::new("route", route), KeyValue::new("status", status)], 7)
        };
        assert_eq!(at("/a", 200), at("/a", 200));
        assert_ne!(at("/a", 200), at("/b", 200));
        assert_ne!(at("/a", 200), at("/a", 404));
        let owned = || quick_hash(1, &[KeyValue::new("k", String::from("text"))], 7);
        assert_eq!(owned(), owned(), "not by address: an owned text has a new one each time");
        assert_ne!(owned(), quick_hash(2, &[KeyValue::new("k", String::from("text"))], 7));
    }
}
