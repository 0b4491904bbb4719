//! The attributes of an API span, as the caller handed them over.

use opentelemetry::KeyValue;

use super::convert;
use crate::batch::{Columns, NONE};

/// Attributes that are stored when the span ends, each key once.
///
/// They are kept as they came: a span that is built with its attributes gives its vector away, and nothing is copied.
#[derive(Default)]
pub(in crate::record) struct Attributes {
    list: Vec<KeyValue>,
    dropped: u32,
}

impl Attributes {
    /// Those of a builder.
    #[inline]
    pub(super) fn take(&mut self, list: Vec<KeyValue>, limit: u16) {
        self.list = list;
        if self.list.len() > limit.into() {
            replace_repeated(&mut self.list);
            self.dropped = self.list.len().saturating_sub(limit.into()) as u32;
            self.list.truncate(limit.into());
        }
    }

    /// Drops them.
    #[inline]
    pub(in crate::record) fn clear(&mut self) {
        // The memory is the caller's, and seldom of use to the next span.
        self.list = Vec::new();
        self.dropped = 0;
    }

    /// Adds an attribute, or replaces its value.
    pub(super) fn set(&mut self, attribute: KeyValue, limit: u16) {
        if self.list.len() >= limit.into() {
            replace_repeated(&mut self.list);
            if let Some(same) = self.list.iter_mut().find(|kv| kv.key == attribute.key) {
                same.value = attribute.value;
                return;
            }
        }
        if self.list.len() < limit.into() {
            // Looked for its like when the span ends.
            self.list.push(attribute);
        } else {
            self.dropped += 1;
        }
    }

    /// Stores them as those of a row, which has none.
    #[inline]
    pub(in crate::record) fn store(&mut self, c: &mut Columns, row: usize) {
        if self.list.is_empty() {
            return;
        }
        let first = c.attributes.len() as u32;
        if self.push_all(c, first) && may_repeat(&self.list) {
            replace_repeated(&mut self.list);
            c.attributes.truncate(first as usize);
            self.push_all(c, first);
        }
        if let Some(last) = c.attributes.last_mut() {
            last.next = NONE;
        }
        let row_of = &mut c.rows[row];
        row_of.attributes.first = first;
        row_of.attributes.last = first + self.list.len() as u32 - 1;
        row_of.attribute_count = self.list.len() as u16;
        if self.dropped > 0 {
            c.extra(row).dropped_attributes += self.dropped;
        }
    }

    /// Whether a key may have occurred twice: it was seen in the same 64th of all numbers, or is new, for then it may be
    /// one that got another number before.
    #[inline]
    fn push_all(&self, c: &mut Columns, first: u32) -> bool {
        let (mut seen, mut may_repeat) = (0_u64, false);
        for (i, kv) in self.list.iter().enumerate() {
            let (key, is_new) = convert::push(c, kv, first + i as u32 + 1);
            let bit = 1 << (key % u64::BITS);
            may_repeat |= is_new | (seen & bit != 0);
            seen |= bit;
        }
        may_repeat
    }
}

/// `false` if no key occurs twice. A filter of 64 bits with one bit a key; few keys seldom share one.
#[inline]
fn may_repeat(list: &[KeyValue]) -> bool {
    let mut seen = 0_u64;
    list.iter().any(|kv| {
        let key = kv.key.as_str().as_bytes();
        let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
        let middle = key.get(key.len() / 2).copied().unwrap_or(0);
        let mixed =
            u64::from(first) | u64::from(middle) << 8 | u64::from(last) << 16 | (key.len() as u64) << 24;
        let bit = 1 << (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
        let met = seen & bit != 0;
        seen |= bit;
        met
    })
}

/// Keeps the last value of a key, in the place of the first.
#[cold]
fn replace_repeated(list: &mut Vec<KeyValue>) {
    let mut kept: Vec<KeyValue> = Vec::with_capacity(list.len());
    for kv in list.drain(..) {
        match kept.iter_mut().find(|k| k.key == kv.key) {
            Some(same) => same.value = kv.value,
            None => kept.push(kv),
        }
    }
    *list = kept;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(a: &Attributes) -> Vec<(String, String)> {
        a.list.iter().map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
    }

    fn set(limit: u16, attributes: &[(&'static str, i64)]) -> Attributes {
        let mut a = Attributes::default();
        attributes.iter().for_each(|(k, v)| a.set(KeyValue::new(*k, *v), limit));
        a
    }

    #[test]
    fn a_key_that_is_set_again_takes_no_room_and_the_rest_is_counted() {
        let a = set(2, &[("a", 1), ("a", 2), ("b", 3), ("a", 4), ("c", 5)]);
        assert_eq!(keys(&a), [("a".into(), "4".into()), ("b".into(), "3".into())]);
        assert_eq!(a.dropped, 1);
    }

    #[test]
    fn the_filter_never_misses_a_repeated_key() {
        for n in 0..200_usize {
            let mut list: Vec<_> = (0..n).map(|i| KeyValue::new(format!("key.{i}"), 1)).collect();
            list.push(KeyValue::new(format!("key.{}", n / 2), 2));
            assert!(n == 0 || may_repeat(&list));
        }
        assert!(!may_repeat(&["http.method", "http.route", "http.status_code"].map(|k| KeyValue::new(k, 1))));
    }
}
