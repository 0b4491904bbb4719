//! Keys of attributes: kept once in a table, so that an attribute holds a number.
//!
//! A key is found by where its text lies, which is the same place again and again for what a program's source spells out, and
//! else by its hash. Found means that the text is the same; two numbers may be of one text, for batches are joined without
//! comparing their keys.

use std::str::Utf8Error;

use super::columns::{Columns, NONE, Text};

/// Numbers of keys that attributes refer to; see [`super::attribute_cell::AttributeCell`].
pub(crate) const MOST_KEYS: u32 = 1 << 29;
/// Keys that are found by where they lie.
const PLACES: usize = 32;
/// Keys that are found by their hash. More are not looked for, only kept.
const HASHED: usize = 4_096;

/// The keys of columns.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    list: Vec<Text>,
    /// Numbers by address; one that does not fit is of no harm.
    places: [u32; PLACES],
    /// Numbers by hash, linearly probed, at most half full; [`NONE`] where there is none.
    table: Vec<u32>,
    /// Of those that were added one by one.
    are_constants: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self { list: Vec::new(), places: [NONE; PLACES], table: Vec::new(), are_constants: true }
    }
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
    #[cfg(any(feature = "otel", feature = "tracing"))]
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
        if !self.list.is_empty() {
            self.list.clear();
            self.are_constants = true;
            self.places = [NONE; PLACES];
            self.table.fill(NONE);
        }
    }

    /// Forgets the keys unless they may be of use to who comes next: they are few, and constants of the program. Whether
    /// they are kept.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[inline]
    pub(crate) fn keep_constants(&mut self) -> bool {
        let keep = self.list.len() <= PLACES && self.are_constants;
        if !keep {
            self.clear();
        }
        keep
    }

    pub(super) fn byte_size(&self) -> usize {
        std::mem::size_of_val(&*self.list)
    }

    pub(super) fn capacity_bytes(&self) -> usize {
        self.list.capacity() * size_of::<Text>() + self.table.capacity() * size_of::<u32>()
    }
}

impl Columns {
    /// The number of a key that is a constant of the program.
    #[inline]
    pub(crate) fn constant_key(&mut self, key: &'static str) -> u32 {
        match self.key_at(key) {
            Some(known) => known,
            None => self.place_key(key, |_| Text::fixed(key)).0,
        }
    }

    /// The number of a key that is copied if it is new, and whether it is.
    #[inline]
    pub(crate) fn stored_key(&mut self, key: &str) -> (u32, bool) {
        match self.key_at(key) {
            Some(known) => (known, false),
            None => self.place_key(key, |c| c.store(key)),
        }
    }

    /// The number of a key whose text is a constant or here already.
    #[inline]
    pub(crate) fn key_of(&mut self, key: Text) -> u32 {
        match key.as_fixed() {
            Some(fixed) => self.constant_key(fixed),
            None => self.find_key(self.str(key)).unwrap_or_else(|| self.add_key(key)),
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

    /// The number of a key of other columns, which `known` has if it has been asked for before.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    #[inline]
    pub(super) fn copy_known_key(&mut self, from: &Self, key: u32, known: &mut Vec<u32>) -> u32 {
        match known.get(key as usize) {
            Some(number) if *number != NONE => *number,
            _ => {
                let number = self.copy_key(from, key);
                if known.len() <= key as usize {
                    known.resize(key as usize + 1, NONE);
                }
                known[key as usize] = number;
                number
            }
        }
    }

    /// The number of a key that may be that of the attribute `guess`, and the one behind it as the next guess. The text
    /// comes from outside, so where it lies says nothing; that of a guess that is right is known to be UTF-8.
    #[inline]
    pub(super) fn guessed_key(&mut self, guess: &mut u32, key: &[u8]) -> Result<u32, Utf8Error> {
        if let Some(cell) = self.attributes.get(*guess as usize) {
            let (number, next) = (cell.key(), cell.next);
            *guess = next;
            if is_same(self.str(self.keys.get(number)).as_bytes(), key) {
                return Ok(number);
            }
        }
        let key = std::str::from_utf8(key)?;
        Ok(self.find_key(key).unwrap_or_else(|| {
            let text = self.store(key);
            self.add_key(text)
        }))
    }

    /// A key that was found where this one lies.
    #[inline]
    fn key_at(&self, key: &str) -> Option<u32> {
        let number = self.keys.places[place_of(key)];
        let known = self.str(*self.keys.list.get(number as usize)?);
        is_same(known.as_bytes(), key.as_bytes()).then_some(number)
    }

    /// Finds a key by its text, or adds it, and lets it be found by where it lies.
    #[inline(never)]
    fn place_key(&mut self, key: &str, text: impl FnOnce(&mut Self) -> Text) -> (u32, bool) {
        let (number, is_new) = match self.find_key(key) {
            Some(known) => (known, false),
            None => {
                let text = text(self);
                (self.add_key(text), true)
            }
        };
        self.keys.places[place_of(key)] = number;
        (number, is_new)
    }

    /// A key with the same text.
    fn find_key(&self, key: &str) -> Option<u32> {
        let mask = self.keys.table.len().checked_sub(1)?;
        let mut at = hash_of(key);
        loop {
            let number = *self.keys.table.get(at & mask)?;
            if self.str(*self.keys.list.get(number as usize)?) == key {
                return Some(number);
            }
            at += 1;
        }
    }

    #[cold]
    fn add_key(&mut self, text: Text) -> u32 {
        let number = self.keys.len();
        if number >= MOST_KEYS - 1 {
            // The last number is the one without a text.
            return MOST_KEYS - 1;
        }
        self.keys.list.push(text);
        self.keys.are_constants &= text.as_fixed().is_some();
        if self.keys.list.len() * 2 > self.keys.table.len() && self.keys.table.len() < 2 * HASHED {
            // What was added without looking is found from now on too.
            self.keys.table =
                vec![NONE; (4 * self.keys.list.len()).next_power_of_two().clamp(16, 2 * HASHED)];
            for number in 0..self.keys.list.len().min(HASHED) as u32 {
                let hash = hash_of(self.str(self.keys.get(number)));
                self.enter_key(number, hash);
            }
        } else if (number as usize) < HASHED {
            self.enter_key(number, hash_of(self.str(text)));
        }
        number
    }

    fn enter_key(&mut self, number: u32, mut at: usize) {
        let mask = self.keys.table.len() - 1;
        // There is always room: the table is twice as long as what it holds.
        while self.keys.table[at & mask] != NONE {
            at += 1;
        }
        self.keys.table[at & mask] = number;
    }
}

/// Fibonacci hashing (Knuth, TAOCP volume 3, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn place_of(key: &str) -> usize {
    let place = (key.as_ptr().addr() as u64 ^ (key.len() as u64) << 48).wrapping_mul(SPREAD);
    (place >> (u64::BITS - PLACES.ilog2())) as usize
}

fn hash_of(key: &str) -> usize {
    let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(SPREAD).rotate_left(23);
    (key.as_bytes().iter().fold(key.len() as u64, mix) >> 32) as usize
}

/// Whether both are the same. Keys are mostly short, and to call a function for them takes longer than this.
#[inline]
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.first_chunk::<8>(), a.last_chunk::<8>(), b.first_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(a1), Some(a2), Some(b1), Some(b2)) if a.len() <= 16 => {
            u64::from_le_bytes(*a1) == u64::from_le_bytes(*b1)
                && u64::from_le_bytes(*a2) == u64::from_le_bytes(*b2)
        }
        _ => a == b,
    }
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
        assert_eq!(c.stored_key(&String::from_iter(["http.", "method"])), (a, false));
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
    fn keys_that_differ_in_one_byte_are_not_the_same() {
        for len in 0..40 {
            let key = vec![b'k'; len];
            assert!(is_same(&key, &key.clone()));
            for at in 0..len {
                let mut other = key.clone();
                other[at] = b'x';
                assert!(!is_same(&key, &other), "{len} {at}");
            }
            assert!(!is_same(&key, &vec![b'k'; len + 1]));
        }
    }

    #[test]
    fn a_place_with_another_text_than_before_is_not_the_same_key() {
        let mut c = Columns::default();
        let mut text = String::from("key.a");
        let a = c.stored_key(&text).0;
        text.replace_range(4.., "b");
        let b = c.stored_key(&text).0;
        assert_ne!(a, b);
        assert_eq!((c.str(c.keys.get(a)), c.str(c.keys.get(b))), ("key.a", "key.b"));
    }

    #[test]
    fn keys_without_end_are_kept_and_the_first_are_found() {
        let mut c = Columns::default();
        for i in 0..3 * HASHED {
            let (key, is_new) = c.stored_key(&format!("key.{i}"));
            assert!(is_new && key == i as u32);
        }
        assert_eq!(c.stored_key("key.7"), (7, false));
        assert!(c.keys.capacity_bytes() < 1 << 20);
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
