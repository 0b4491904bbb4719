//! Which traces an hour may have, in memory: what tells a file that need not be opened.
//!
//! A Bloom filter in blocks of one cache line, with a bit in each of the block's eight words (after Putze, Sanders, Singler:
//! "Cache-, Hash- and Space-Efficient Bloom Filters", 2007). With 16 bits a trace one of a thousand answers is wrong.

use super::term::Term;

const BITS_PER_KEY: usize = 16;

/// Terms that may be there.
#[derive(Debug)]
pub(super) struct Filter {
    blocks: Vec<[u64; 8]>,
}

/// A block's number, and eight times six bits.
fn place(term: Term, blocks: usize) -> (usize, u64) {
    let block = ((term >> 32) * blocks as u64) >> 32;
    (block as usize, term.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16)
}

impl Filter {
    /// A filter of these; one may come several times.
    pub(super) fn new(terms: &[Term]) -> Self {
        let mut blocks = vec![[0_u64; 8]; (terms.len() * BITS_PER_KEY).div_ceil(512).max(1)];
        for term in terms {
            let (block, bits) = place(*term, blocks.len());
            if let Some(words) = blocks.get_mut(block) {
                words.iter_mut().enumerate().for_each(|(i, word)| *word |= 1 << (bits >> (6 * i) & 63));
            }
        }
        Self { blocks }
    }

    /// Whether a term may be there. Never `false` for one that is.
    pub(super) fn may_have(&self, term: Term) -> bool {
        let (block, bits) = place(term, self.blocks.len());
        self.blocks.get(block).is_some_and(|words| {
            words.iter().enumerate().all(|(i, word)| word >> (bits >> (6 * i) & 63) & 1 == 1)
        })
    }

    /// As it lies in a file: the words, little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
    }

    /// `None` if the bytes are no filter.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let (blocks, left) = words.as_chunks::<8>();
        let blocks: Vec<[u64; 8]> = blocks.iter().map(|b| b.map(u64::from_le_bytes)).collect();
        (rest.is_empty() && left.is_empty() && !blocks.is_empty()).then_some(Self { blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use twox_hash::XxHash3_64;

    fn terms(from: u32, count: u32) -> Vec<Term> {
        (from..from + count).map(|n| XxHash3_64::oneshot(&n.to_le_bytes())).collect()
    }

    #[test]
    fn one_of_a_thousand_answers_is_wrong() {
        let filter = Filter::new(&terms(0, 20_000));
        let wrong = terms(20_000, 100_000).into_iter().filter(|t| filter.may_have(*t)).count();
        assert!(wrong < 250, "{wrong} of 100000");
    }

    proptest! {
        #[test]
        fn what_is_there_is_found_also_after_it_was_written(terms: Vec<u64>) {
            let filter = Filter::from_bytes(&Filter::new(&terms).to_bytes()).unwrap();
            prop_assert!(terms.iter().all(|t| filter.may_have(*t)));
        }

        #[test]
        fn any_bytes_end_without_panic(bytes: Vec<u8>, term: u64) {
            let _ = Filter::from_bytes(&bytes).map(|f| f.may_have(term));
        }
    }
}
