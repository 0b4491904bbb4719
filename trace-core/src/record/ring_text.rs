//! Texts as words of a ring.

use super::ring::{Word, put};

/// Writes a short text at `at`; returns the last word written.
#[inline]
pub(super) fn put_short_text<const N: usize>(record: &[Word; N], at: usize, bytes: &[u8]) -> usize {
    let n = bytes.len() as u32;
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        put(record, at, u64::from_le_bytes(*first) << 8 | u64::from(n));
        put(record, at + 1, u64::from_le_bytes(*last) >> (64 - 8 * (n - 7)));
        return at + 1;
    }
    put(record, at, tail_word(bytes, n) << 8 | u64::from(n));
    at
}

/// Writes bytes behind `at`, eight a word; returns the last word written.
pub(super) fn put_text<const N: usize>(record: &[Word; N], mut at: usize, bytes: &[u8]) -> usize {
    let (whole, rest) = bytes.as_chunks::<8>();
    for chunk in whole {
        at += 1;
        put(record, at, u64::from_le_bytes(*chunk));
    }
    if !rest.is_empty() {
        at += 1;
        put(record, at, tail_word(bytes, rest.len() as u32));
    }
    at
}

/// The last `n` bytes (up to 7, and all if there are fewer than 8) as a word, read in registers: a copy through memory would stall the load that
/// follows it.
#[inline]
pub(super) fn tail_word(bytes: &[u8], n: u32) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last) >> (64 - 8 * n);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (n - 4));
    }
    // Up to three bytes: first, middle, last, some of which are the same one.
    let byte = |i: usize| bytes.get(i).map_or(0, |b| u64::from(*b) << (8 * i));
    byte(0) | byte(bytes.len() / 2) | byte(bytes.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_text_is_its_last_bytes() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for len in 1..text.len() {
            let bytes = &text[..len];
            let n = len % 8;
            if n == 0 {
                continue;
            }
            let mut expected = [0; 8];
            expected[..n].copy_from_slice(&bytes[len - n..]);
            assert_eq!(tail_word(bytes, n as u32).to_le_bytes(), expected, "{len} bytes");
        }
    }
}
