//! The engine's state, its one entry point and its queries.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use trace_core::model::{AlertId, AlertRecord, AlertState, Fingerprint, Timestamp};

use super::cell::{Cell, CellId, Phase};
use super::entry::Entry;
use super::event::{Effect, Event};
use super::outbox::Outbox;
use crate::record::Records;
use crate::retry::Random;
use crate::route::RouteTable;
use crate::{AlertConfig, AlertStats, ChannelStats, ConfigError, DeadLetter, RecordFilter, Route};

/// Dead letters kept.
const MAX_DEAD_LETTERS: usize = 1_000;

/// What a time in the engine's list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Cell(CellId),
    Channel(usize),
}

/// Decides what to tell whom and when. See the [module](super).
#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) config: AlertConfig,
    pub(super) routes: RouteTable,
    /// Channels that are configured but off, with the reason.
    pub(super) off: Vec<(String, String)>,
    pub(super) random: Random,
    pub(super) table: HashMap<Fingerprint, Entry>,
    pub(super) live: BTreeMap<u64, Fingerprint>,
    pub(super) records: Records,
    pub(super) cells: HashMap<CellId, Cell>,
    pub(super) cell_ids: HashMap<(usize, String), CellId>,
    pub(super) outboxes: Vec<Outbox>,
    pub(super) timers: BTreeSet<(Timestamp, Timer)>,
    pub(super) dead_letters: VecDeque<DeadLetter>,
    pub(super) counts: AlertStats,
    pub(super) effects: Vec<Effect>,
    /// The last number given to an alert, a cell or a ticket.
    pub(super) number: u64,
}

impl Engine {
    /// An engine for these channels, by name. `off` names channels that are configured but can not be used, with
    /// the reason. `fallback` is the route of alerts that no other route wants.
    ///
    /// # Errors
    /// Unusable settings, two channels of one name, and routes to channels that nobody knows.
    pub fn new(
        config: AlertConfig,
        channels: Vec<String>,
        off: Vec<(String, String)>,
        routes: Vec<Route>,
        fallback: Route,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut names = BTreeSet::new();
        if let Some(twice) = channels.iter().find(|name| !names.insert(*name)) {
            let problem = format!("two channels are called {twice:?}: give each its own name");
            return Err(ConfigError::new("alerting.notifications", problem));
        }
        let dark: Vec<String> = off.iter().map(|(name, _)| name.clone()).collect();
        let seed = config.seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
        Ok(Self {
            routes: RouteTable::new(routes, fallback, &channels, &dark, &config)?,
            outboxes: channels.into_iter().map(|name| Outbox { name, ..Outbox::default() }).collect(),
            off,
            random: Random::new(seed),
            table: HashMap::new(),
            live: BTreeMap::new(),
            records: Records::new(config.records_capacity),
            cells: HashMap::new(),
            cell_ids: HashMap::new(),
            timers: BTreeSet::new(),
            dead_letters: VecDeque::new(),
            counts: AlertStats::default(),
            effects: Vec::new(),
            number: 0,
            config,
        })
    }

    /// Takes an event and everything that is due by `now`, and says what to do. Never panics; a ticket that is
    /// not open is ignored.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        match event {
            Event::Raise(alert) => self.raise(*alert, now),
            Event::Done { channel, ticket, outcome } => self.done(channel, ticket, outcome, now),
            Event::Acknowledge(id) => {
                if self.acknowledge(id) {
                    self.effects.push(Effect::Changed(id));
                }
            }
            Event::Flush => self.flush(now),
            Event::Tick => {}
        }
        while let Some(&(due, timer)) = self.timers.first()
            && due <= now
        {
            self.timers.pop_first();
            if let Timer::Cell(id) = timer {
                self.ring(id, now);
            }
        }
        for channel in 0..self.outboxes.len() {
            self.pump(channel, now);
        }
        if let Some(&(due, _)) = self.timers.first() {
            self.effects.push(Effect::WakeAt(due));
        }
        std::mem::take(&mut self.effects)
    }

    /// Records, the last raised first.
    pub fn records(&self, filter: &RecordFilter) -> Vec<AlertRecord> {
        let live = self.table.values().map(|e| (e.seq, &e.record));
        let mut found: Vec<(u64, &AlertRecord)> =
            live.chain(self.records.iter()).filter(|(_, r)| filter.matches(r)).collect();
        found.sort_unstable_by_key(|(seq, r)| std::cmp::Reverse((r.last_raised_at, *seq)));
        found.truncate(filter.limit);
        found.into_iter().map(|(_, r)| r.clone()).collect()
    }

    /// The record of the alert with this id. An occurrence that was a duplicate finds the record it counts in.
    pub fn record(&self, id: AlertId) -> Option<AlertRecord> {
        let seq = self.records.seq(id)?;
        match self.live.get(&seq) {
            Some(fingerprint) => self.table.get(fingerprint).map(|e| e.record.clone()),
            None => self.records.closed(seq).cloned(),
        }
    }

    /// Notifications waiting or on their way.
    pub fn pending(&self) -> usize {
        self.outboxes.iter().map(|o| o.open.len()).sum()
    }

    /// The notifications given up last, the newest last; at most 1000.
    pub fn dead_letters(&self) -> impl ExactSizeIterator<Item = &DeadLetter> {
        self.dead_letters.iter()
    }

    /// Channels that are configured but off, with the reason.
    pub fn off(&self) -> &[(String, String)] {
        &self.off
    }

    /// Counts; what happens before the engine (`accepted`, `rejected`, `queued`) is zero here.
    pub fn stats(&self) -> AlertStats {
        let channels: Vec<ChannelStats> = self
            .outboxes
            .iter()
            .map(|o| ChannelStats {
                name: o.name.clone(),
                attempts: o.attempts,
                delivered: o.delivered,
                failed: o.failed,
                pending: o.open.len() as u64,
                last_error: o.last_error.clone(),
            })
            .collect();
        AlertStats {
            live: self.table.len() as u64,
            delivered: channels.iter().map(|c| c.delivered).sum(),
            failed: channels.iter().map(|c| c.failed).sum(),
            pending: channels.iter().map(|c| c.pending).sum(),
            channels,
            ..self.counts.clone()
        }
    }

    /// Notes that a person knows of an alert; `true` if that is new. Needs no time and has no other effect, so a
    /// query interface may call it without moving effects.
    pub fn acknowledge(&mut self, id: AlertId) -> bool {
        let Some(seq) = self.records.seq(id) else { return false };
        let record = match self.live.get(&seq).and_then(|fingerprint| self.table.get_mut(fingerprint)) {
            Some(entry) => Some(&mut entry.record),
            None => self.records.closed_mut(seq),
        };
        match record {
            Some(record) if record.state == AlertState::Active => {
                record.state = AlertState::Acknowledged;
                true
            }
            _ => false,
        }
    }

    pub(super) fn bury(&mut self, letter: DeadLetter) {
        self.dead_letters.push_back(letter);
        if self.dead_letters.len() > MAX_DEAD_LETTERS {
            self.dead_letters.pop_front();
        }
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn flush(&mut self, now: Timestamp) {
        let waiting: Vec<CellId> = self
            .cells
            .iter()
            .filter(|(_, c)| matches!(c.phase, Phase::Waiting(_)))
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            if let Some(cell) = self.cells.get_mut(&id) {
                cell.phase = Phase::Waiting(now);
            }
            self.set_timer(id, Some(now));
        }
    }

    /// Gives the cell this timer and no other.
    pub(super) fn set_timer(&mut self, id: CellId, at: Option<Timestamp>) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        if let Some(old) = std::mem::replace(&mut cell.timer, at) {
            self.timers.remove(&(old, Timer::Cell(id)));
        }
        if let Some(at) = at {
            self.timers.insert((at, Timer::Cell(id)));
        }
    }
}
