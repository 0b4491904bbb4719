//! The pipeline's own thread: takes spans, runs processors, fans out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

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
    #[cfg(feature = "otel-sdk")]
    Source(Box<Drain>),
}

pub(super) struct PipelineWorker {
    pub(super) drains: Vec<Drain>,
    pub(super) processors: Vec<Arc<dyn SpanProcessor>>,
    pub(super) destinations: Vec<Arc<Destination<SpanBatch>>>,
    pub(super) forwarded: Arc<Forwarded>,
    pub(super) interval: Duration,
}

impl PipelineWorker {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        suppress();
        self.drains.iter().for_each(Drain::attach_thread);
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
                #[cfg(feature = "otel-sdk")]
                Some(Command::Source(drain)) => {
                    drain.attach_thread();
                    self.drains.push(*drain);
                }
            }
        }
    }

    fn pass(&mut self) {
        for drain in &mut self.drains {
            let batch = drain.drain();
            if !batch.is_empty() {
                forward(batch, &self.processors, &self.destinations, &self.forwarded);
            }
        }
    }
}

/// Runs the processors and fans out.
fn forward(
    mut batch: SpanBatchMut,
    processors: &[Arc<dyn SpanProcessor>],
    destinations: &[Arc<Destination<SpanBatch>>],
    forwarded: &Forwarded,
) {
    for p in processors {
        let before = batch.len();
        if catch_unwind(AssertUnwindSafe(|| p.process(&mut batch))).is_err() {
            forwarded.processor_panics.fetch_add(1, Ordering::Relaxed);
        }
        let (removed, added) = (before.saturating_sub(batch.len()), batch.len().saturating_sub(before));
        forwarded.removed.fetch_add(removed as u64, Ordering::AcqRel);
        forwarded.added.fetch_add(added as u64, Ordering::AcqRel);
    }
    let batch = batch.seal();
    for d in destinations {
        if !batch.is_empty() {
            d.offer(batch.clone());
        }
    }
    forwarded.spans.fetch_add(batch.len() as u64, Ordering::AcqRel);
}
