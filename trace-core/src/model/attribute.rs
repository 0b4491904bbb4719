//! Named values and canonical sets of them.

use std::borrow::Cow;

use super::Value;

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyValue {
    /// The name, by OpenTelemetry's semantic conventions where one exists.
    pub key: Cow<'static, str>,
    /// The value.
    pub value: Value,
}

impl KeyValue {
    /// Pairs a name with a value.
    pub fn new(key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// Attributes sorted by key, each key once: the identity of a metric series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeSet(Vec<KeyValue>);

impl AttributeSet {
    /// No attributes.
    pub const EMPTY: Self = Self(Vec::new());

    /// Sorts, and keeps the last value of a repeated key.
    pub fn new(attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        let mut v: Vec<KeyValue> = attributes.into_iter().collect();
        v.sort_by(|a, b| a.key.cmp(&b.key));
        // dedup_by removes the first argument, which is the later element: swap so that the later value stays.
        v.dedup_by(|later, kept| {
            let same = later.key == kept.key;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
        Self(v)
    }

    /// The attributes in key order.
    pub fn iter(&self) -> std::slice::Iter<'_, KeyValue> {
        self.0.iter()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.binary_search_by(|kv| kv.key.as_ref().cmp(key)).ok().map(|i| &self.0[i].value)
    }

    /// How many attributes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<KeyValue> for AttributeSet {
    fn from_iter<T: IntoIterator<Item = KeyValue>>(iter: T) -> Self {
        Self::new(iter)
    }
}

impl<'a> IntoIterator for &'a AttributeSet {
    type Item = &'a KeyValue;
    type IntoIter = std::slice::Iter<'a, KeyValue>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_and_keeps_the_last_value_of_a_key() {
        let set = AttributeSet::new([
            KeyValue::new("b", 1),
            KeyValue::new("a", 1),
            KeyValue::new("b", 2),
            KeyValue::new("b", 3),
        ]);
        assert_eq!(set.iter().map(|kv| kv.key.as_ref()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(set.get("b"), Some(&Value::I64(3)));
        assert_eq!(set.get("c"), None);
    }
}
