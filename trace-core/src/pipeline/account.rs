//! Live counts, from which the ledger is read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::ledger::DestinationLedger;
use super::payload::Signal;
use super::queue::Capacity;
use crate::metric::BoundHistogram;
use crate::signal::{Holdings, Keeper};

/// Live counts of one destination.
pub(super) struct Account {
    pub(super) name: String,
    /// What kind of exporter it is, for metrics about the pipeline.
    pub(super) component: &'static str,
    pub(super) signal: Signal,
    pub(super) capacity: Capacity,
    state: Mutex<DestinationLedger>,
    /// What the exporter holds.
    keeper: Option<Arc<dyn Keeper>>,
    /// How long calls of the exporter take, by outcome.
    pub(super) durations: OnceLock<Durations>,
}

/// `otel.sdk.exporter.operation.duration` of one destination.
pub(super) struct Durations {
    pub(super) good: BoundHistogram,
    pub(super) retryable: BoundHistogram,
    pub(super) permanent: BoundHistogram,
}

impl Account {
    pub(super) fn new(
        name: &str,
        component: &'static str,
        signal: Signal,
        capacity: Capacity,
        keeper: Option<Arc<dyn Keeper>>,
    ) -> Self {
        let state = DestinationLedger { name: name.to_owned(), ..DestinationLedger::default() };
        Self {
            name: name.to_owned(),
            component,
            signal,
            capacity,
            state: Mutex::new(state),
            keeper,
            durations: OnceLock::new(),
        }
    }

    pub(super) fn snapshot(&self) -> DestinationLedger {
        // Before the state: what is accepted after this look counts as delivered for once, not as missing.
        let kept = self.keeper.as_ref().map(|k| k.kept());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept {
            state.add(kept);
        }
        state
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

    /// They were not received after all.
    pub(super) fn take_back(&self, n: u64) {
        self.with(|s| {
            s.received = s.received.saturating_sub(n);
            s.pending = s.pending.saturating_sub(n);
        });
    }

    /// These have left the queue for the exporter.
    pub(super) fn begin(&self, n: u64) {
        self.with(|s| s.in_flight += n);
    }

    /// They have come back, whatever became of them.
    pub(super) fn finish(&self, n: u64) {
        self.with(|s| s.in_flight = s.in_flight.saturating_sub(n));
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

    pub(super) fn took(&self, time: Duration, result: &Result<(), crate::signal::ExportError>) {
        let Some(d) = self.durations.get() else { return };
        let histogram = match result {
            Ok(()) => &d.good,
            Err(e) if e.is_retryable() => &d.retryable,
            Err(_) => &d.permanent,
        };
        histogram.record(time.as_secs_f64());
    }
}

/// Counts of the pipeline's own thread, and of what is handed in.
#[derive(Default)]
pub(super) struct Forwarded {
    pub(super) spans: AtomicU64,
    removed: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) added: AtomicU64,
    pub(super) record_only: AtomicU64,
    pub(super) sampled_out: AtomicU64,
    pub(super) processor_panics: AtomicU64,
    /// Spans that were handed in, before anything was decided.
    pub(super) ingested: AtomicU64,
    /// Of these, the ones for which there was no room.
    pub(super) ingest_full: AtomicU64,
    /// Of these, the ones that came after the shutdown.
    pub(super) ingest_late: AtomicU64,
    /// Nobody takes spans any more.
    pub(super) stopped: AtomicBool,
}

impl Forwarded {
    /// Accounts for what one step did with a batch: what it neither passed on, nor holds, nor decided against, it removed.
    pub(super) fn settle(
        &self,
        (held, before): (Holdings, u64),
        (holds, after): (Holdings, u64),
        reason: impl FnOnce() -> &'static str,
    ) {
        let sampled_out = holds.sampled_out.saturating_sub(held.sampled_out);
        let (known, there) = (after + holds.held + sampled_out, before + held.held);
        // A reader looks at removals first: it must not see that of a span whose addition it has not seen.
        self.added.fetch_add(known.saturating_sub(there), Ordering::AcqRel);
        self.sampled_out.fetch_add(sampled_out, Ordering::AcqRel);
        let removed = there.saturating_sub(known);
        if removed > 0 {
            self.remove(removed, reason());
        }
    }

    pub(super) fn remove(&self, n: u64, reason: &'static str) {
        if n > 0 {
            *self.removed.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += n;
        }
    }

    pub(super) fn removed(&self) -> BTreeMap<&'static str, u64> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}
