//! Spans of a ring whose end has not been read.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::id_hasher::IdHasher;

/// As many of the newest are looked through, from the newest on: spans mostly end in the order of a stack.
const NEWEST: usize = 32;

/// Where spans lie that have not ended, by span id.
#[derive(Default)]
pub(super) struct Unended {
    newest: Vec<(u64, u32)>,
    older: HashMap<u64, u32, BuildHasherDefault<IdHasher>>,
}

impl Unended {
    pub(super) fn insert(&mut self, span_id: u64, row: u32) {
        if self.newest.len() >= NEWEST {
            self.older.extend(self.newest.drain(..NEWEST / 2));
        }
        self.newest.push((span_id, row));
    }

    /// Takes a span out.
    pub(super) fn remove(&mut self, span_id: u64) -> Option<u32> {
        match self.newest.iter().rposition(|(id, _)| *id == span_id) {
            Some(at) => Some(self.newest.remove(at).1),
            None => self.older.remove(&span_id),
        }
    }

    /// Forgets all, and says where the first of them lies.
    pub(super) fn clear(&mut self) -> Option<u32> {
        let first = self.newest.iter().map(|(_, row)| *row).chain(self.older.values().copied()).min();
        self.newest.clear();
        self.older.clear();
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_found_however_many_there_are_and_in_whatever_order_they_end() {
        for step in [1, 7, 199] {
            let mut unended = Unended::default();
            (0..200).for_each(|id| unended.insert(id, id as u32 + 1_000));
            for n in 0..199 {
                let id = n * step % 200;
                assert_eq!(unended.remove(id), Some(id as u32 + 1_000));
                assert_eq!(unended.remove(id), None);
            }
            let left = (199 * step % 200) as u32 + 1_000;
            assert_eq!(unended.clear(), Some(left));
            assert_eq!(unended.clear(), None);
        }
    }
}
