//! Keys of attributes: kept once in a table, so that an attribute holds a number.
//!
//! A table mostly has each key once, since those of late are looked for; what was looked for in vain gets a new number, so
//! nothing follows from two numbers being different.

use super::columns::{Columns, NONE, Text};

/// Numbers of keys that attributes refer to; see [`super::columns::AttributeCell`].
pub(crate) const MOST_KEYS: u32 = 1 << 29;
/// Keys that are found again, one for each value of the hash.
const RECENT: usize = 128;

/// The keys of columns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    list: Vec<Text>,
    /// Numbers by hash; empty, or with [`NONE`] where there is none.
    recent: Vec<u32>,
}

impl Keys {
    #[inline]
    pub(super) fn get(&self, key: u32) -> Text {
        self.list.get(key as usize).copied().unwrap_or(Text::EMPTY)
    }

    pub(super) fn len(&self) -> u32 {
        self.list.len() as u32
    }

    /// The texts, to be moved elsewhere.
    pub(super) fn texts_mut(&mut self) -> impl Iterator<Item = &mut Text> {
        self.list.iter_mut()
    }

    /// Adds keys without looking whether they are there.
    pub(super) fn extend(&mut self, keys: impl Iterator<Item = Text>) {
        self.list.extend(keys);
    }

    /// The keys one after another.
    pub(super) fn iter(&self) -> impl Iterator<Item = Text> {
        self.list.iter().copied()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.recent.fill(NONE);
    }

    /// Forgets the keys unless they may be of use to who comes next: they are few, and constants of the program.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    pub(crate) fn keep_constants(&mut self) {
        if self.list.len() > RECENT || self.list.iter().any(|t| t.as_fixed().is_none()) {
            self.clear();
        }
    }

    pub(super) fn byte_size(&self) -> usize {
        std::mem::size_of_val(&*self.list)
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.list.capacity() * size_of::<Text>() + self.recent.capacity() * size_of::<u32>()
    }

    #[cold]
    fn add(&mut self, key: Text, slot: usize) -> u32 {
        if self.recent.is_empty() {
            self.recent = vec![NONE; RECENT];
        }
        let number = (self.list.len() as u32).min(MOST_KEYS - 1);
        if number + 1 < MOST_KEYS {
            // The last number is the one without a text.
            self.list.push(key);
        }
        self.recent[slot] = number;
        number
    }
}

impl Columns {
    /// The number of a key that is a constant of the program.
    #[inline]
    pub(crate) fn constant_key(&mut self, key: &'static str) -> u32 {
        let slot = slot_of(key);
        match self.known_key(key, slot) {
            Some(known) => known,
            None => self.keys.add(Text::fixed(key), slot),
        }
    }

    /// The number of a key that is copied if it is new, and whether it is.
    #[inline]
    pub(crate) fn stored_key(&mut self, key: &str) -> (u32, bool) {
        let slot = slot_of(key);
        match self.known_key(key, slot) {
            Some(known) => (known, false),
            None => {
                let text = self.store(key);
                (self.keys.add(text, slot), true)
            }
        }
    }

    /// The number of a key whose text is a constant or here already.
    #[inline]
    pub(crate) fn key_of(&mut self, key: Text) -> u32 {
        let slot = slot_of(self.str(key));
        match self.known_key(self.str(key), slot) {
            Some(known) => known,
            None => self.keys.add(key, slot),
        }
    }

    /// The number of a key of other columns.
    #[inline]
    pub(crate) fn copy_key(&mut self, from: &Self, key: u32) -> u32 {
        let text = from.keys.get(key);
        match text.as_fixed() {
            Some(fixed) => self.constant_key(fixed),
            None => self.stored_key(from.str(text)).0,
        }
    }

    /// Adds keys that are constants of the program, and returns the number of the first; the others follow it.
    pub(crate) fn add_keys(&mut self, keys: &[&'static str]) -> u32 {
        let first = self.keys.len();
        self.keys.extend(keys.iter().map(|key| Text::fixed(key)));
        first
    }

    #[inline]
    fn known_key(&self, key: &str, slot: usize) -> Option<u32> {
        let number = *self.keys.recent.get(slot)?;
        let known = self.str(*self.keys.list.get(number as usize)?);
        (std::ptr::eq(known, key) || known == key).then_some(number)
    }
}

#[inline]
fn slot_of(key: &str) -> usize {
    let bytes = key.as_bytes();
    let byte = |at: usize| u64::from(bytes.get(at).copied().unwrap_or(0));
    let ends = byte(0) | byte(bytes.len() / 2) << 8 | byte(bytes.len().wrapping_sub(1)) << 16;
    // Fibonacci hashing (Knuth, TAOCP volume 3, 6.4).
    let hash = (ends | (bytes.len() as u64) << 24).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> (u64::BITS - RECENT.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_number_wherever_its_text_is() {
        let mut c = Columns::default();
        let a = c.constant_key("http.method");
        let b = c.stored_key("http.route");
        assert_eq!(b, (1, true));
        assert_eq!(c.constant_key("http.method"), a);
        assert_eq!(c.stored_key(&"http.method".to_owned()), (a, false));
        assert_eq!(c.constant_key("http.route"), b.0);
        let text = c.store("http.route");
        assert_eq!(c.key_of(text), b.0);
        let mut other = Columns::default();
        other.constant_key("first");
        assert_eq!(other.copy_key(&c, b.0), 1);
        assert_eq!(other.str(other.keys.get(1)), "http.route");
        assert_eq!(c.stored_key(""), (2, true));
        assert_eq!(c.stored_key(""), (2, false));
    }

    #[test]
    fn more_keys_than_are_looked_for_are_told_apart() {
        let mut c = Columns::default();
        let names: Vec<String> = (0..1_000).map(|i| format!("key.{i}")).collect();
        for _ in 0..2 {
            for name in &names {
                let (key, _) = c.stored_key(name);
                assert_eq!(c.str(c.keys.get(key)), name);
            }
        }
    }

    #[test]
    fn cleared_keys_are_not_found() {
        let mut c = Columns::default();
        c.stored_key("a");
        c.clear();
        assert_eq!(c.stored_key("b"), (0, true));
        assert_eq!(c.stored_key("a"), (1, true));
    }
}
