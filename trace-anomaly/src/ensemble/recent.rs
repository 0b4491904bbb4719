//! A map that keeps the entries used last.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A map from names to values that holds at most `capacity` of them and forgets the one unused for longest.
#[derive(Debug)]
pub(super) struct RecentMap<V> {
    capacity: usize,
    entries: HashMap<Arc<str>, Entry<V>>,
    by_use: BTreeMap<u64, Arc<str>>,
    uses: u64,
    evicted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    used: u64,
    value: V,
}

impl<V> RecentMap<V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new(), by_use: BTreeMap::new(), uses: 0, evicted: 0 }
    }

    /// The value of this name, made first if there is none.
    pub(super) fn get_or_insert_with(&mut self, name: &str, make: impl FnOnce() -> V) -> &mut V {
        self.uses += 1;
        let used = self.uses;
        let key = match self.entries.get_key_value(name) {
            Some((key, entry)) => {
                self.by_use.remove(&entry.used);
                key.clone()
            }
            None => {
                if self.entries.len() >= self.capacity
                    && let Some((_, oldest)) = self.by_use.pop_first()
                {
                    self.entries.remove(&oldest);
                    self.evicted += 1;
                }
                Arc::from(name)
            }
        };
        self.by_use.insert(used, key.clone());
        let entry = self.entries.entry(key).or_insert_with(|| Entry { used, value: make() });
        entry.used = used;
        &mut entry.value
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many entries had to go.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_unused_for_longest_goes_first() {
        let mut map = RecentMap::new(2);
        *map.get_or_insert_with("a", || 0) += 1;
        *map.get_or_insert_with("b", || 0) += 1;
        *map.get_or_insert_with("a", || 0) += 1;
        *map.get_or_insert_with("c", || 0) += 1;
        assert_eq!((map.len(), map.evicted()), (2, 1));
        assert_eq!(*map.get_or_insert_with("a", || 0), 2);
        assert_eq!(*map.get_or_insert_with("b", || 0), 0, "b was evicted and starts anew");
        assert_eq!((map.len(), map.evicted(), map.by_use.len()), (2, 2, 2));
    }
}
