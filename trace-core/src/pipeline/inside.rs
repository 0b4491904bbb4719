//! Whether a thread belongs to a pipeline.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static INSIDE: Cell<u64> = const { Cell::new(0) };
}

/// The identity of a pipeline within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PipelineId(u64);

impl PipelineId {
    pub(super) fn next() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes the calling thread one of this pipeline: it records no spans, and must not wait for the pipeline.
    pub(super) fn join(self) {
        crate::record::suppress();
        INSIDE.with(|i| i.set(self.0));
    }

    /// Whether the calling thread is one of this pipeline.
    pub(super) fn is_here(self) -> bool {
        INSIDE.try_with(|i| i.get() == self.0).unwrap_or(false)
    }
}
