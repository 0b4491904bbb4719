//! Attributes as callers hand them in: ours, or those of another API.

use std::borrow::Cow;

use super::hash::{hash_bytes, hash_value, same_str, same_value};
use crate::model::{KeyValue, Value};

/// One attribute of a measurement.
pub(super) trait Attribute {
    /// What tells it from others.
    fn words(&self, seed: u64) -> Words;

    /// Whether it is the one that had these words, and this copy if they are not exact.
    fn is<'a>(&self, words: &Words, copy: impl FnOnce() -> Option<&'a KeyValue>) -> bool;

    /// A copy.
    fn to_key_value(&self) -> KeyValue;
}

/// An attribute in four words, equal whenever the same call site hands it in again.
///
/// They are exact if the texts live as long as the program and so are told by their addresses: two attributes with the
/// same exact words are equal, and no others have them. Else they are a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words {
    key: u64,
    key_len: u64,
    value: u64,
    /// The length of a text, which is below `1 << 63`, or one of the constants.
    kind: u64,
}

impl Words {
    pub(super) const INTEGER: u64 = 1 << 63;
    pub(super) const BOOLEAN: u64 = Self::INTEGER | 1;
    pub(super) const DOUBLE: u64 = Self::INTEGER | 2;
    const HASH: u64 = u64::MAX;

    /// The exact words of a key and of a value that is known by a word and its kind.
    #[inline(always)]
    pub(super) fn exact(key: &'static str, value: u64, kind: u64) -> Self {
        Self { key: key.as_ptr().addr() as u64, key_len: key.len() as u64, value, kind }
    }

    /// The same of a value that is a text.
    #[inline(always)]
    pub(super) fn text(key: &'static str, value: &'static str) -> Self {
        Self::exact(key, value.as_ptr().addr() as u64, value.len() as u64)
    }

    /// Two hashes.
    #[inline(always)]
    pub(super) fn hash(key: u64, value: u64) -> Self {
        Self { key, key_len: 0, value, kind: Self::HASH }
    }

    /// Whether equal words mean equal attributes.
    pub(super) fn are_exact(&self) -> bool {
        self.kind != Self::HASH
    }

    /// Without a branch for each word.
    #[inline(always)]
    pub(super) fn same(&self, other: &Self) -> bool {
        let texts = (self.key ^ other.key) | (self.value ^ other.value);
        texts | (self.key_len ^ other.key_len) | (self.kind ^ other.kind) == 0
    }
}

/// The exact words of an attribute that has them.
#[inline(always)]
fn exact(attribute: &KeyValue) -> Option<Words> {
    let Cow::Borrowed(key) = attribute.key else { return None };
    match attribute.value {
        Value::String(Cow::Borrowed(v)) => Some(Words::text(key, v)),
        Value::I64(v) => Some(Words::exact(key, v.cast_unsigned(), Words::INTEGER)),
        Value::Bool(v) => Some(Words::exact(key, u64::from(v), Words::BOOLEAN)),
        Value::F64(v) => Some(Words::exact(key, v.to_bits(), Words::DOUBLE)),
        _ => None,
    }
}

impl Attribute for KeyValue {
    #[inline(always)]
    fn words(&self, seed: u64) -> Words {
        exact(self).unwrap_or_else(|| hashed(self, seed))
    }

    #[inline(always)]
    fn is<'a>(&self, words: &Words, copy: impl FnOnce() -> Option<&'a KeyValue>) -> bool {
        match exact(self) {
            Some(mine) => mine.same(words),
            None => copy().is_some_and(|copy| same(self, copy)),
        }
    }

    #[inline(always)]
    fn to_key_value(&self) -> KeyValue {
        // The usual ones here, so that they are not handed to `clone`.
        match (&self.key, &self.value) {
            (Cow::Borrowed(key), Value::String(Cow::Borrowed(v))) => KeyValue::new(*key, *v),
            (Cow::Borrowed(key), Value::I64(v)) => KeyValue::new(*key, *v),
            (Cow::Borrowed(key), Value::Bool(v)) => KeyValue::new(*key, *v),
            _ => self.clone(),
        }
    }
}

#[inline(never)]
fn hashed(attribute: &KeyValue, seed: u64) -> Words {
    Words::hash(hash_bytes(attribute.key.as_bytes(), seed), hash_value(&attribute.value, seed))
}

#[inline(never)]
fn same(a: &KeyValue, b: &KeyValue) -> bool {
    same_str(&a.key, &b.key) && same_value(&a.value, &b.value)
}

/// The hash of a list of attributes, by which a thread finds what it remembers; the high bits are the good ones. It
/// depends on the order, and is no identity: who finds something by it must compare.
#[inline(always)]
pub(super) fn quick_hash<A: Attribute>(instrument: u64, attributes: &[A], seed: u64) -> u64 {
    // An odd factor for each place, whose products do not wait for each other.
    let mut factor = 0x9e37_79b9_7f4a_7c15u64;
    let mut hash = instrument.wrapping_mul(0xa076_1d64_78bd_642f);
    for attribute in attributes {
        let words = attribute.words(seed);
        hash = hash.wrapping_add((words.key ^ words.value.rotate_left(23)).wrapping_mul(factor));
        factor = factor.rotate_left(17) | 1;
    }
    hash
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
