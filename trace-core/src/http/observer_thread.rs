//! The thread on which an observer runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::{RequestObservation, RequestObserver};

/// Requests that wait for an observer at most.
const QUEUE: usize = 4096;

/// What became of the requests that observers should have been told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObserverStats {
    /// Calls of an observer that returned.
    pub observed: u64,
    /// Calls of an observer that panicked.
    pub panicked: u64,
    /// Requests for which the queue had no room.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counts {
    observed: AtomicU64,
    panicked: AtomicU64,
    dropped: AtomicU64,
}

/// Hands requests to an observer, in order, without ever waiting for it. The thread ends, after what is queued,
/// when the last clone of this is dropped; nobody waits for that.
#[derive(Clone, Debug)]
pub(super) struct ObserverThread {
    queue: SyncSender<RequestObservation>,
    counts: Arc<Counts>,
}

impl ObserverThread {
    pub(super) fn start(observer: Arc<dyn RequestObserver>) -> std::io::Result<Self> {
        let (queue, requests) = sync_channel::<RequestObservation>(QUEUE);
        let counts = Arc::new(Counts::default());
        let shared = counts.clone();
        std::thread::Builder::new().name("mplp-observe".to_owned()).spawn(move || {
            // What an observer does is not to become a trace itself.
            crate::record::suppress();
            for request in requests {
                let result = catch_unwind(AssertUnwindSafe(|| observer.observe(&request)));
                let count = if result.is_ok() { &shared.observed } else { &shared.panicked };
                count.fetch_add(1, Relaxed);
            }
        })?;
        Ok(Self { queue, counts })
    }

    pub(super) fn offer(&self, request: RequestObservation) {
        if self.queue.try_send(request).is_err() {
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn stats(&self) -> ObserverStats {
        let c = &self.counts;
        ObserverStats {
            observed: c.observed.load(Relaxed),
            panicked: c.panicked.load(Relaxed),
            dropped: c.dropped.load(Relaxed),
        }
    }
}
