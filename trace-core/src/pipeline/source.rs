//! What comes in beside the pipeline's own recorder: spans of another resource, and metrics collected elsewhere.

use std::sync::PoisonError;

use super::builder::Pipeline;
use super::worker::Command;
use crate::model::{MetricBatch, Resource};
use crate::record::Recorder;

impl Pipeline {
    /// A further recorder whose spans carry this resource. Its spans are in the same accounts. It lives as long as
    /// the pipeline.
    pub(crate) fn source(&self, resource: Resource) -> Recorder {
        let (recorder, drain) = self.recorder().sibling(resource);
        // Locked until the drain has been handed over: a shutdown comes before or after.
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        self.ledger.sources.lock().unwrap_or_else(PoisonError::into_inner).push(recorder.clone());
        match &*running {
            Some(r) => {
                let _ = r.commands.send(Command::Source(Box::new(drain)));
                r.wake.unpark();
            }
            None => recorder.close(),
        }
        recorder
    }

    /// Hands metrics that were collected elsewhere to every metric destination; they are counted there. Never
    /// waits: what a destination's queue has no room for is dropped and counted.
    pub fn offer_metrics(&self, batch: &MetricBatch) {
        if batch.point_count() > 0 {
            self.metrics.iter().for_each(|d| d.offer(batch.clone()));
        }
    }

    /// Counts data points that came in beside a batch and cannot be handed to anybody.
    pub(crate) fn refuse_metrics(&self, points: u64, why: &str) {
        for account in self.metrics.iter().map(|d| d.account()) {
            account.receive(points);
            account.lose(points, "unconvertible", Some(why.to_owned()));
        }
    }
}
