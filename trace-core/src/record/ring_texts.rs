//! The texts of a ring, on their way into a batch.

use super::ring::MAX_START_WORDS;
use crate::batch::Cell;

/// Bytes that are gathered: as much as stays in the cache next to the processor, and a record.
const ROOM: usize = (16 << 10) + MOST_OF_A_RECORD;
/// More than the texts of a record have, and what is written behind the last.
const MOST_OF_A_RECORD: usize = MAX_START_WORDS as usize * 8 + 16;

/// Gathers texts, so that they are checked and copied many at a time.
///
/// A text is written in whole words, and the next one over what was too much. There is room for the texts of any record
/// as long as [`Texts::make_room`] is called before each.
pub(super) struct Texts {
    bytes: Box<[u8; ROOM]>,
    len: usize,
    /// Where the first of them will lie in the batch.
    base: usize,
}

impl Default for Texts {
    fn default() -> Self {
        Self { bytes: Box::new([0; ROOM]), len: 0, base: 0 }
    }
}

impl Texts {
    /// The texts that come lie behind `text`.
    pub(super) fn begin(&mut self, text: &str) {
        (self.len, self.base) = (0, text.len());
    }

    /// Moves what has been gathered to where it belongs, if another record might not fit.
    #[inline(always)]
    pub(super) fn make_room(&mut self, text: &mut String) {
        if self.len > ROOM - MOST_OF_A_RECORD {
            self.move_to(text);
        }
    }

    /// Moves what has been gathered to where it belongs.
    #[cold]
    pub(super) fn move_to(&mut self, text: &mut String) {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(texts) => text.push_str(texts),
            // They were written from texts; this would only be noticed as what it is.
            Err(_) => text.extend(std::iter::repeat_n('?', bytes.len())),
        }
        self.begin(text);
    }

    /// For the texts of a record, for which there is room.
    #[inline(always)]
    pub(super) fn gather(&mut self) -> Gathered<'_> {
        Gathered { bytes: &mut self.bytes, len: self.len, base: self.base }
    }

    /// So many bytes have been gathered now.
    #[inline(always)]
    pub(super) fn gathered(&mut self, len: usize) {
        self.len = len;
    }
}

/// The texts of one record, among those gathered before. Apart from [`Texts`], so that the length stays in a register.
pub(super) struct Gathered<'a> {
    bytes: &'a mut [u8; ROOM],
    pub(super) len: usize,
    base: usize,
}

impl Gathered<'_> {
    /// Adds a text of at most 15 bytes, the first of which is the lowest of the first word.
    #[inline(always)]
    pub(super) fn push_short(&mut self, [low, high]: [u64; 2], len: usize) -> Cell {
        if let Some(place) = self.bytes.get_mut(self.len..).and_then(|free| free.first_chunk_mut()) {
            *place = (u128::from(high) << 64 | u128::from(low)).to_le_bytes();
        }
        self.pushed(len)
    }

    /// Adds a text that lies in these words.
    #[inline(always)]
    pub(super) fn push(&mut self, words: impl Iterator<Item = u64>, len: usize) -> Cell {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (place, word) in free.as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        self.pushed(len)
    }

    #[inline(always)]
    fn pushed(&mut self, len: usize) -> Cell {
        let at = self.base + self.len;
        self.len += len;
        Cell::text(at as u32, len as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &str) -> [u64; 2] {
        let mut bytes = [0xff; 16];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        let word = u128::from_le_bytes(bytes);
        [word as u64, (word >> 64) as u64]
    }

    /// Adds a text, and returns where it lies.
    fn push(texts: &mut Texts, text: &str) -> (u32, u32) {
        let mut gathered = texts.gather();
        let cell = match text.len() {
            ..16 => gathered.push_short(short(text), text.len()),
            len => {
                let padded = format!("{text:.<width$}", width = len.next_multiple_of(8));
                let words = padded.as_bytes().as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
                gathered.push(words, len)
            }
        };
        let len = gathered.len;
        texts.gathered(len);
        ((cell.bits() >> 32) as u32, cell.bits() as u32)
    }

    #[test]
    fn texts_lie_one_behind_the_other_whatever_was_written_too_much() {
        let (mut texts, mut text) = (Texts::default(), String::from("before"));
        texts.begin(&text);
        assert_eq!(push(&mut texts, "abc"), (6, 3));
        assert_eq!(push(&mut texts, "more than sixteen"), (9, 17));
        texts.make_room(&mut text);
        assert_eq!(text, "before", "there is room");
        assert_eq!(push(&mut texts, ""), (26, 0));
        texts.move_to(&mut text);
        assert_eq!(push(&mut texts, "end"), (26, 3));
        texts.move_to(&mut text);
        assert_eq!(text, "beforeabcmore than sixteenend");
    }

    #[test]
    fn gathered_texts_move_on_before_a_record_might_not_fit() {
        let (mut texts, mut text, mut expected) = (Texts::default(), String::new(), String::new());
        let all = "some text ".repeat(100);
        for n in 0..2_000 {
            texts.make_room(&mut text);
            assert!(texts.len + MOST_OF_A_RECORD <= ROOM);
            let piece = &all[..if n % 10 == 0 { n / 2 } else { n % 16 }];
            assert_eq!(push(&mut texts, piece), (expected.len() as u32, piece.len() as u32));
            expected.push_str(piece);
        }
        texts.move_to(&mut text);
        assert_eq!(text, expected);
    }

    #[test]
    fn what_is_no_text_is_replaced_byte_by_byte() {
        let (mut texts, mut text) = (Texts::default(), String::new());
        let mut gathered = texts.gather();
        gathered.push_short([0xff_fe, 0], 2);
        let len = gathered.len;
        texts.gathered(len);
        texts.move_to(&mut text);
        assert_eq!(text, "??");
    }
}
