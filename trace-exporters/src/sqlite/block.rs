//! Postings as they lie in a file: blocks of terms in order, each with the chunks that have it.
//!
//! A block is a sequence of: the term (8 bytes, little-endian), the length of its list in bytes (varint), and the list:
//! varints, each the distance from the chunk before; the first from the number before the first chunk of the segment.

use super::error::FileError;
use super::term::Term;

/// Bytes from which on a block is full. Four fit into a page with their heads.
pub(super) const FULL: usize = 3900;

const DAMAGED: FileError = FileError::Damaged("a block of postings is cut off");

/// Appends a term with its chunks, which are in order and greater than `base`.
pub(super) fn push(block: &mut Vec<u8>, term: Term, base: u32, chunks: &[u32]) {
    block.extend_from_slice(&term.to_le_bytes());
    let mut list = Vec::with_capacity(chunks.len() * 2);
    let mut before = base;
    for chunk in chunks {
        varint(&mut list, chunk.saturating_sub(before));
        before = *chunk;
    }
    varint(block, list.len() as u32);
    block.extend_from_slice(&list);
}

/// The terms of a block and their lists, for [`chunks`].
pub(super) fn terms(mut block: &[u8]) -> impl Iterator<Item = Result<(Term, &[u8]), FileError>> {
    std::iter::from_fn(move || {
        if block.is_empty() {
            return None;
        }
        let entry = entry(&mut block).ok_or(DAMAGED);
        if entry.is_err() {
            block = &[];
        }
        Some(entry)
    })
}

fn entry<'a>(block: &mut &'a [u8]) -> Option<(Term, &'a [u8])> {
    let (term, rest) = block.split_first_chunk::<8>()?;
    *block = rest;
    let length = read_varint(block)? as usize;
    let (list, rest) = block.split_at_checked(length)?;
    *block = rest;
    Some((Term::from_le_bytes(*term), list))
}

/// Appends the chunks of a list.
pub(super) fn chunks(mut list: &[u8], base: u32, out: &mut Vec<u32>) -> Result<(), FileError> {
    let mut chunk = base;
    while !list.is_empty() {
        let distance = read_varint(&mut list).ok_or(DAMAGED)?;
        chunk = chunk.checked_add(distance).ok_or(DAMAGED)?;
        out.push(chunk);
    }
    Ok(())
}

fn varint(out: &mut Vec<u8>, mut n: u32) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if shift == 28 && *byte > 15 {
            return None;
        }
        value |= u32::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn what_is_pushed_is_read(
            postings: BTreeMap<u64, BTreeSet<u32>>, base in 0u32..1000,
        ) {
            let mut block = Vec::new();
            let above = |set: &BTreeSet<u32>| set.iter().copied().filter(|c| *c > base).collect::<Vec<_>>();
            for (term, set) in &postings {
                push(&mut block, *term, base, &above(set));
            }
            let mut read = Vec::new();
            for entry in terms(&block) {
                let (term, list) = entry.unwrap();
                let mut found = Vec::new();
                chunks(list, base, &mut found).unwrap();
                read.push((term, found));
            }
            prop_assert_eq!(read, postings.iter().map(|(t, s)| (*t, above(s))).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_end_without_panic(bytes: Vec<u8>) {
            let mut out = Vec::new();
            for (_, list) in terms(&bytes).flatten() {
                let _ = chunks(list, 7, &mut out);
            }
            prop_assert!(out.len() <= bytes.len());
        }
    }
}
