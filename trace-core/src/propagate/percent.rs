//! Percent-encoding of baggage values (RFC 3986, section 2.1).

use std::borrow::Cow;

/// Whether a byte may stand in a baggage value as it is: `baggage-octet` of W3C Baggage, section 3.3.1.
pub(super) fn is_baggage_octet(b: u8) -> bool {
    matches!(b, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// `=` and `+` could stay, but some readers cut a value at the one (`opentelemetry_sdk` 0.33), or take the other for a
/// blank (OpenTelemetry for Python 1.45).
fn stays(b: u8) -> bool {
    is_baggage_octet(b) && !matches!(b, b'%' | b'=' | b'+')
}

/// How long [`encode`] will be.
pub(super) fn encoded_len(text: &str) -> usize {
    text.bytes().map(|b| if stays(b) { 1 } else { 3 }).sum()
}

/// Encodes what may not stand as it is.
pub(super) fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for b in text.bytes() {
        if stays(b) {
            out.push(char::from(b));
        } else {
            let digit = |n: u8| char::from(DIGITS[usize::from(n)]);
            out.extend(['%', digit(b >> 4), digit(b & 15)]);
        }
    }
}

/// Decodes. A `%` without two hex digits stays; bytes that are not UTF-8 become U+FFFD, as W3C Baggage asks.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match (bytes[i], digit(i + 1), digit(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                i += 3;
            }
            (b, ..) => {
                out.push(b);
                i += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}
