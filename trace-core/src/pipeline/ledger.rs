//! Where every record is.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::signal::Kept;
use crate::tenant::TenantLedger;

/// The account of the whole pipeline at one moment.
///
/// For the pipeline, `received = delivered + pending + dropped + record_only + sampled_out`, where a span is delivered
/// when it was handed to the destinations. For each destination `received = delivered + held + pending + dropped` holds
/// of what it was handed. What is not sampled is not lost: it does not make a shutdown an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Recorded spans that ended or were refused, and those that processors added.
    pub received: u64,
    /// Spans handed to every destination.
    pub delivered: u64,
    /// Spans that ended and wait for the pipeline's thread, or are held back by a processor.
    pub pending: u64,
    /// Spans that are still open. They are in no other count.
    pub open: u64,
    /// Spans lost before any destination: `buffer_full`, `open_table_full`, `ingest_full`, `after_shutdown`, `quota`,
    /// `invalid` (no ids), `processor` or what else a processor says, `forked`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Attributes, events and other additions to spans for which there was no room. The spans themselves are there.
    pub edits_dropped: u64,
    /// Spans that were recorded for processors only, since their trace is not sampled.
    pub record_only: u64,
    /// Spans of traces that a tail sampler decided against.
    pub sampled_out: u64,
    /// Log records.
    #[serde(skip_serializing_if = "LogLedger::is_unused")]
    pub logs: LogLedger,
    /// Each destination.
    pub destinations: Vec<DestinationLedger>,
    /// Each tenant, if the pipeline knows tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantLedger>,
}

/// The account of log records at one moment: `received = delivered + pending + dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLedger {
    /// Records that were emitted, or taken from others, while there was a destination for logs.
    pub received: u64,
    /// Records handed to every destination.
    pub delivered: u64,
    /// Records that wait for the pipeline's thread.
    pub pending: u64,
    /// Records lost before any destination: `buffer_full`, `after_shutdown`, `processor` or what else a processor says,
    /// `forked`.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl LogLedger {
    /// Records lost for any reason.
    pub fn lost(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Whether the account adds up.
    pub fn adds_up(&self) -> bool {
        self.received == self.delivered + self.pending + self.lost()
    }

    fn is_unused(&self) -> bool {
        self.received == 0
    }
}

/// The account of one destination at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DestinationLedger {
    /// Its name.
    pub name: String,
    /// Spans, data points or log records handed to it, and those of an earlier run that its exporter still held.
    pub received: u64,
    /// Taken by the backend.
    pub delivered: u64,
    /// Held by the exporter, as on disk, until the backend takes them. Not lost: also after the shutdown.
    pub held: u64,
    /// In the queue or under way.
    pub pending: u64,
    /// Of these, in a call of the exporter, or between two attempts.
    pub in_flight: u64,
    /// Lost, by reason: `queue_full`, `rejected`, `permanent_error`, `retries_exhausted`, `panic`, `shutdown`; by an
    /// exporter that holds records also `spill_full` and `spill_corrupt`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Attempts that failed and were repeated.
    pub retries: u64,
    /// Why the last attempt failed; empty again after a success.
    pub last_error: Option<String>,
}

impl Ledger {
    /// Spans and log records lost anywhere. One that two destinations lost counts twice.
    pub fn lost(&self) -> u64 {
        self.dropped.values().sum::<u64>()
            + self.logs.lost()
            + self.destinations.iter().map(DestinationLedger::lost).sum::<u64>()
    }

    /// Whether every account adds up.
    pub fn adds_up(&self) -> bool {
        let known = self.delivered + self.pending + self.record_only + self.sampled_out;
        self.received == known + self.dropped.values().sum::<u64>()
            && self.logs.adds_up()
            && self.destinations.iter().all(|d| d.received == d.delivered + d.held + d.pending + d.lost())
            && self.tenants.iter().all(TenantLedger::adds_up)
    }
}

impl DestinationLedger {
    /// Records lost for any reason.
    pub fn lost(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Adds what the exporter says. To the pipeline, what it holds is delivered.
    pub(super) fn add(&mut self, kept: Kept) {
        self.received += kept.recovered;
        // A batch that the exporter has accepted, but whose answer is not yet here, is still pending.
        let unanswered = kept.accepted.saturating_sub(self.delivered);
        self.pending = self.pending.saturating_sub(unanswered);
        self.delivered = self.delivered.saturating_sub(kept.accepted) + kept.delivered;
        self.held = kept.held;
        if kept.last_error.is_some() {
            self.last_error = kept.last_error;
        }
        for (reason, n) in kept.dropped {
            *self.dropped.entry(reason).or_default() += n;
        }
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
        for (n, why) in [(l.record_only, "recorded only"), (l.sampled_out, "sampled out")] {
            if n > 0 {
                write!(f, ", {n} {why}")?;
            }
        }
        write_dropped(f, &l.dropped)?;
        if l.edits_dropped > 0 {
            write!(f, ", {} additions to spans lost", l.edits_dropped)?;
        }
        if !l.logs.is_unused() {
            write!(f, "\n{} log records", l.logs.received)?;
            write_dropped(f, &l.logs.dropped)?;
        }
        for d in &l.destinations {
            write!(f, "\n  {:<16} {} received, {} delivered", d.name, d.received, d.delivered)?;
            if d.held > 0 {
                write!(f, ", {} kept for later", d.held)?;
            }
            if d.pending > 0 {
                write!(f, ", {} pending", d.pending)?;
            }
            write_dropped(f, &d.dropped)?;
            if let (Some(e), true) = (&d.last_error, d.lost() + d.pending + d.held > 0) {
                write!(f, ": {e}")?;
            }
        }
        for t in l.tenants.iter().filter(|t| t.dropped + t.queue_lost > 0) {
            write!(f, "\n  tenant {:<9} {} received, {} accepted", t.tenant, t.received, t.accepted)?;
            for (n, why) in [(t.dropped, "quota"), (t.queue_lost, "queue_full")] {
                if n > 0 {
                    write!(f, ", {n} lost ({why})")?;
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_exporter_holds_is_neither_delivered_nor_lost() {
        let mut d = DestinationLedger { received: 10, delivered: 8, pending: 2, ..Default::default() };
        d.add(Kept {
            recovered: 5,
            accepted: 6,
            delivered: 4,
            held: 6,
            dropped: BTreeMap::from([("spill_full", 1)]),
            last_error: Some("down".to_owned()),
        });
        assert_eq!((d.received, d.delivered, d.held, d.pending, d.lost()), (15, 6, 6, 2, 1));
        let ledger = Ledger { destinations: vec![d], ..Ledger::default() };
        assert!(ledger.adds_up());
        assert!(
            DeliveryReport { ledger }
                .to_string()
                .ends_with("6 kept for later, 2 pending, 1 lost (spill_full): down")
        );
    }

    #[test]
    fn a_batch_that_is_held_but_not_yet_answered_counts_once() {
        let mut d = DestinationLedger { received: 3, pending: 3, ..Default::default() };
        d.add(Kept { accepted: 3, held: 3, ..Kept::default() });
        assert_eq!((d.pending, d.held, d.delivered), (0, 3, 0));
        assert!(Ledger { destinations: vec![d], ..Ledger::default() }.adds_up());
    }
}
