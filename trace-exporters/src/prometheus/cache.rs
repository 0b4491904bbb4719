//! What does not change between expositions: the labels of each series, written once.
//!
//! Memory: the bytes of the labels and some 24 bytes a series, for each form that was asked for lately.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use super::family::Family;
use super::page::{Part, Row};

/// The labels of all families in one form.
#[derive(Default)]
pub(super) struct Cache {
    families: HashMap<String, FamilyLabels>,
}

/// The labels of one family.
#[derive(Default)]
pub(super) struct FamilyLabels {
    /// The metrics that they belong to; empty if they are not to be kept.
    ids: Vec<u64>,
    pub(super) members: Vec<SeriesLabels>,
    /// Label sets seen, as 64-bit hashes under a random key: two of 100 000 series collide with a chance of 3e-10.
    pub(super) seen: Seen,
}

#[derive(Default)]
pub(super) struct Seen {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

/// The labels of the series of one metric, by the index of the series.
#[derive(Default)]
pub(super) struct SeriesLabels {
    labels: Row,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    start: usize,
    len: u32,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    #[default]
    Unknown,
    Shown,
    Duplicate,
}

impl Cache {
    /// The labels of a family as the last exposition left them, empty if its metrics are others now.
    pub(super) fn take(&mut self, family: &Family<'_>) -> FamilyLabels {
        let ids: Option<Vec<u64>> = family.members.iter().map(|m| m.id()).collect();
        let ids = ids.unwrap_or_default();
        match self.families.remove(&family.name) {
            Some(known) if known.ids == ids && !ids.is_empty() => known,
            _ => {
                let mut members = Vec::new();
                members.resize_with(family.members.len(), SeriesLabels::default);
                FamilyLabels { ids, members, seen: Seen::default() }
            }
        }
    }

    /// Replaces everything by what one exposition used.
    pub(super) fn keep(&mut self, used: Vec<(String, FamilyLabels)>) {
        self.families = used.into_iter().filter(|(_, labels)| !labels.ids.is_empty()).collect();
    }
}

impl SeriesLabels {
    /// The labels of a series, rendered if they are not known; `None` if another series has the same.
    #[inline]
    pub(super) fn get(
        &mut self,
        index: usize,
        seen: &mut Seen,
        render: impl FnOnce(&mut Vec<u8>),
    ) -> Option<Part<'_>> {
        let known = self.entries.get(index).copied().unwrap_or_default();
        let entry = if known.state == State::Unknown { self.render(index, seen, render) } else { known };
        (entry.state == State::Shown).then(|| self.labels.part(entry.start, entry.len as usize))
    }

    #[cold]
    fn render(&mut self, index: usize, seen: &mut Seen, render: impl FnOnce(&mut Vec<u8>)) -> Entry {
        let (start, len) = self.labels.append(render);
        let hash = seen.hasher.hash_one(self.labels.part(start, len).as_slice());
        let entry = match u32::try_from(len) {
            Ok(len) if seen.hashes.insert(hash) => Entry { start, len, state: State::Shown },
            _ => {
                self.labels.remove_from(start);
                Entry { start, len: 0, state: State::Duplicate }
            }
        };
        if self.entries.len() <= index {
            self.entries.resize(index + 1, Entry::default());
        }
        self.entries[index] = entry;
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_rendered_once_and_shown_once() {
        let (mut labels, mut seen) = (SeriesLabels::default(), Seen::default());
        let mut get = |index, text: Option<&[u8]>| {
            let render = |out: &mut Vec<u8>| out.extend(text.expect("it is known"));
            labels.get(index, &mut seen, render).map(|part| part.as_slice().to_vec())
        };
        assert_eq!(get(2, Some(b"a=1")), Some(b"a=1".to_vec()));
        assert_eq!(get(0, Some(b"a=1")), None);
        assert_eq!(get(1, Some(b"")), Some(vec![]));
        for _ in 0..2 {
            assert_eq!(get(2, None), Some(b"a=1".to_vec()));
            assert_eq!(get(0, None), None);
        }
    }
}
