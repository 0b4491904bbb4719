//! A fast hash of attributes that does not depend on their order, and their comparison with a series.

use crate::model::{Array, AttributeSet, KeyValue, Value};

// Odd constants of wyhash (Wang Yi, public domain): well mixed bits for a folded multiplication.
const K0: u64 = 0xa076_1d64_78bd_642f;
const K1: u64 = 0xe703_7ed1_a0b4_28db;
const K2: u64 = 0x8ebc_6af0_9c88_c6e3;

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide >> 64) as u64 ^ wide as u64
}

#[inline]
pub(super) fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let (first, last) = if let (Some(f), Some(l)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (u64::from_le_bytes(*f), u64::from_le_bytes(*l))
    } else if let (Some(f), Some(l)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (u64::from(u32::from_le_bytes(*f)), u64::from(u32::from_le_bytes(*l)))
    } else {
        (bytes.iter().fold(0, |acc, b| acc << 8 | u64::from(*b)), 0)
    };
    let mut hash = fold(first ^ K0 ^ seed, last ^ K1 ^ bytes.len() as u64);
    if bytes.len() > 16 {
        for chunk in bytes[8..].chunks_exact(8) {
            hash = chunk.first_chunk().map_or(hash, |c| fold(hash ^ u64::from_le_bytes(*c), K2));
        }
    }
    hash
}

#[inline]
pub(super) fn hash_value(value: &Value, seed: u64) -> u64 {
    match value {
        Value::String(s) => hash_bytes(s.as_bytes(), seed),
        Value::I64(v) => fold(*v as u64 ^ K1 ^ seed, K2),
        Value::Bool(v) => fold(u64::from(*v) ^ K2 ^ seed, K0),
        Value::F64(v) => fold(v.to_bits() ^ K0 ^ seed, K1),
        Value::Array(a) => hash_array(a, seed),
    }
}

fn hash_array(array: &Array, seed: u64) -> u64 {
    fn all(hashes: impl Iterator<Item = u64>) -> u64 {
        hashes.fold(K0, |acc, h| fold(acc ^ h, K1).wrapping_add(1))
    }
    match array {
        Array::Bool(v) => all(v.iter().map(|v| u64::from(*v) ^ seed)),
        Array::I64(v) => all(v.iter().map(|v| *v as u64 ^ seed)),
        Array::F64(v) => all(v.iter().map(|v| v.to_bits() ^ seed)),
        Array::String(v) => all(v.iter().map(|v| hash_bytes(v.as_bytes(), seed))),
    }
}

/// The same for every order of the attributes. The seed is secret, so that input from outside cannot be made to
/// collide.
#[inline]
pub(super) fn hash_attributes<'a>(attributes: impl Iterator<Item = &'a KeyValue>, seed: u64) -> u64 {
    attributes
        .fold(seed, |acc, kv| acc.wrapping_add(hash_value(&kv.value, hash_bytes(kv.key.as_bytes(), seed))))
}

#[inline]
pub(super) fn same_str(a: &str, b: &str) -> bool {
    // Literals are mostly the very same bytes: a pointer comparison saves the call of `memcmp`.
    a.len() == b.len() && (a.as_ptr() == b.as_ptr() || a == b)
}

/// The same for texts that mostly are equal, but lie elsewhere: short ones are compared without a call.
#[cfg(feature = "otel")]
#[inline]
pub(super) fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    // Both ends, which overlap or meet.
    if (8..=16).contains(&a.len()) {
        return a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk();
    }
    if (4..8).contains(&a.len()) {
        return a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk();
    }
    if a.len() < 4 {
        return a.iter().zip(b).all(|(a, b)| a == b);
    }
    a == b
}

/// Like `==`, but a NaN equals itself: else every measurement with a NaN attribute would be a new series.
#[inline]
pub(super) fn same_value(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => same_str(a, b),
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits(),
        (Value::Array(Array::F64(a)), Value::Array(Array::F64(b))) => {
            a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()))
        }
        _ => a == b,
    }
}

/// Whether the attributes are the set, in any order. Attributes with a repeated key match no set.
#[inline]
pub(super) fn same_attributes<'a, I>(set: &AttributeSet, attributes: I) -> bool
where
    I: Iterator<Item = &'a KeyValue> + Clone,
{
    let mut unmatched = attributes.clone();
    let in_order = set.iter().all(|want| {
        unmatched.next().is_some_and(|kv| same_str(&kv.key, &want.key) && same_value(&kv.value, &want.value))
    });
    (in_order && unmatched.next().is_none()) || permuted(set, attributes)
}

fn permuted<'a, I>(set: &AttributeSet, attributes: I) -> bool
where
    I: Iterator<Item = &'a KeyValue> + Clone,
{
    // Keys in a set differ. So if there are as many attributes as keys and each key is found, they are a
    // permutation.
    attributes.clone().count() == set.len()
        && set.iter().all(|want| {
            let found = attributes.clone().find(|kv| same_str(&kv.key, &want.key));
            found.is_some_and(|kv| same_value(&kv.value, &want.value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_never_match() {
        let set = AttributeSet::new([KeyValue::new("a", 1), KeyValue::new("b", 2)]);
        let twice = [KeyValue::new("a", 1), KeyValue::new("a", 1)];
        assert!(!same_attributes(&set, twice.iter()));
        let one = AttributeSet::new([KeyValue::new("a", 1)]);
        assert!(!same_attributes(&one, twice.iter()), "the set of these may be the same, but not the list");
        assert!(!same_attributes(&one, [KeyValue::new("b", 2), KeyValue::new("a", 1)].iter()));
        let other_order = [KeyValue::new("b", 2), KeyValue::new("a", 1)];
        assert!(same_attributes(&set, other_order.iter()));
    }

    #[test]
    fn swapped_values_and_similar_texts_hash_apart() {
        let hash = |kvs: &[KeyValue]| hash_attributes(kvs.iter(), 42);
        let ab = [KeyValue::new("a", "x"), KeyValue::new("b", "y")];
        let ba = [KeyValue::new("a", "y"), KeyValue::new("b", "x")];
        assert_ne!(hash(&ab), hash(&ba));
        let mut seen = std::collections::HashSet::new();
        for i in 0..20_000 {
            assert!(seen.insert(hash(&[KeyValue::new("route", format!("/api/v1/items/{i}/details"))])));
        }
    }

    #[test]
    fn every_byte_of_a_text_counts() {
        for len in 1..40 {
            let base = vec![b'a'; len];
            for i in 0..len {
                let mut other = base.clone();
                other[i] = b'b';
                assert_ne!(hash_bytes(&base, 7), hash_bytes(&other, 7), "length {len}, byte {i}");
                #[cfg(feature = "otel")]
                {
                    let [a, b] = [&base, &other].map(|t| std::str::from_utf8(t).unwrap());
                    assert!(same_text(a, a) && !same_text(a, b) && !same_text(a, &a[1..]));
                }
            }
        }
    }
}
