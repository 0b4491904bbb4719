//! Things that are found by the hash of their attributes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys are well mixed already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*b);
        }
    }

    fn write_u64(&mut self, v: u64) {
        self.0 = v;
    }
}

/// Items by hash. An item whose hash is taken has the next free one; none is ever removed.
#[derive(Clone, Debug)]
pub(super) struct Table<T> {
    by_hash: HashMap<u64, usize, BuildHasherDefault<Identity>>,
    items: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { by_hash: HashMap::default(), items: Vec::new() }
    }
}

impl<T> Table<T> {
    /// The place of the item with this hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        let mut at = hash;
        while let Some(&i) = self.by_hash.get(&at) {
            if is_it(&self.items[i]) {
                return Some(i);
            }
            at = at.wrapping_add(1);
        }
        None
    }

    /// Adds an item that [`Self::find`] did not find, and returns its place.
    pub(super) fn insert(&mut self, hash: u64, item: T) -> usize {
        let mut at = hash;
        while self.by_hash.contains_key(&at) {
            at = at.wrapping_add(1);
        }
        let place = self.items.len();
        self.by_hash.insert(at, place);
        self.items.push(item);
        place
    }

    /// All items in the order in which they came.
    pub(super) fn items(&self) -> &[T] {
        &self.items
    }

    /// The same, to change.
    pub(super) fn items_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_with_the_same_hash_are_told_apart() {
        let mut table = Table::default();
        for i in 0..3 {
            assert_eq!(table.insert(u64::MAX, i * 10), i);
        }
        for i in 0..3 {
            assert_eq!(table.find(u64::MAX, |v| *v == i * 10), Some(i));
        }
        assert!(table.find(u64::MAX, |_| false).is_none());
    }
}
