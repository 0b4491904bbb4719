//! What a source has read.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a source has read since it was made. Monotonic, and exact when the source stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaSourceStats {
    /// Records whose spans the pipeline holds, or that had none.
    pub records: u64,
    /// Spans handed to the pipeline.
    pub spans: u64,
    /// Spans that could not be kept, such as those with an id of zeros.
    pub rejected_spans: u64,
    /// Records that are no `TracesData`; they are passed over.
    pub malformed_records: u64,
    /// Attempts after which a record was read again because the pipeline was full.
    pub refused: u64,
    /// Requests that failed and were made again.
    pub failures: u64,
    /// Times that what was noted had left the log, and the partition was begun anew.
    pub lost_places: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) records: AtomicU64,
    pub(super) spans: AtomicU64,
    pub(super) rejected_spans: AtomicU64,
    pub(super) malformed_records: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) lost_places: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> KafkaSourceStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        KafkaSourceStats {
            records: get(&self.records),
            spans: get(&self.spans),
            rejected_spans: get(&self.rejected_spans),
            malformed_records: get(&self.malformed_records),
            refused: get(&self.refused),
            failures: get(&self.failures),
            lost_places: get(&self.lost_places),
        }
    }
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
