//! Hex digits of trace headers.

/// The number that at most 32 lower-case digits say; `None` if there are none, more, or others.
pub(super) fn lower(digits: &[u8]) -> Option<u128> {
    number(digits, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The same, in either case.
pub(super) fn any_case(digits: &[u8]) -> Option<u128> {
    number(digits, |b| b.is_ascii_hexdigit())
}

fn number(digits: &[u8], allowed: fn(u8) -> bool) -> Option<u128> {
    if !(1..=32).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |number, b| {
        let digit = char::from(*b).to_digit(16).filter(|_| allowed(*b))?;
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_anything_else_is_not() {
        assert_eq!(lower(b"00ff"), Some(255));
        assert_eq!(any_case(b"Ff"), Some(255));
        assert_eq!(any_case(&[b'f'; 32]), Some(u128::MAX));
        assert_eq!(lower(b"FF"), None);
        for bad in [&b""[..], &[b'0'; 33], b"+1", b"-1", b"0x1", b" 1", b"g", b"\xff"] {
            assert_eq!(any_case(bad), None, "{bad:?}");
        }
    }
}
