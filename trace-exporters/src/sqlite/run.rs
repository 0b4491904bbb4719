//! The postings of recent chunks, in memory until there are enough for a segment.

use super::term::Term;

/// When the spans of a chunk began: the first and the last, in microseconds of the hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// Which chunks have which terms, for the chunks of one transaction.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) first_chunk: u32,
    /// Of each chunk, in order of their numbers.
    pub(super) zones: Vec<Zone>,
    pub(super) spans: u64,
    /// In order.
    pub(super) entries: Vec<(Term, u32)>,
}

impl Run {
    /// A run of consecutive chunks; entries in any order.
    pub(super) fn new(first_chunk: u32, zones: Vec<Zone>, spans: u64, mut entries: Vec<(Term, u32)>) -> Self {
        entries.sort_unstable();
        Self { first_chunk, zones, spans, entries }
    }

    /// The chunks with a term, in order.
    pub(super) fn chunks(&self, term: Term) -> Vec<u32> {
        let from = self.entries.partition_point(|e| e.0 < term);
        self.entries.get(from..).unwrap_or(&[]).iter().take_while(|e| e.0 == term).map(|e| e.1).collect()
    }

    /// When the latest span began.
    pub(super) fn last(&self) -> u32 {
        self.zones.iter().map(|z| z.last).max().unwrap_or(0)
    }
}
