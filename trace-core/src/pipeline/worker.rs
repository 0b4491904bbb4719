//! The pipeline's own thread: takes spans, runs processors, fans out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use super::destination::Destination;
use super::ledger::Forwarded;
use crate::batch::SpanBatch;
use crate::record::{Drain, suppress};
use crate::signal::{Holdings, SpanProcessor};

/// What the thread is asked to do.
pub(super) enum Command {
    /// Take everything that has ended and hand it over, then answer.
    Drain(Sender<()>),
    /// The same, and end.
    Stop(Sender<()>),
}

pub(super) struct PipelineWorker {
    pub(super) drain: Drain,
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
                Err(TryRecvError::Disconnected) => return self.release(),
                Err(TryRecvError::Empty) => {
                    std::thread::park_timeout(self.interval);
                    match commands.recv_timeout(Duration::ZERO) {
                        Ok(c) => Some(c),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return self.release(),
                    }
                }
            };
            self.pass(false);
            match command {
                None => {}
                Some(Command::Drain(done)) => {
                    // What was recorded by threads in teardown may need a second pass to be joined.
                    self.release();
                    let _ = done.send(());
                }
                Some(Command::Stop(done)) => {
                    self.release();
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    /// A pass in which processors also give what they hold back, and more while there is more.
    fn release(&mut self) {
        self.pass(true);
        for _ in 0..MOST_RELEASES {
            if !self.holds_back() {
                return;
            }
            self.pass(true);
        }
    }

    fn holds_back(&self) -> bool {
        self.processors.iter().any(|p| holdings(&**p).held > 0)
    }

    fn pass(&mut self, release: bool) {
        let mut batch = self.drain.drain();
        if batch.is_empty() && !self.holds_back() {
            return;
        }
        for p in &self.processors {
            let (held, before) = (holdings(&**p), batch.len() as u64);
            let step = AssertUnwindSafe(|| {
                p.process(&mut batch);
                if release {
                    p.release(&mut batch);
                }
            });
            if catch_unwind(step).is_err() {
                self.forwarded.processor_panics.fetch_add(1, Ordering::Relaxed);
            }
            self.forwarded.settle(held, before, holdings(&**p), batch.len() as u64);
        }
        let unsampled = batch.iter().filter(|s| !s.is_sampled()).count();
        if unsampled == 0 {
            let batch = batch.seal();
            return self.fan_out(|_| batch.clone(), batch.len());
        }
        // Recorded for processors alone, unless a destination wants them.
        let wanted = self.destinations.iter().any(|d| d.wants_unsampled());
        let all = wanted.then(|| batch.clone().seal());
        batch.retain(|s| s.is_sampled());
        let sampled = batch.seal();
        if all.is_none() {
            self.forwarded.record_only.fetch_add(unsampled as u64, Ordering::AcqRel);
        }
        let len = all.as_ref().unwrap_or(&sampled).len();
        let of =
            |d: &Destination<SpanBatch>| all.as_ref().filter(|_| d.wants_unsampled()).unwrap_or(&sampled);
        self.fan_out(|d| of(d).clone(), len);
    }

    fn fan_out(&self, of: impl Fn(&Destination<SpanBatch>) -> SpanBatch, len: usize) {
        for d in &self.destinations {
            let batch = of(d);
            if !batch.is_empty() {
                d.offer(batch);
            }
        }
        self.forwarded.spans.fetch_add(len as u64, Ordering::AcqRel);
    }
}

/// The most batches that processors may need to give all they hold.
const MOST_RELEASES: usize = 1000;

/// What a step holds; one that panics holds nothing.
fn holdings(p: &dyn SpanProcessor) -> Holdings {
    catch_unwind(AssertUnwindSafe(|| p.holdings())).unwrap_or_default()
}
