//! One alert: what is true of it, and what each channel was told.

use trace_core::model::{
    AlertRecord, AlertState, AlertStatus, Delivery, DeliveryOutcome, Severity, Timestamp,
};

use super::cell::CellId;
use super::dedup::Known;

/// What a channel believes of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    Firing,
    Resolved,
    /// An attempt ended without an answer.
    Unsure,
}

/// The last news that reached a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) belief: Belief,
    pub(super) generation: u64,
    pub(super) severity: Severity,
}

/// One alert on its way to one channel.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) channel: usize,
    pub(super) cell: CellId,
    /// Whether the routes want this channel now. If not, it still gets the resolve of what it was told.
    pub(super) active: bool,
    pub(super) told: Option<Told>,
    /// The generation that was given up; zero is none.
    pub(super) given_up: u64,
    pub(super) in_flight: bool,
}

/// One alert that is firing, or whose end not every channel was told of.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) record: AlertRecord,
    /// Counts what was worth telling: first raise, rise in severity, end of the window, resolve.
    pub(super) generation: u64,
    pub(super) window_start: Timestamp,
    pub(super) destinations: Vec<Destination>,
    /// Order of arrival, and the record's key.
    pub(super) seq: u64,
}

impl Entry {
    pub(super) fn is_firing(&self) -> bool {
        self.record.alert.status == AlertStatus::Firing
    }

    pub(super) fn known(&self) -> Known {
        Known {
            status: self.record.alert.status,
            severity: self.record.alert.severity,
            acknowledged: self.record.state == AlertState::Acknowledged,
            window_start: self.window_start,
        }
    }

    /// Whether the channel must still be told something.
    pub(super) fn owes(&self, to: &Destination) -> bool {
        let settled = to.told.map_or(0, |t| t.generation).max(to.given_up);
        settled < self.generation
            && if self.is_firing() {
                to.active
            } else {
                to.told.is_some_and(|t| t.belief != Belief::Resolved)
            }
    }

    /// Whether nothing is on its way or owed.
    pub(super) fn is_settled(&self) -> bool {
        self.destinations.iter().all(|d| !d.in_flight && !self.owes(d))
    }

    pub(super) fn destination(&mut self, channel: usize) -> Option<&mut Destination> {
        self.destinations.iter_mut().find(|d| d.channel == channel)
    }

    pub(super) fn set_outcome(&mut self, channel: &str, outcome: DeliveryOutcome) {
        match self.record.deliveries.iter_mut().find(|d| d.channel == channel) {
            Some(delivery) => delivery.outcome = outcome,
            None => self.record.deliveries.push(Delivery { channel: channel.to_owned(), outcome }),
        }
    }

    pub(super) fn outcome(&self, channel: &str) -> Option<&DeliveryOutcome> {
        self.record.deliveries.iter().find(|d| d.channel == channel).map(|d| &d.outcome)
    }
}
