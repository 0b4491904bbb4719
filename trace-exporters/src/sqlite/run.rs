//! The postings of recent chunks, in memory until there are enough for a segment.

use std::sync::Arc;

use super::chunk::FoundBy;
use super::lengths::Length;
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
    /// How long the spans of each chunk took.
    pub(super) lengths: Vec<Arc<[Length]>>,
    /// In order.
    pub(super) entries: Vec<(Term, u32)>,
    /// The traces among the terms.
    pub(super) traces: Vec<Term>,
}

impl Run {
    /// An empty run that begins with this chunk.
    pub(super) fn new(first_chunk: u32) -> Self {
        let (zones, lengths, entries, traces) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { first_chunk, zones, spans: 0, lengths, entries, traces }
    }

    /// Adds the next chunk; [`Self::sort`] follows the last.
    pub(super) fn push(&mut self, zone: Zone, spans: u64, found_by: &FoundBy) {
        let chunk = self.first_chunk.saturating_add(self.zones.len() as u32);
        self.zones.push(zone);
        self.spans += spans;
        self.lengths.push(found_by.lengths.clone());
        self.entries.extend(found_by.terms.iter().map(|term| (*term, chunk)));
        self.traces.extend(&found_by.traces);
    }

    /// Puts the entries in order.
    pub(super) fn sort(&mut self) {
        self.entries.sort_unstable();
    }

    /// This run and the one that follows it, as one.
    pub(super) fn joined(&self, next: &Self) -> Self {
        let mut entries = [&*self.entries, &*next.entries].concat();
        // Two sorted parts, which this sort finds and merges.
        entries.sort();
        Self {
            first_chunk: self.first_chunk,
            zones: [&*self.zones, &*next.zones].concat(),
            spans: self.spans + next.spans,
            lengths: [&*self.lengths, &*next.lengths].concat(),
            entries,
            traces: [&*self.traces, &*next.traces].concat(),
        }
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
