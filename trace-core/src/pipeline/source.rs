//! What comes in beside the pipeline's own recorder: spans of another resource, and metrics collected elsewhere.

use std::sync::{Arc, PoisonError};
use std::thread::Thread;

use super::destination::Destination;
use super::handle::Pipeline;
use super::worker::Command;
use crate::batch::SpanBatchMut;
use crate::model::MetricBatch;

/// Finished spans from elsewhere than [`span!`](crate::span) and its like: another library that records, a receiver.
///
/// A source bounds what it holds and counts what it refuses. The pipeline's thread takes from it at every pass; its
/// counts are part of the [`Ledger`](super::Ledger), whose pending spans are those received, not refused and not taken.
pub trait SpanSource: Send + Sync {
    /// The thread to unpark when the source fills up before the next pass. Called once, before anything else.
    fn attach(&self, pipeline: Thread);

    /// Everything that has come since the last call, with its resource. A panic is caught, and costs what the call
    /// would have returned.
    fn take(&self) -> SpanBatchMut;

    /// How many spans there were so far.
    fn counts(&self) -> SourceCounts;

    /// The pipeline is shutting down, and takes once more: what comes from now on is counted as `after_shutdown`.
    fn close(&self);
}

/// How many spans a [`SpanSource`] has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// All that came.
    pub received: u64,
    /// Of these, refused because too much was waiting.
    pub buffer_full: u64,
    /// Of these, refused because they came after the shutdown.
    pub after_shutdown: u64,
    /// Of these, left out because they have no trace id or no span id.
    pub invalid: u64,
}

impl std::ops::AddAssign for SourceCounts {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.buffer_full += other.buffer_full;
        self.after_shutdown += other.after_shutdown;
        self.invalid += other.invalid;
    }
}

impl Pipeline {
    /// Takes spans from this source, too, for as long as the pipeline lives. A source that comes after the shutdown
    /// is closed at once.
    pub fn add_source(&self, source: Arc<dyn SpanSource>) {
        self.with_running(|ledger, running| {
            // Locked until the source has been handed over: a shutdown comes before or after.
            ledger.sources.lock().unwrap_or_else(PoisonError::into_inner).push(source.clone());
            match running {
                Some(r) => {
                    source.attach(r.wake.clone());
                    let _ = r.commands.send(Command::Source(source));
                    r.wake.unpark();
                }
                None => source.close(),
            }
        });
    }

    /// Hands metrics that were collected elsewhere to every metric destination; they are counted there. Never
    /// waits: what a destination's queue has no room for is dropped and counted. After the shutdown nothing is taken.
    pub fn offer_metrics(&self, batch: &MetricBatch) {
        if batch.point_count() > 0 {
            for d in self.metric_destinations() {
                d.offer(batch.clone(), 0, |_, _| {});
            }
        }
    }

    fn metric_destinations(&self) -> Vec<Arc<Destination<MetricBatch>>> {
        let mut all = Vec::new();
        self.with_running(|_, running| all.extend(running.into_iter().flat_map(|r| r.metrics.clone())));
        all
    }
}
