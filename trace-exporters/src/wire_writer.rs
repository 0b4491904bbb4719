//! The protobuf wire format: fields written once, either to bytes or to a length.
//!
//! A length-delimited message states its length before its content. So each message is described by one
//! function over [`Sink`], run first with [`Length`], which only counts, and then with the bytes: the length
//! cannot disagree with the content. Wire format: <https://protobuf.dev/programming-guides/encoding/>.

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// A message that can write its own fields.
pub(crate) trait Message {
    fn fields<S: Sink>(&self, sink: &mut S);
}

/// Counts bytes.
#[derive(Default)]
pub(crate) struct Length(usize);

/// The length of a message's content in bytes.
#[inline]
pub(crate) fn length_of(message: &impl Message) -> usize {
    let mut length = Length::default();
    message.fields(&mut length);
    length.0
}

/// The bytes that a field header and its delimited content of `length` bytes take.
#[inline]
pub(crate) fn delimited_len(field: u32, length: usize) -> usize {
    varint_len(u64::from(field) << 3) + varint_len(length as u64) + length
}

#[inline]
fn varint_len(v: u64) -> usize {
    // Seven bits a byte; zero takes one byte.
    ((70 - (v | 1).leading_zeros()) / 7) as usize
}

/// Where fields go. Proto3 leaves out fields with the default value; `optional` and `oneof` fields are written
/// whenever they are set, with the methods named `_always`.
pub(crate) trait Sink: Sized {
    fn put(&mut self, bytes: &[u8]);
    fn varint(&mut self, v: u64);
    /// Writes the content of a message whose length is known.
    fn content(&mut self, message: &impl Message, length: usize);

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

    #[inline]
    fn message(&mut self, field: u32, message: &impl Message) {
        self.message_of_length(field, message, length_of(message));
    }

    #[inline]
    fn message_of_length(&mut self, field: u32, message: &impl Message, length: usize) {
        self.tag(field, DELIMITED);
        self.varint(length as u64);
        self.content(message, length);
    }
}

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

/// The same as a field.
pub(crate) fn nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    out.tag(field, DELIMITED);
    delimited(out, write);
}

/// A signed number as `sint32` and `sint64` have it: small whichever its sign.
pub(crate) fn zigzag(v: i64) -> u64 {
    (v << 1 ^ v >> 63).cast_unsigned()
}

impl Sink for Length {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    #[inline]
    fn varint(&mut self, v: u64) {
        self.0 += varint_len(v);
    }

    #[inline]
    fn content(&mut self, _: &impl Message, length: usize) {
        self.0 += length;
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    #[inline]
    fn varint(&mut self, mut v: u64) {
        while v >= 0x80 {
            self.push(v as u8 | 0x80);
            v >>= 7;
        }
        self.push(v as u8);
    }

    #[inline]
    fn content(&mut self, message: &impl Message, length: usize) {
        let before = self.len();
        message.fields(self);
        debug_assert_eq!(self.len() - before, length, "a message wrote another length than it counted");
    }
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
}
