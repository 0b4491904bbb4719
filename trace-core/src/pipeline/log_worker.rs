//! What the pipeline's thread does with log records: takes them, runs processors, fans out.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::destination::Destination;
use super::ledger::LogLedger;
use crate::log::LogIntake;
use crate::model::{LogBatch, LogBatchMut, Resource, TenantId};
use crate::signal::SpanProcessor;
use crate::tenant::{Tenancy, stamp_logs};

/// Live counts of log records behind the intake.
#[derive(Default)]
pub(super) struct LogCounts {
    delivered: AtomicU64,
    /// Records that processors added.
    added: AtomicU64,
    removed: Mutex<BTreeMap<&'static str, u64>>,
}

impl LogCounts {
    /// The account now. Read from the end to the start, so that a record that moves on meanwhile is pending, not twice.
    pub(super) fn ledger(&self, intake: &LogIntake, is_stopped: bool) -> LogLedger {
        let delivered = self.delivered.load(Ordering::Acquire);
        let mut dropped = self.removed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let added = self.added.load(Ordering::Acquire);
        let c = intake.counts();
        for (reason, n) in [("buffer_full", c.full), ("after_shutdown", c.late), ("forked", c.forked)] {
            if n > 0 {
                *dropped.entry(reason).or_default() += n;
            }
        }
        let known = delivered + dropped.values().sum::<u64>();
        let received = known.max(c.received + added);
        let mut pending = received - known;
        // The pipeline's thread was late, and will not come any more.
        if pending > 0 && is_stopped {
            *dropped.entry("after_shutdown").or_default() += std::mem::take(&mut pending);
        }
        LogLedger { received, delivered, pending, dropped }
    }

    /// In a process that was forked from the pipeline's. No lock is waited for.
    pub(super) fn ledger_forked(&self, intake: &LogIntake) -> LogLedger {
        let received = intake.counts_without_waiting().received;
        let forked = received.saturating_sub(self.delivered.load(Ordering::Acquire));
        let dropped = BTreeMap::from_iter((forked > 0).then_some(("forked", forked)));
        LogLedger { received: forked, dropped, ..LogLedger::default() }
    }

    fn remove(&self, n: u64, reason: &'static str) {
        if n > 0 {
            *self.removed.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += n;
        }
    }
}

/// The part of the pipeline's thread that moves log records.
pub(super) struct LogWorker {
    pub(super) intake: Arc<LogIntake>,
    pub(super) resource: Arc<Resource>,
    pub(super) tenancy: Option<Arc<Tenancy>>,
    pub(super) destinations: Vec<Arc<Destination<LogBatch>>>,
    pub(super) counts: Arc<LogCounts>,
}

impl LogWorker {
    /// Forwards everything that waits; says how often a processor panicked.
    pub(super) fn pass(&self, processors: &[Arc<dyn SpanProcessor>]) -> u64 {
        let (own, handed_in) = self.intake.take();
        let own =
            (!own.is_empty()).then(|| (LogBatchMut { resource: self.resource.clone(), records: own }, None));
        own.into_iter().chain(handed_in).map(|(b, tenant)| self.forward(b, tenant.as_ref(), processors)).sum()
    }

    fn forward(
        &self,
        mut batch: LogBatchMut,
        proved: Option<&TenantId>,
        processors: &[Arc<dyn SpanProcessor>],
    ) -> u64 {
        stamp_logs(&mut batch, proved);
        let (mut panics, mut there) = (0, batch.records.len() as u64);
        for p in processors {
            if catch_unwind(AssertUnwindSafe(|| p.process_logs(&mut batch))).is_err() {
                panics += 1;
                // Half processed, which may mean half redacted.
                batch.records.clear();
            }
            let now = batch.records.len() as u64;
            self.counts.added.fetch_add(now.saturating_sub(there), Ordering::AcqRel);
            if now < there {
                let reason = catch_unwind(AssertUnwindSafe(|| p.drop_reason())).unwrap_or("processor");
                self.counts.remove(there - now, reason);
            }
            there = now;
        }
        let resource = batch.resource.clone();
        let parts = match &self.tenancy {
            Some(tenancy) => tenancy.partition_logs(batch),
            None => vec![(0, batch.records)],
        };
        for (tenant, records) in parts.into_iter().filter(|(_, records)| !records.is_empty()) {
            let batch = LogBatch::new(resource.clone(), records);
            self.destinations.iter().for_each(|d| d.offer(batch.clone(), tenant, |_, _| {}));
        }
        self.counts.delivered.fetch_add(there, Ordering::AcqRel);
        panics
    }
}
