//! Collects metrics at an interval and hands them to metric destinations.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::destination::Destination;
use crate::model::MetricBatch;
use crate::record::suppress;

/// Makes one collection.
pub(super) type Collect = Arc<dyn Fn() -> MetricBatch + Send + Sync>;

/// What the reader is asked to do.
pub(super) enum ReaderCommand {
    /// Collect now, then answer.
    Collect(Sender<()>),
    /// The same, and end.
    Stop(Sender<()>),
}

pub(super) struct MetricReader {
    pub(super) collect: Collect,
    pub(super) destinations: Vec<Arc<Destination<MetricBatch>>>,
    pub(super) interval: Duration,
}

impl MetricReader {
    pub(super) fn run(&self, commands: &Receiver<ReaderCommand>) {
        suppress();
        loop {
            let command = match commands.recv_timeout(self.interval) {
                Ok(c) => Some(c),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // A callback of an observable instrument is the user's code.
            if let Ok(batch) = catch_unwind(AssertUnwindSafe(|| (self.collect)()))
                && batch.point_count() > 0
            {
                self.destinations.iter().for_each(|d| d.offer(batch.clone()));
            }
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
}
