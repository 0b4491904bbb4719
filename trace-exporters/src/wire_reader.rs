//! A reader of protobuf fields: no copies, no recursion, bounded by the bytes that there are.

/// The bytes are not protobuf.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The value of a field, by its wire type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed64(u64),
    Fixed32(u32),
}

/// The fields of a message in order; ends after the first malformed one.
#[inline]
pub(crate) fn fields(mut rest: &[u8]) -> impl Iterator<Item = Result<(u32, Field<'_>), Malformed>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest).ok_or(Malformed);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

/// Reads a message key by key, for messages so frequent that it counts: who knows the keys tells them apart as they lie on the
/// wire, number and type in one, and asks for the value that such a key has.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next key; `None` at the end. Its value must be read, or passed over, before the next.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<Option<u64>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        varint(&mut self.rest).map(Some).ok_or(Malformed)
    }

    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = varint(&mut self.rest).and_then(|n| usize::try_from(n).ok());
        length.and_then(|n| take(&mut self.rest, n)).ok_or(Malformed)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        varint(&mut self.rest).ok_or(Malformed)
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(crate) fn fixed32(&mut self) -> Result<u32, Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Passes over the value of a key that is of no interest.
    pub(crate) fn skip(&mut self, key: u64) -> Result<(), Malformed> {
        value(key, &mut self.rest).map(drop).ok_or(Malformed)
    }
}

/// The key of a field of texts, bytes or messages.
pub(crate) const fn bytes_key(number: u64) -> u64 {
    number << 3 | 2
}

/// The key of a field of numbers in as many bytes as they need.
pub(crate) const fn varint_key(number: u64) -> u64 {
    number << 3
}

/// The key of a field of eight bytes.
pub(crate) const fn fixed64_key(number: u64) -> u64 {
    number << 3 | 1
}

/// The key of a field of four bytes.
pub(crate) const fn fixed32_key(number: u64) -> u64 {
    number << 3 | 5
}

#[inline]
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let key = varint(rest)?;
    value(key, rest)
}

#[inline]
fn value<'a>(key: u64, rest: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let number = u32::try_from(key >> 3).ok().filter(|n| *n > 0)?;
    let value = match key & 7 {
        0 => Field::Varint(varint(rest)?),
        1 => Field::Fixed64(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            Field::Bytes(take(rest, length)?)
        }
        5 => Field::Fixed32(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?)),
        // Groups are long out of use; 6 and 7 never existed.
        _ => return None,
    };
    Some((number, value))
}

/// The values of a packed field of varints, or of one that is not packed.
pub(crate) fn varints<'a>(field: &Field<'a>) -> impl Iterator<Item = Result<u64, Malformed>> + use<'a> {
    let (mut one, mut rest): (_, &[u8]) = match field {
        Field::Varint(v) => (Some(*v), &[]),
        Field::Bytes(packed) => (None, packed),
        _ => (None, &[]),
    };
    std::iter::from_fn(move || {
        if let Some(v) = one.take() {
            return Some(Ok(v));
        }
        if rest.is_empty() {
            return None;
        }
        let value = varint(&mut rest).ok_or(Malformed);
        if value.is_err() {
            rest = &[];
        }
        Some(value)
    })
}

/// The values of a packed field of 64 bits each, or of one that is not packed.
///
/// # Errors
/// If the bytes are no multiple of eight.
pub(crate) fn fixed64s(field: &Field<'_>) -> Result<Vec<u64>, Malformed> {
    match field {
        Field::Fixed64(v) => Ok(vec![*v]),
        Field::Bytes(packed) => {
            let (values, rest) = packed.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(Malformed);
            }
            Ok(values.iter().map(|v| u64::from_le_bytes(*v)).collect())
        }
        _ => Err(Malformed),
    }
}

#[inline]
fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[inline]
fn varint(rest: &mut &[u8]) -> Option<u64> {
    // Nearly all keys and lengths have one byte.
    let (first, tail) = rest.split_first()?;
    if *first < 0x80 {
        *rest = tail;
        return Some(u64::from(*first));
    }
    long_varint(rest)
}

fn long_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // The tenth byte has room for one bit.
            return (shift < 63 || byte <= 1).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_of_another_library_are_read(v: u64) {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(v, &mut bytes);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(varint(&mut rest), Some(v));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_end_without_panic(bytes: Vec<u8>) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
        }
    }

    /// All fields by the reader of keys.
    fn by_keys(bytes: &[u8]) -> Result<Vec<(u32, Field<'_>)>, Malformed> {
        let mut reader = Reader::new(bytes);
        let mut all = Vec::new();
        while let Some(key) = reader.key()? {
            let number = u32::try_from(key >> 3).ok();
            match (number, key & 7) {
                (Some(n @ 1..), 0) => all.push((n, Field::Varint(reader.varint()?))),
                (Some(n @ 1..), 1) => all.push((n, Field::Fixed64(reader.fixed64()?))),
                (Some(n @ 1..), 2) => all.push((n, Field::Bytes(reader.bytes()?))),
                (Some(n @ 1..), 5) => all.push((n, Field::Fixed32(reader.fixed32()?))),
                _ => reader.skip(key)?,
            }
        }
        Ok(all)
    }

    proptest! {
        #[test]
        fn key_by_key_is_read_the_same_as_field_by_field(
            bytes in proptest::collection::vec(0_u8..40, 0..40),
        ) {
            let whole: Result<Vec<_>, _> = fields(&bytes).collect();
            prop_assert_eq!(by_keys(&bytes), whole);
            let mut reader = Reader::new(&bytes);
            let skipped = std::iter::from_fn(|| reader.key().transpose().map(|k| reader.skip(k?)));
            let good = fields(&bytes).filter(Result::is_ok).count();
            prop_assert_eq!(skipped.take_while(Result::is_ok).count(), good);
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_malformed() {
        assert_eq!(fields(&[0x0a, 5, 1]).collect::<Vec<_>>(), [Err(Malformed)]);
        assert_eq!(fields(&[0x0b]).collect::<Vec<_>>(), [Err(Malformed)]);
        let overlong = [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2];
        assert_eq!(fields(&overlong).collect::<Vec<_>>(), [Err(Malformed)]);
    }
}
