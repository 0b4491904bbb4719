//! The part of a text that is being written: parts are put into it by copies of a fixed size, which need no call.

/// The size of a copy.
const BLOCK: usize = 32;
/// A page that is this full is handed on: it stays in the processor's cache.
pub(super) const PAGE_BYTES: usize = 128 << 10;

/// A text that is copied often, filled up to whole blocks.
#[derive(Clone, Debug, Default)]
pub(super) struct Padded {
    blocks: Vec<[u8; BLOCK]>,
    len: usize,
}

impl Padded {
    /// Replaces the text by these parts, one after the other.
    pub(super) fn set(&mut self, parts: &[&[u8]]) {
        self.len = parts.iter().map(|p| p.len()).sum();
        self.blocks.clear();
        self.blocks.resize(self.len.div_ceil(BLOCK), [0; BLOCK]);
        let mut at = 0;
        for part in parts {
            self.blocks.as_flattened_mut()[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }

    pub(super) fn new(text: &[u8]) -> Self {
        let mut padded = Self::default();
        padded.set(&[text]);
        padded
    }

    /// The room that [`Page::put`] takes for it.
    pub(super) fn room(&self) -> usize {
        self.blocks.len() * BLOCK
    }
}

/// Texts one behind the other, with so much room after the last that each can be copied in whole blocks.
#[derive(Clone, Debug)]
pub(super) struct Row {
    bytes: Vec<u8>,
}

/// A text of a [`Row`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The text and what is behind it.
    from: &'a [u8],
    len: usize,
}

impl Default for Row {
    fn default() -> Self {
        Self { bytes: vec![0; BLOCK] }
    }
}

impl Row {
    /// Appends what `write` does; where it begins, and how long it is.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> (usize, usize) {
        let start = self.bytes.len() - BLOCK;
        self.bytes.truncate(start);
        write(&mut self.bytes);
        let len = self.bytes.len().saturating_sub(start);
        self.bytes.resize(start + len + BLOCK, 0);
        (start, len)
    }

    /// Takes the last text away again.
    pub(super) fn remove_from(&mut self, start: usize) {
        self.bytes.truncate(start);
        self.bytes.resize(start + BLOCK, 0);
    }

    #[inline]
    pub(super) fn part(&self, start: usize, len: usize) -> Part<'_> {
        Part { from: &self.bytes[start..], len }
    }
}

impl<'a> Part<'a> {
    pub(super) fn as_slice(self) -> &'a [u8] {
        &self.from[..self.len]
    }

    pub(super) fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The room that [`Page::put_part`] takes for it.
    #[inline]
    pub(super) fn room(self) -> usize {
        self.len + BLOCK
    }
}

/// See the module. What is beyond `len` is left over from earlier texts.
#[derive(Clone, Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    len: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { bytes: vec![0; PAGE_BYTES + (8 << 10)], len: 0 }
    }
}

impl Page {
    /// Makes sure that there is room for so many bytes more. Of what is put without room a part may be missing.
    #[inline]
    pub(super) fn make_room(&mut self, bytes: usize) {
        if self.bytes.len() - self.len < bytes {
            self.grow(bytes);
        }
    }

    #[cold]
    fn grow(&mut self, bytes: usize) {
        self.bytes.resize((self.len + bytes).next_power_of_two(), 0);
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len >= PAGE_BYTES
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Leaves the first so many bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Whether it is of the usual size, and so worth keeping.
    pub(super) fn is_small(&self) -> bool {
        self.bytes.len() <= 4 * PAGE_BYTES
    }

    #[inline(always)]
    pub(super) fn put(&mut self, text: &Padded) {
        let mut at = self.len;
        for block in &text.blocks {
            if let Some(place) = self.bytes.get_mut(at..at + BLOCK) {
                place.copy_from_slice(block);
            }
            at += BLOCK;
        }
        self.len = (self.len + text.len).min(self.bytes.len());
    }

    #[inline(always)]
    pub(super) fn put_part(&mut self, text: Part<'_>) {
        let mut at = self.len;
        for block in text.from.chunks_exact(BLOCK).take(text.len.div_ceil(BLOCK)) {
            if let Some(place) = self.bytes.get_mut(at..at + BLOCK) {
                place.copy_from_slice(block);
            }
            at += BLOCK;
        }
        self.len = (self.len + text.len).min(self.bytes.len());
    }

    /// A byte, for which room is made.
    #[inline(always)]
    pub(super) fn put_byte(&mut self, byte: u8) {
        self.make_room(1);
        self.put_bytes([byte]);
    }

    /// What stands from `start` to `end` of the page, once more.
    #[inline(always)]
    pub(super) fn put_again(&mut self, start: usize, end: usize) {
        let (mut from, mut at) = (start, self.len);
        while from < end {
            if let Some(block) = self.bytes.get(from..).and_then(|rest| rest.first_chunk::<BLOCK>()).copied()
                && let Some(place) = self.bytes.get_mut(at..at + BLOCK)
            {
                place.copy_from_slice(&block);
            }
            (from, at) = (from + BLOCK, at + BLOCK);
        }
        self.len = (self.len + end.saturating_sub(start)).min(self.bytes.len());
    }

    /// A few bytes.
    #[inline(always)]
    pub(super) fn put_bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + N) {
            place.copy_from_slice(&bytes);
            self.len += N;
        }
    }

    /// Takes 20 bytes of room at most.
    #[inline(always)]
    pub(super) fn put_u64(&mut self, v: u64) {
        if v < 10 {
            self.put_bytes([b'0' + v as u8]);
        } else if v < 100_000_000 {
            let digits = eight_digits(v);
            let zeros = digits.trailing_zeros() / 8;
            let text = (digits | 0x3030_3030_3030_3030) >> (8 * zeros);
            if let Some(place) = self.bytes.get_mut(self.len..self.len + 8) {
                place.copy_from_slice(&text.to_le_bytes());
                self.len += 8 - zeros as usize;
            }
        } else {
            self.put_slice(itoa::Buffer::new().format(v).as_bytes());
        }
    }

    /// Any text, for which room is made.
    pub(super) fn put_slice(&mut self, text: &[u8]) {
        self.make_room(text.len());
        if let Some(place) = self.bytes.get_mut(self.len..self.len + text.len()) {
            place.copy_from_slice(text);
            self.len += text.len();
        }
    }

    /// What is written to a vector.
    pub(super) fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut text = Vec::new();
        write(&mut text);
        self.put_slice(&text);
    }
}

/// The digits of a number below 10^8, the first in the lowest byte: halves, quarters and digits side by side in one
/// word, divided by multiplication.
#[inline(always)]
fn eight_digits(v: u64) -> u64 {
    let halves = (v / 10_000) | (v % 10_000) << 32;
    // 10486 / 2^20 is 1 / 100 for what is below 10^4, and 103 / 2^10 is 1 / 10 for what is below 100.
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let quarters = hundreds | (halves - 100 * hundreds) << 16;
    let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (quarters - 10 * tens) << 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_length_of_a_number_is_written() {
        let mut page = Page::default();
        let mut expected = String::new();
        for power in 0..20 {
            let ten = 10u64.saturating_pow(power);
            for v in [ten - 1, ten, ten + 1, ten.saturating_mul(9)] {
                page.put_u64(v);
                expected.push_str(&v.to_string());
            }
        }
        assert_eq!(page.as_slice(), expected.as_bytes());
    }

    #[test]
    fn a_page_grows_for_what_is_long() {
        let text: Vec<u8> = (0..180_000u32).map(|i| (i % 251) as u8).collect();
        let mut page = Page::default();
        page.put_slice(&text);
        page.put_slice(&text);
        assert!(page.is_full() && page.len() == 2 * text.len() && page.as_slice().ends_with(&text));
    }

    proptest! {
        #[test]
        fn what_is_put_is_there(
            texts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..100), any::<u64>(), 0u32..64), 0..20),
        ) {
            let mut row = Row::default();
            let places: Vec<(usize, usize)> =
                texts.iter().map(|(text, ..)| row.append(|out| out.extend_from_slice(text))).collect();
            let mut page = Page::default();
            for _ in 0..2 {
                page.truncate(0);
                let mut expected = Vec::new();
                for ((text, number, shift), (start, len)) in texts.iter().zip(&places) {
                    let part = row.part(*start, *len);
                    prop_assert_eq!(part.as_slice(), text.as_slice());
                    page.make_room(Padded::new(text).room() + part.room() + 42);
                    page.put(&Padded::new(text));
                    page.put_part(part);
                    page.put_u64(number >> shift);
                    page.put_bytes(*b"} ");
                    page.make_room(100 + BLOCK);
                    let (start, end) = (page.len() - text.len().min(page.len()), page.len());
                    page.put_again(start, end);
                    expected.extend_from_slice(&[text.as_slice(), text].concat());
                    expected.extend_from_slice(format!("{}}} ", number >> shift).as_bytes());
                    expected.extend_from_within(expected.len() - text.len()..);
                }
                prop_assert_eq!(page.as_slice(), &*expected);
            }
        }
    }
}
