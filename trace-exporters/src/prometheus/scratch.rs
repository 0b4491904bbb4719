//! A small buffer that short texts are put together in, by copies of a fixed size: those need no call.

/// The size of a copy.
const BLOCK: usize = 32;

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

    /// The room that [`Scratch::put`] takes for it.
    pub(super) fn room(&self) -> usize {
        self.blocks.len() * BLOCK
    }
}

/// See the module. What is beyond `len` is left over from earlier texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    bytes: Vec<u8>,
    len: usize,
}

impl Scratch {
    /// Makes it empty, with room for so many bytes. More than that is cut off.
    pub(super) fn clear(&mut self, room: usize) {
        self.len = 0;
        if self.bytes.len() < room {
            self.bytes.resize(room.next_power_of_two(), 0);
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
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
    pub(super) fn put_byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    #[inline(always)]
    pub(super) fn put_u64(&mut self, v: u64) {
        if v < 10 {
            return self.put_byte(b'0' + v as u8);
        }
        self.put_slice(itoa::Buffer::new().format(v).as_bytes());
    }

    #[inline]
    pub(super) fn put_slice(&mut self, text: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + text.len()) {
            place.copy_from_slice(text);
            self.len += text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_put_is_there(texts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..100), any::<u64>()), 0..20)) {
            let mut scratch = Scratch::default();
            for _ in 0..2 {
                let mut expected = Vec::new();
                scratch.clear(texts.iter().map(|(text, _)| Padded::new(text).room() + 21 + 32).sum());
                for (text, number) in &texts {
                    scratch.put(&Padded::new(text));
                    scratch.put_u64(*number);
                    scratch.put_u64(number % 10);
                    expected.extend_from_slice(text);
                    expected.extend_from_slice(format!("{number}{}", number % 10).as_bytes());
                }
                prop_assert_eq!(scratch.as_slice(), &*expected);
            }
        }
    }
}
