//! One group on its way to one channel: its news, its timer and its retry state.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use trace_core::model::{Fingerprint, Severity, Timestamp};

use super::group::Group;

/// Names a cell.
pub(super) type CellId = u64;

/// The order in which a channel takes cells: the most severe first, then the longest due.
pub(super) type Turn = (Reverse<Severity>, Timestamp, CellId);

/// What a notification on its way says of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) fingerprint: Fingerprint,
    pub(super) generation: u64,
    pub(super) firing: bool,
    pub(super) severity: Severity,
}

/// Where a cell is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// No news.
    Idle,
    /// News, and a timer: group wait, group interval or back-off.
    Waiting(Timestamp),
    /// Waits for the channel.
    Ready(Turn),
    /// The channel has it.
    InFlight(Vec<Sent>),
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) channel: usize,
    pub(super) group: Group,
    pub(super) members: BTreeSet<Fingerprint>,
    /// The members that the channel is owed news of.
    pub(super) news: BTreeSet<Fingerprint>,
    pub(super) phase: Phase,
    /// The one timer that the cell has in the engine's list.
    pub(super) timer: Option<Timestamp>,
    /// Failed attempts of the present news.
    pub(super) attempts: u32,
    /// The first attempt of the present news.
    pub(super) since: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    pub(super) last_sent: Option<Timestamp>,
    /// The highest severity that the channel was told of in this group.
    pub(super) loudest: Option<Severity>,
    /// What the last attempt said and under which idempotency key.
    pub(super) message: Option<(Vec<Sent>, String)>,
}

impl Cell {
    pub(super) fn new(channel: usize, group: Group) -> Self {
        Self {
            channel,
            group,
            members: BTreeSet::new(),
            news: BTreeSet::new(),
            phase: Phase::Idle,
            timer: None,
            attempts: 0,
            since: None,
            last_error: None,
            last_sent: None,
            loudest: None,
            message: None,
        }
    }

    /// When news of this severity is due: soon for the first and for anything worse than the channel was told of,
    /// else not before the group's interval is over.
    pub(super) fn due(&self, severity: Severity, now: Timestamp) -> Timestamp {
        let soon = now + self.group.wait;
        match (self.loudest, self.last_sent) {
            (Some(loudest), Some(last)) if severity <= loudest => soon.max(last + self.group.interval),
            _ => soon,
        }
    }

    /// Forgets the retry state.
    pub(super) fn start_over(&mut self) {
        self.attempts = 0;
        self.since = None;
        self.last_error = None;
        self.message = None;
    }
}
