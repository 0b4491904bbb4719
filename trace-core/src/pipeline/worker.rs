//! The pipeline's own thread: takes spans, runs processors, fans out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use super::SpanSource;
use super::destination::Destination;
use super::ledger::Forwarded;
use crate::batch::{SpanBatch, SpanBatchMut};
use crate::record::{Drain, suppress};
use crate::signal::SpanProcessor;

/// What the thread is asked to do.
pub(super) enum Command {
    /// Take everything that has ended and hand it over, then answer.
    Drain(Sender<()>),
    /// The same, and end.
    Stop(Sender<()>),
    /// Take from this one, too.
    Source(Arc<dyn SpanSource>),
}

pub(super) struct PipelineWorker {
    pub(super) drain: Drain,
    pub(super) sources: Vec<Arc<dyn SpanSource>>,
    pub(super) processors: Vec<Arc<dyn SpanProcessor>>,
    pub(super) destinations: Vec<Arc<Destination<SpanBatch>>>,
    pub(super) forwarded: Arc<Forwarded>,
    pub(super) interval: Duration,
}

impl PipelineWorker {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        suppress();
        self.drain.attach_thread();
        loop {
            // A filling chunk unparks the thread, a command too; a spurious wake-up costs one empty pass.
            let command = match commands.try_recv() {
                Ok(c) => Some(c),
                Err(TryRecvError::Disconnected) => return self.pass(),
                Err(TryRecvError::Empty) => {
                    std::thread::park_timeout(self.interval);
                    match commands.recv_timeout(Duration::ZERO) {
                        Ok(c) => Some(c),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return self.pass(),
                    }
                }
            };
            self.pass();
            match command {
                None => {}
                Some(Command::Drain(done)) => {
                    // What was recorded by threads in teardown may need a second pass to be joined.
                    self.pass();
                    let _ = done.send(());
                }
                Some(Command::Stop(done)) => {
                    self.pass();
                    let _ = done.send(());
                    return;
                }
                Some(Command::Source(source)) => self.sources.push(source),
            }
        }
    }

    fn pass(&mut self) {
        let batch = self.drain.drain();
        self.forward(batch);
        for i in 0..self.sources.len() {
            // A source may be the user's code.
            match catch_unwind(AssertUnwindSafe(|| self.sources[i].take())) {
                Ok(batch) => self.forward(batch),
                Err(_) => drop(self.forwarded.processor_panics.fetch_add(1, Ordering::Relaxed)),
            }
        }
    }

    fn forward(&self, mut batch: SpanBatchMut) {
        if batch.is_empty() {
            return;
        }
        for p in &self.processors {
            let before = batch.len();
            if catch_unwind(AssertUnwindSafe(|| p.process(&mut batch))).is_err() {
                self.forwarded.processor_panics.fetch_add(1, Ordering::Relaxed);
            }
            let (removed, added) = (before.saturating_sub(batch.len()), batch.len().saturating_sub(before));
            self.forwarded.removed.fetch_add(removed as u64, Ordering::AcqRel);
            self.forwarded.added.fetch_add(added as u64, Ordering::AcqRel);
        }
        let batch = batch.seal();
        for d in &self.destinations {
            if !batch.is_empty() {
                d.offer(batch.clone());
            }
        }
        self.forwarded.spans.fetch_add(batch.len() as u64, Ordering::AcqRel);
    }
}
