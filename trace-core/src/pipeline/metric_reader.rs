//! Collects metrics at an interval and hands them to metric destinations.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::destination::Destination;
use super::inside::PipelineId;
use crate::metric::BoundHistogram;
use crate::model::MetricBatch;
use crate::tenant::Tenancy;

/// Makes one collection.
pub(super) type Collect = Arc<dyn Fn() -> MetricBatch + Send + Sync>;

/// What the reader is asked to do.
pub(super) enum ReaderCommand {
    /// Collect now, then answer.
    Collect(Sender<()>),
    /// The same, and end.
    Stop(Sender<()>),
}

/// One way to collect, and who gets it.
pub(super) struct Collection {
    pub(super) collect: Collect,
    pub(super) destinations: Vec<Arc<Destination<MetricBatch>>>,
}

pub(super) struct MetricReader {
    pub(super) collections: Vec<Collection>,
    pub(super) interval: Duration,
    pub(super) pipeline: PipelineId,
    pub(super) tenancy: Option<Arc<Tenancy>>,
    /// `otel.sdk.metric_reader.collection.duration`.
    pub(super) duration: Arc<OnceLock<BoundHistogram>>,
}

impl MetricReader {
    pub(super) fn run(&self, commands: &Receiver<ReaderCommand>) {
        self.pipeline.join();
        loop {
            let command = match commands.recv_timeout(self.interval) {
                Ok(c) => Some(c),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.collections.iter().for_each(|c| self.collect(c));
            match command {
                None => {}
                Some(ReaderCommand::Collect(done)) => {
                    let _ = done.send(());
                }
                Some(ReaderCommand::Stop(done)) => {
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    fn collect(&self, collection: &Collection) {
        let began = Instant::now();
        // A callback of an observable instrument is the user's code.
        let Ok(mut batch) = catch_unwind(AssertUnwindSafe(|| (collection.collect)())) else { return };
        if let Some(histogram) = self.duration.get() {
            histogram.record(began.elapsed().as_secs_f64());
        }
        if let Some(tenancy) = &self.tenancy {
            tenancy.admit_points(&mut batch);
        }
        if batch.point_count() > 0 {
            collection.destinations.iter().for_each(|d| d.offer(batch.clone(), 0, |_, _| {}));
        }
    }
}
