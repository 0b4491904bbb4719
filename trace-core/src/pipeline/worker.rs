//! The pipeline's own thread: takes spans, runs processors, fans out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use super::SpanSource;
use super::account::Forwarded;
use super::destination::Destination;
use super::ingest_queue::IngestQueue;
use super::inside::PipelineId;
use super::log_worker::LogWorker;
use super::outlet::Outlet;
use super::queue::FlushDone;
use crate::batch::{SpanBatch, SpanBatchMut};
use crate::model::TenantId;
use crate::record::Drain;
use crate::signal::{Holdings, SpanProcessor};
use crate::tenant::{Slot, Tenancy};

/// What the thread is asked to do.
pub(super) enum Command {
    /// Take everything that has ended and hand it over, let destinations flush, and answer. They answer for themselves:
    /// whoever waits is woken once.
    Flush(Sender<()>, Vec<(Arc<dyn Outlet>, FlushDone)>),
    /// The same, and end.
    Stop(Sender<()>),
    /// Take from this one, too.
    Source(Arc<dyn SpanSource>),
}

pub(super) struct PipelineWorker {
    pub(super) pipeline: PipelineId,
    pub(super) drain: Drain,
    pub(super) sources: Vec<Arc<dyn SpanSource>>,
    pub(super) ingest: Arc<IngestQueue>,
    pub(super) tenancy: Option<Arc<Tenancy>>,
    pub(super) processors: Vec<Arc<dyn SpanProcessor>>,
    pub(super) destinations: Vec<Arc<Destination<SpanBatch>>>,
    pub(super) forwarded: Arc<Forwarded>,
    pub(super) logs: LogWorker,
    pub(super) interval: Duration,
}

impl PipelineWorker {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        self.pipeline.join();
        self.drain.attach_thread();
        self.ingest.attach_thread();
        self.logs.intake.attach_thread();
        loop {
            // A filling chunk unparks the thread, a command too; a spurious wake-up costs one empty pass.
            let command = match commands.try_recv() {
                Ok(c) => Some(c),
                Err(TryRecvError::Disconnected) => return self.last_pass(),
                Err(TryRecvError::Empty) => {
                    std::thread::park_timeout(self.interval);
                    match commands.recv_timeout(Duration::ZERO) {
                        Ok(c) => Some(c),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return self.last_pass(),
                    }
                }
            };
            self.pass(false);
            match command {
                None => {}
                Some(Command::Flush(done, destinations)) => {
                    // What was recorded by threads in teardown may need a second pass to be joined.
                    self.release();
                    destinations.into_iter().for_each(|(d, flushed)| d.flush(flushed));
                    let _ = done.send(());
                }
                Some(Command::Stop(done)) => {
                    self.last_pass();
                    let _ = done.send(());
                    return;
                }
                Some(Command::Source(source)) => self.sources.push(source),
            }
        }
    }

    /// Passes in which processors also give what they hold back, until there is no more.
    fn release(&mut self) {
        self.pass(true);
        for _ in 0..MOST_RELEASES {
            if !self.holds_back() {
                return;
            }
            self.pass(true);
        }
    }

    fn last_pass(&mut self) {
        // Nothing can be handed in from now on, so this pass takes everything.
        self.ingest.close();
        self.logs.intake.close();
        self.release();
    }

    fn holds_back(&self) -> bool {
        self.processors.iter().any(|p| holdings(&**p).held > 0)
    }

    fn pass(&mut self, release: bool) {
        let recorded = self.drain.drain();
        self.forward(recorded, None, release);
        for (batch, tenant) in self.ingest.take() {
            self.forward(batch, tenant.as_ref(), release);
        }
        for i in 0..self.sources.len() {
            // A source may be the user's code.
            match catch_unwind(AssertUnwindSafe(|| self.sources[i].take())) {
                Ok(batch) => self.forward(batch, None, release),
                Err(_) => drop(self.forwarded.processor_panics.fetch_add(1, Ordering::Relaxed)),
            }
        }
        let panics = self.logs.pass(&self.processors);
        self.forwarded.processor_panics.fetch_add(panics, Ordering::Relaxed);
    }

    fn forward(&self, mut batch: SpanBatchMut, proved: Option<&TenantId>, release: bool) {
        if batch.is_empty() && !self.holds_back() {
            return;
        }
        if let Some(tenancy) = &self.tenancy {
            let over = tenancy.admit(&mut batch, proved);
            self.forwarded.remove(over, "quota");
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
            self.forwarded.settle((held, before), (holdings(&**p), batch.len() as u64), || {
                catch_unwind(AssertUnwindSafe(|| p.drop_reason())).unwrap_or("processor")
            });
        }
        let all = batch.len() as u64;
        let unsampled = batch.iter().filter(|s| !s.is_sampled()).count() as u64;
        let wanted = unsampled > 0 && self.destinations.iter().any(|d| d.wants_unsampled());
        if wanted {
            self.fan_out(batch.clone(), |d| d.wants_unsampled());
        }
        // Recorded for processors alone, unless a destination wants them.
        if unsampled > 0 {
            batch.retain(|s| s.is_sampled());
        }
        self.fan_out(batch, |d| !(wanted && d.wants_unsampled()));
        // Each span is counted once, wherever it went.
        let record_only = if wanted { 0 } else { unsampled };
        self.forwarded.record_only.fetch_add(record_only, Ordering::AcqRel);
        self.forwarded.spans.fetch_add(all - record_only, Ordering::AcqRel);
    }

    fn fan_out(&self, mut batch: SpanBatchMut, goes_to: impl Fn(&Destination<SpanBatch>) -> bool) {
        // Destinations share their queues among tenants, so each tenant's spans go there apart.
        let parts: Vec<(Slot, std::ops::Range<usize>)> = match &self.tenancy {
            Some(tenancy) => {
                let slots = tenancy.written_slots(&batch);
                batch.partition(&slots)
            }
            None => vec![(0, 0..batch.len())],
        };
        let batch = batch.seal();
        let lost = |tenant, n| {
            if let Some(tenancy) = &self.tenancy {
                tenancy.lost_in_queue(tenant, n);
            }
        };
        for d in self.destinations.iter().filter(|d| goes_to(d)) {
            for (tenant, range) in parts.iter().filter(|(_, range)| !range.is_empty()) {
                d.offer(batch.slice(range.clone()), *tenant, lost);
            }
        }
    }
}

/// The most batches that processors may need to give all they hold.
const MOST_RELEASES: usize = 1000;

/// What a step holds; one that panics holds nothing.
fn holdings(p: &dyn SpanProcessor) -> Holdings {
    catch_unwind(AssertUnwindSafe(|| p.holdings())).unwrap_or_default()
}
