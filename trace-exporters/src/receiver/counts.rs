//! What became of requests.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Failure;

/// What became of requests since the receiver was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverCounts {
    /// Requests that were held, wholly or in part.
    pub accepted_requests: u64,
    /// Requests that make no sense, are too large, or ask for what is not here.
    pub bad_requests: u64,
    /// Requests that were told to come back.
    pub busy_requests: u64,
    /// Spans that were held.
    pub spans: u64,
    /// Spans that were left out, such as those without valid ids.
    pub rejected_spans: u64,
    /// Data points that were held.
    pub points: u64,
    /// Data points that were left out.
    pub rejected_points: u64,
    /// Log records that were held.
    pub logs: u64,
    /// Log records that were left out.
    pub rejected_logs: u64,
}

/// The same, live.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    accepted_requests: AtomicU64,
    bad_requests: AtomicU64,
    busy_requests: AtomicU64,
    spans: AtomicU64,
    rejected_spans: AtomicU64,
    points: AtomicU64,
    rejected_points: AtomicU64,
    logs: AtomicU64,
    rejected_logs: AtomicU64,
}

impl Counts {
    pub(crate) fn read(&self) -> ReceiverCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ReceiverCounts {
            accepted_requests: read(&self.accepted_requests),
            bad_requests: read(&self.bad_requests),
            busy_requests: read(&self.busy_requests),
            spans: read(&self.spans),
            rejected_spans: read(&self.rejected_spans),
            points: read(&self.points),
            rejected_points: read(&self.rejected_points),
            logs: read(&self.logs),
            rejected_logs: read(&self.rejected_logs),
        }
    }

    pub(crate) fn spans(&self, held: u64, rejected: u64) {
        self.accepted_requests.fetch_add(1, Ordering::Relaxed);
        self.spans.fetch_add(held, Ordering::Relaxed);
        self.rejected_spans.fetch_add(rejected, Ordering::Relaxed);
    }

    pub(crate) fn points(&self, held: u64, rejected: u64) {
        self.accepted_requests.fetch_add(1, Ordering::Relaxed);
        self.points.fetch_add(held, Ordering::Relaxed);
        self.rejected_points.fetch_add(rejected, Ordering::Relaxed);
    }

    pub(crate) fn logs(&self, held: u64, rejected: u64) {
        self.accepted_requests.fetch_add(1, Ordering::Relaxed);
        self.logs.fetch_add(held, Ordering::Relaxed);
        self.rejected_logs.fetch_add(rejected, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, failure: &Failure) {
        let count = if failure.is_overload() { &self.busy_requests } else { &self.bad_requests };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
