//! Where every record is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::{SourceCounts, SpanSource};
use crate::record::Recorder;

/// The account of the whole pipeline at one moment.
///
/// For the pipeline, `received = delivered + pending + dropped`, where a span is delivered when it was handed to
/// the destinations. For each destination the same holds of what it was handed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Sampled spans that ended or were refused, and those that processors added.
    pub received: u64,
    /// Spans handed to every destination.
    pub delivered: u64,
    /// Spans that ended and wait for the pipeline's thread.
    pub pending: u64,
    /// Spans that are still open. They are in no other count.
    pub open: u64,
    /// Spans lost before any destination: `buffer_full`, `open_table_full`, `after_shutdown`, `invalid` (no
    /// ids), `processor`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Each destination.
    pub destinations: Vec<DestinationLedger>,
}

/// The account of one destination at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationLedger {
    /// Its name.
    pub name: String,
    /// Spans or data points handed to it.
    pub received: u64,
    /// Taken by the backend.
    pub delivered: u64,
    /// In the queue or under way.
    pub pending: u64,
    /// Lost, by reason: `queue_full`, `rejected`, `permanent_error`, `retries_exhausted`, `panic`, `shutdown`,
    /// `unconvertible` (metrics from elsewhere).
    pub dropped: BTreeMap<&'static str, u64>,
    /// Attempts that failed and were repeated.
    pub retries: u64,
    /// Why the last attempt failed; empty again after a success.
    pub last_error: Option<String>,
}

impl Ledger {
    /// Spans lost anywhere. A span that two destinations lost counts twice.
    pub fn lost(&self) -> u64 {
        self.dropped.values().sum::<u64>()
            + self.destinations.iter().map(DestinationLedger::lost).sum::<u64>()
    }

    /// Whether every account adds up.
    pub fn adds_up(&self) -> bool {
        self.received == self.delivered + self.pending + self.dropped.values().sum::<u64>()
            && self.destinations.iter().all(|d| d.received == d.delivered + d.pending + d.lost())
    }
}

impl DestinationLedger {
    /// Records lost for any reason.
    pub fn lost(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// What a shutdown or flush left behind: the final [`Ledger`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DeliveryReport {
    /// The accounts.
    pub ledger: Ledger,
}

impl fmt::Display for DeliveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let l = &self.ledger;
        write!(f, "{} spans recorded", l.received)?;
        if l.open > 0 {
            write!(f, ", {} still open", l.open)?;
        }
        write_dropped(f, &l.dropped)?;
        for d in &l.destinations {
            write!(f, "\n  {:<16} {} received, {} delivered", d.name, d.received, d.delivered)?;
            if d.pending > 0 {
                write!(f, ", {} pending", d.pending)?;
            }
            write_dropped(f, &d.dropped)?;
            if let (Some(e), true) = (&d.last_error, d.lost() + d.pending > 0) {
                write!(f, ": {e}")?;
            }
        }
        Ok(())
    }
}

fn write_dropped(f: &mut fmt::Formatter<'_>, dropped: &BTreeMap<&'static str, u64>) -> fmt::Result {
    for (reason, n) in dropped {
        write!(f, ", {n} lost ({reason})")?;
    }
    Ok(())
}

/// Live counts of one destination.
pub(super) struct Account {
    pub(super) name: String,
    state: Mutex<DestinationLedger>,
}

impl Account {
    pub(super) fn new(name: &str) -> Self {
        let state = DestinationLedger { name: name.to_owned(), ..DestinationLedger::default() };
        Self { name: name.to_owned(), state: Mutex::new(state) }
    }

    pub(super) fn snapshot(&self) -> DestinationLedger {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with(&self, f: impl FnOnce(&mut DestinationLedger)) {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn receive(&self, n: u64) {
        self.with(|s| {
            s.received += n;
            s.pending += n;
        });
    }

    pub(super) fn deliver(&self, n: u64) {
        self.with(|s| {
            s.pending = s.pending.saturating_sub(n);
            s.delivered += n;
            s.last_error = None;
        });
    }

    pub(super) fn lose(&self, n: u64, reason: &'static str, error: Option<String>) {
        self.with(|s| {
            s.pending = s.pending.saturating_sub(n);
            if n > 0 {
                *s.dropped.entry(reason).or_default() += n;
            }
            if error.is_some() {
                s.last_error = error;
            }
        });
    }

    pub(super) fn retry(&self, error: String) {
        self.with(|s| {
            s.retries += 1;
            s.last_error = Some(error);
        });
    }
}

/// Counts of the pipeline's own thread.
#[derive(Default)]
pub(super) struct Forwarded {
    pub(super) spans: AtomicU64,
    pub(super) removed: AtomicU64,
    pub(super) added: AtomicU64,
    pub(super) processor_panics: AtomicU64,
    /// Nobody takes spans any more.
    pub(super) stopped: AtomicBool,
}

/// Reads the accounts at any time. Cheap to clone.
#[derive(Clone)]
pub struct LedgerReader {
    pub(super) recorder: Recorder,
    pub(super) sources: Arc<Mutex<Vec<Arc<dyn SpanSource>>>>,
    pub(super) forwarded: Arc<Forwarded>,
    pub(super) accounts: Vec<Arc<Account>>,
}

impl LedgerReader {
    /// The accounts now.
    pub fn read(&self) -> Ledger {
        // Read from the end to the start: a span that moves on meanwhile is then counted as pending, never twice.
        let destinations = self.accounts.iter().map(|a| a.snapshot()).collect();
        let delivered = self.forwarded.spans.load(Ordering::Acquire);
        let removed = self.forwarded.removed.load(Ordering::Acquire);
        let added = self.forwarded.added.load(Ordering::Acquire);
        let c = self.recorder.counts();
        let mut elsewhere = SourceCounts::default();
        for source in self.sources.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            elsewhere += source.counts();
        }
        let mut dropped: BTreeMap<_, _> = [
            ("buffer_full", c.buffer_full + elsewhere.buffer_full),
            ("open_table_full", c.open_table_full),
            ("after_shutdown", c.after_shutdown + elsewhere.after_shutdown),
            ("invalid", elsewhere.invalid),
            ("processor", removed),
        ]
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .collect();
        let received = c.ended + c.buffer_full + c.after_shutdown + added + elsewhere.received;
        let mut pending = received.saturating_sub(delivered + dropped.values().sum::<u64>());
        // Spans that were open at the shutdown and ended after the last look.
        if pending > 0 && self.forwarded.stopped.load(Ordering::Acquire) {
            *dropped.entry("after_shutdown").or_default() += std::mem::take(&mut pending);
        }
        Ledger {
            received,
            delivered,
            pending,
            open: c.started.saturating_sub(c.ended),
            dropped,
            destinations,
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
