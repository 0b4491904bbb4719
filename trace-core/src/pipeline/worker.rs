//! The pipeline's own thread: takes spans, runs processors, fans out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

use super::account::Forwarded;
use super::destination::Destination;
use super::ingest_queue::IngestQueue;
use super::inside::PipelineId;
use crate::batch::{SpanBatch, SpanBatchMut};
use crate::model::TenantId;
use crate::record::Drain;
use crate::signal::SpanProcessor;
use crate::tenant::{Slot, Tenancy};

/// What the thread is asked to do.
pub(super) enum Command {
    /// Take everything that has ended and hand it over, then answer.
    Drain(Sender<()>),
    /// The same, and end.
    Stop(Sender<()>),
}

pub(super) struct PipelineWorker {
    pub(super) pipeline: PipelineId,
    pub(super) drain: Drain,
    pub(super) ingest: Arc<IngestQueue>,
    pub(super) tenancy: Option<Arc<Tenancy>>,
    pub(super) processors: Vec<Arc<dyn SpanProcessor>>,
    pub(super) destinations: Vec<Arc<Destination<SpanBatch>>>,
    pub(super) forwarded: Arc<Forwarded>,
    pub(super) interval: Duration,
}

impl PipelineWorker {
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        self.pipeline.join();
        self.drain.attach_thread();
        self.ingest.attach_thread();
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
            self.pass();
            match command {
                None => {}
                Some(Command::Drain(done)) => {
                    // What was recorded by threads in teardown may need a second pass to be joined.
                    self.pass();
                    let _ = done.send(());
                }
                Some(Command::Stop(done)) => {
                    self.last_pass();
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    fn last_pass(&mut self) {
        // Nothing can be handed in from now on, so this pass takes everything.
        self.ingest.close();
        self.pass();
    }

    fn pass(&mut self) {
        let recorded = self.drain.drain();
        self.forward(recorded, None);
        for (batch, tenant) in self.ingest.take() {
            self.forward(batch, tenant.as_ref());
        }
    }

    fn forward(&self, mut batch: SpanBatchMut, proved: Option<&TenantId>) {
        if batch.is_empty() {
            return;
        }
        if let Some(tenancy) = &self.tenancy {
            let over = tenancy.admit(&mut batch, proved);
            self.forwarded.remove(over, "quota");
        }
        for p in &self.processors {
            let before = batch.len();
            if catch_unwind(AssertUnwindSafe(|| p.process(&mut batch))).is_err() {
                self.forwarded.processor_panics.fetch_add(1, Ordering::Relaxed);
            }
            let (removed, added) = (before.saturating_sub(batch.len()), batch.len().saturating_sub(before));
            // A reader looks at removals first: it must not see that of a span whose addition it has not seen.
            self.forwarded.added.fetch_add(added as u64, Ordering::AcqRel);
            if removed > 0 {
                let reason = catch_unwind(AssertUnwindSafe(|| p.drop_reason())).unwrap_or("processor");
                self.forwarded.remove(removed as u64, reason);
            }
        }
        self.fan_out(batch);
    }

    fn fan_out(&self, mut batch: SpanBatchMut) {
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
        for d in &self.destinations {
            for (tenant, range) in parts.iter().filter(|(_, range)| !range.is_empty()) {
                d.offer(batch.slice(range.clone()), *tenant, lost);
            }
        }
        self.forwarded.spans.fetch_add(batch.len() as u64, Ordering::AcqRel);
    }
}
