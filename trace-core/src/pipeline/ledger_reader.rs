//! Reads the accounts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use super::account::{Account, Forwarded};
use super::ledger::Ledger;
use super::log_worker::LogCounts;
use super::{SourceCounts, SpanSource};
use crate::log::LogIntake;
use crate::record::{Recorder, RecorderCounts};
use crate::tenant::Tenancy;

/// Reads the accounts at any time. Cheap to clone.
#[derive(Clone)]
pub struct LedgerReader {
    pub(super) recorder: Recorder,
    pub(super) sources: Arc<Mutex<Vec<Arc<dyn SpanSource>>>>,
    pub(super) forwarded: Arc<Forwarded>,
    pub(super) logs: Arc<LogCounts>,
    pub(super) log_intake: Arc<LogIntake>,
    pub(super) accounts: Vec<Arc<Account>>,
    pub(super) tenancy: Option<Arc<Tenancy>>,
    /// Nothing is recorded by intention, so nothing is missing.
    pub(super) disabled: bool,
    /// Whether spans are recorded; if not, those that were started are not missing.
    pub(super) recording: bool,
}

impl LedgerReader {
    /// The accounts now.
    ///
    /// In a process that was forked from the pipeline's, `received` and `dropped` have one entry, `forked`: what was
    /// recorded here, and what had been recorded but not taken at the fork, which the other process delivers.
    pub fn read(&self) -> Ledger {
        if self.disabled {
            return Ledger::default();
        }
        if self.recorder.forked_from().is_some() {
            return self.read_forked();
        }
        // Read from the end to the start: a span that moves on meanwhile is then counted as pending, never twice.
        let tenants = self.tenancy.as_ref().map(|t| t.ledger()).unwrap_or_default();
        let destinations = self.accounts.iter().map(|a| a.snapshot()).collect();
        let f = &self.forwarded;
        let logs = self.logs.ledger(&self.log_intake, f.is_stopped());
        let delivered = f.spans.load(Ordering::Acquire);
        let mut dropped = f.removed();
        let sampled_out = f.sampled_out.load(Ordering::Acquire);
        let record_only = f.record_only.load(Ordering::Acquire);
        let added = f.added.load(Ordering::Acquire);
        let (full, late) = (f.ingest_full.load(Ordering::Acquire), f.ingest_late.load(Ordering::Acquire));
        let ingested = f.ingested.load(Ordering::Acquire);
        let mut elsewhere = SourceCounts::default();
        for source in self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            elsewhere += source.counts();
        }
        let c = if self.recording { self.recorder.counts() } else { RecorderCounts::default() };
        let recorded = [
            ("buffer_full", c.buffer_full + elsewhere.buffer_full),
            ("invalid", elsewhere.invalid),
            ("open_table_full", c.open_table_full),
            ("after_shutdown", c.after_shutdown + elsewhere.after_shutdown + late),
            ("ingest_full", full),
        ];
        for (reason, n) in recorded.into_iter().filter(|(_, n)| *n > 0) {
            *dropped.entry(reason).or_default() += n;
        }
        let received = c.ended + c.buffer_full + c.after_shutdown + added + ingested + elsewhere.received;
        let mut pending =
            received.saturating_sub(delivered + record_only + sampled_out + dropped.values().sum::<u64>());
        // Spans that were open at the shutdown and ended after the last look.
        if pending > 0 && f.is_stopped() {
            *dropped.entry("after_shutdown").or_default() += std::mem::take(&mut pending);
        }
        Ledger {
            received,
            delivered,
            pending,
            open: c.started.saturating_sub(c.ended),
            dropped,
            edits_dropped: c.edits_dropped,
            record_only,
            sampled_out,
            logs,
            destinations,
            tenants,
        }
    }

    /// No lock is waited for: whoever held it may not exist here.
    fn read_forked(&self) -> Ledger {
        let c = self.recorder.counts_without_waiting();
        let f = &self.forwarded;
        let ended = c.ended + c.buffer_full + c.after_shutdown + f.ingested.load(Ordering::Acquire);
        let forked = ended.saturating_sub(f.spans.load(Ordering::Acquire));
        Ledger {
            received: forked,
            open: c.started.saturating_sub(c.ended),
            dropped: BTreeMap::from_iter((forked > 0).then_some(("forked", forked))),
            edits_dropped: c.edits_dropped,
            logs: self.logs.ledger_forked(&self.log_intake),
            ..Ledger::default()
        }
    }

    /// How often a processor panicked.
    pub fn processor_panics(&self) -> u64 {
        self.forwarded.processor_panics.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for LedgerReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}
