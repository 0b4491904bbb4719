//! The wire format of protobuf, appended in one pass: room is left for a length, the content is written, and the length is
//! filled in. Rarely the room is of another size than the length needs; then the content moves by a byte or two, so that
//! what is sent is always the shortest form. Wire format: <https://protobuf.dev/programming-guides/encoding/>.

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// A message that can write its own fields.
pub(crate) trait Message {
    fn fields(&self, out: &mut Vec<u8>);
}

#[inline]
fn varint_len(v: u64) -> usize {
    // Seven bits a byte; zero takes one byte.
    ((70 - (v | 1).leading_zeros()) / 7) as usize
}

/// The bytes of a varint in a field of ten, and how many they are.
#[inline]
fn varint_bytes(mut v: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut n = 0;
    while v >= 0x80 {
        bytes[n] = v as u8 | 0x80;
        v >>= 7;
        n += 1;
    }
    bytes[n] = v as u8;
    (bytes, n + 1)
}

/// Appends fields. Proto3 leaves out fields with the default value; `optional` and `oneof` fields are written whenever they
/// are set, with the methods named `_always`.
pub(crate) trait Wire {
    fn put(&mut self, bytes: &[u8]);
    fn varint(&mut self, v: u64);
    /// Writes a message whose content takes about `guess` bytes.
    fn delimited(&mut self, field: u32, guess: usize, content: impl FnOnce(&mut Self));

    #[inline]
    fn tag(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    #[inline]
    fn uint(&mut self, field: u32, v: u64) {
        if v != 0 {
            self.uint_always(field, v);
        }
    }

    #[inline]
    fn uint_always(&mut self, field: u32, v: u64) {
        self.tag(field, VARINT);
        self.varint(v);
    }

    #[inline]
    fn fixed32(&mut self, field: u32, v: u32) {
        if v != 0 {
            self.tag(field, FIXED32);
            self.put(&v.to_le_bytes());
        }
    }

    #[inline]
    fn fixed64(&mut self, field: u32, v: u64) {
        if v != 0 {
            self.fixed64_always(field, v);
        }
    }

    #[inline]
    fn fixed64_always(&mut self, field: u32, v: u64) {
        self.tag(field, FIXED64);
        self.put(&v.to_le_bytes());
    }

    #[inline]
    fn double_always(&mut self, field: u32, v: f64) {
        self.fixed64_always(field, v.to_bits());
    }

    #[inline]
    fn bytes(&mut self, field: u32, v: &[u8]) {
        if !v.is_empty() {
            self.bytes_always(field, v);
        }
    }

    #[inline]
    fn bytes_always(&mut self, field: u32, v: &[u8]) {
        self.tag(field, DELIMITED);
        self.varint(v.len() as u64);
        self.put(v);
    }

    #[inline]
    fn string(&mut self, field: u32, v: &str) {
        self.bytes(field, v.as_bytes());
    }

    /// A packed `repeated fixed64` or `repeated double`.
    fn packed64(&mut self, field: u32, values: impl ExactSizeIterator<Item = u64>) {
        if values.len() > 0 {
            self.tag(field, DELIMITED);
            self.varint(values.len() as u64 * 8);
            for v in values {
                self.put(&v.to_le_bytes());
            }
        }
    }

    /// A packed `repeated uint64`.
    fn packed_varints(&mut self, field: u32, values: impl ExactSizeIterator<Item = u64> + Clone) {
        if values.len() > 0 {
            self.tag(field, DELIMITED);
            self.varint(values.clone().map(varint_len).sum::<usize>() as u64);
            for v in values {
                self.varint(v);
            }
        }
    }

    /// A message that is mostly shorter than 128 bytes.
    fn message(&mut self, field: u32, message: &impl Message);
}

impl Wire for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn varint(&mut self, v: u64) {
        if v < 0x80 {
            self.push(v as u8);
        } else {
            let (bytes, n) = varint_bytes(v);
            self.extend_from_slice(&bytes[..n]);
        }
    }

    #[inline]
    fn message(&mut self, field: u32, message: &impl Message) {
        self.delimited(field, 0, |out| message.fields(out));
    }

    #[inline]
    fn delimited(&mut self, field: u32, guess: usize, content: impl FnOnce(&mut Self)) {
        self.tag(field, DELIMITED);
        let at = self.len();
        let room = varint_len(guess as u64);
        self.extend_from_slice(&[0; 10][..room]);
        content(self);
        let length = self.len() - at - room;
        let (bytes, n) = varint_bytes(length as u64);
        if n != room {
            move_content(self, at, room, n);
        }
        self[at..at + n].copy_from_slice(&bytes[..n]);
    }
}

/// Changes the room at `at` from one size to another.
#[cold]
fn move_content(out: &mut Vec<u8>, at: usize, room: usize, needed: usize) {
    let end = out.len();
    if needed > room {
        out.resize(end + needed - room, 0);
    }
    out.copy_within(at + room..end, at + needed);
    out.truncate(end + needed - room);
}

/// A guess at the length of a small message.
const NESTED: usize = 64;

/// Appends the length of what `write` appends, and that: for content whose length is not known before.
pub(crate) fn delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.push(0);
    write(out);
    let length = out.len() - at - 1;
    if length < 0x80 {
        out[at] = length as u8;
    } else {
        let mut prefix = Vec::with_capacity(10);
        prefix.varint(length as u64);
        out.splice(at..=at, prefix);
    }
}

/// A message of its own in a field, of which nothing is known before.
pub(crate) fn nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    out.delimited(field, NESTED, write);
}

/// A signed number as `sint32` and `sint64` have it: small whichever its sign.
pub(crate) fn zigzag(v: i64) -> u64 {
    (v << 1 ^ v >> 63).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_varint_takes_the_bytes_that_were_counted_and_reads_back(v: u64) {
            let mut out = Vec::new();
            out.varint(v);
            prop_assert_eq!(out.len(), varint_len(v));
            prop_assert_eq!(prost::encoding::decode_varint(&mut out.as_slice()), Ok(v));
        }
    }

    proptest! {
        #[test]
        fn any_guess_gives_the_shortest_form(guess in 0usize..3_000_000, length in prop_oneof![0usize..300, 16_000usize..17_000]) {
            let content = vec![7; length];
            let mut out = vec![1];
            out.delimited(2, guess, |out| out.put(&content));
            out.put(&[9]);
            let mut expected = vec![1, 0x12];
            prost::encoding::encode_varint(length as u64, &mut expected);
            expected.extend(&content);
            expected.push(9);
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn varint_lengths_change_at_the_seven_bit_borders() {
        for bits in 1..=63u32 {
            let mut out = Vec::new();
            out.varint((1 << bits) - 1);
            assert_eq!(out.len(), varint_len((1 << bits) - 1));
            assert_eq!(out.len(), bits.div_ceil(7) as usize);
        }
        assert_eq!((varint_len(0), varint_len(u64::MAX)), (1, 10));
    }

    #[test]
    fn a_length_stands_before_content_of_any_length() {
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            let mut out = b"before".to_vec();
            nested(&mut out, 3, |out| out.extend(std::iter::repeat_n(7, length)));
            let mut expected = b"before".to_vec();
            expected.bytes_always(3, &vec![7; length]);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn signed_numbers_alternate() {
        assert_eq!([0, -1, 1, -2, i64::MAX, i64::MIN].map(zigzag), [0, 1, 2, 3, u64::MAX - 1, u64::MAX]);
    }
}
