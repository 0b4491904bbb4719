//! The frames of a segment's bytes, whatever happened to them.

use super::frame::{HEADER, Header, MAGIC};

/// A stretch of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// A whole frame.
    Frame(Header),
    /// A frame whose payload is not what was written.
    Damaged(Header),
    /// Bytes that are no frame, with a header behind them.
    Garbage,
    /// Bytes up to the end that are no whole frame: of one that was being written.
    Torn,
}

/// Walks over bytes from a place where a frame should begin; each stretch comes with where it begins and ends.
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next header is, from here on.
    fn header_from(&self, from: usize) -> Option<usize> {
        let rest = self.bytes.get(from..)?;
        let places = rest.windows(MAGIC.len()).enumerate().filter(|(_, w)| *w == MAGIC);
        places.map(|(at, _)| from + at).find(|at| Header::read(&self.bytes[*at..]).is_some())
    }
}

impl Iterator for Scan<'_> {
    type Item = (usize, usize, Stretch);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let header = Header::read(rest);
        let payload = header.and_then(|h| rest.get(HEADER..HEADER.checked_add(h.length as usize)?));
        let (end, stretch) = match (header, payload) {
            (Some(h), Some(p)) if h.fits(p) => (start + HEADER + p.len(), Stretch::Frame(h)),
            (Some(h), Some(p)) => (start + HEADER + p.len(), Stretch::Damaged(h)),
            _ => match self.header_from(start + 1) {
                Some(end) => (end, Stretch::Garbage),
                None => (self.bytes.len(), Stretch::Torn),
            },
        };
        self.at = end;
        Some((start, end, stretch))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(before: u64, payload: &[u8]) -> Vec<u8> {
        let header = Header::new(1, 1, before, 0, payload).unwrap();
        [&header.to_bytes()[..], payload].concat()
    }

    fn befores(bytes: &[u8]) -> Vec<u64> {
        let frames = Scan::new(bytes, 0).filter_map(|(_, _, s)| match s {
            Stretch::Frame(h) => Some(h.before),
            _ => None,
        });
        frames.collect()
    }

    #[test]
    fn a_torn_tail_and_a_damaged_frame_cost_only_themselves() {
        let mut bytes: Vec<u8> = (0..4).flat_map(|n| frame(n, b"some payload")).collect();
        let len = bytes.len() / 4;
        assert_eq!(befores(&bytes[..len * 4 - 1]), [0, 1, 2]);
        bytes[len + HEADER] ^= 1;
        assert_eq!(befores(&bytes), [0, 2, 3], "a payload");
        bytes[len * 2] ^= 1;
        assert_eq!(befores(&bytes), [0, 3], "a header");
    }

    proptest! {
        #[test]
        fn stretches_cover_any_bytes_once(mut bytes: Vec<u8>, frames in 0..4u64, at: prop::sample::Index, with: u8) {
            for n in 0..frames {
                bytes.extend(frame(n, &bytes.clone()));
            }
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= with;
            }
            let mut end = 0;
            for (from, to, _) in Scan::new(&bytes, 0) {
                prop_assert!(from == end && to > from);
                end = to;
            }
            prop_assert_eq!(end, bytes.len());
        }
    }
}
