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

#[inline]
fn field<'a>(rest: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let key = varint(rest)?;
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

    #[test]
    fn a_length_beyond_the_end_is_malformed() {
        assert_eq!(fields(&[0x0a, 5, 1]).collect::<Vec<_>>(), [Err(Malformed)]);
        assert_eq!(fields(&[0x0b]).collect::<Vec<_>>(), [Err(Malformed)]);
        let overlong = [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2];
        assert_eq!(fields(&overlong).collect::<Vec<_>>(), [Err(Malformed)]);
    }
}
