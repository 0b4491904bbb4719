//! An attempt ended: what the channel knows now, and what follows.

use std::time::Duration;

use trace_core::model::{AlertStatus, DeliveryOutcome, Fingerprint, Severity, Timestamp};
use trace_core::signal::{Delivered, NotifyError};

use super::cell::{CellId, Phase, Sent};
use super::core::Engine;
use super::entry::{Belief, Told};
use super::event::Effect;
use super::raise::why_not;
use crate::DeadLetter;
use crate::retry::MAX_RETRY_AFTER;

impl Engine {
    pub(super) fn done(
        &mut self,
        channel: usize,
        ticket: u64,
        outcome: Result<Delivered, NotifyError>,
        now: Timestamp,
    ) {
        let Some(outbox) = self.outboxes.get_mut(channel) else { return };
        let Some((_, id)) = outbox.in_flight.take_if(|(open, _)| *open == ticket) else { return };
        outbox.last_error = outcome.as_ref().err().map(ToString::to_string);
        let Some(cell) = self.cells.get_mut(&id) else { return };
        let Phase::InFlight(sent) = std::mem::replace(&mut cell.phase, Phase::Idle) else { return };
        cell.attempts += 1;
        match outcome {
            Ok(_) => self.delivered(channel, id, &sent, now),
            Err(NotifyError::Permanent { message }) => self.give_up(id, Some(&sent), &message, now),
            Err(NotifyError::Transient { message, retry_after }) => {
                self.failed(id, &sent, message, retry_after, now);
            }
            Err(NotifyError::Unknown { message }) => {
                for said in &sent {
                    self.doubt(channel, said);
                }
                self.failed(id, &sent, message, None, now);
            }
            Err(other) => self.failed(id, &sent, other.to_string(), None, now),
        }
    }

    fn delivered(&mut self, channel: usize, id: CellId, sent: &[Sent], now: Timestamp) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        let attempts = cell.attempts;
        self.outboxes[channel].delivered += 1;
        for said in sent {
            let was_news = self.cells.get(&id).is_some_and(|c| c.news.contains(&said.fingerprint));
            self.landed(id, said, now, |entry, n, name| {
                let destination = &mut entry.destinations[n];
                let belief = if said.firing { Belief::Firing } else { Belief::Resolved };
                destination.told =
                    Some(Told { belief, generation: said.generation, severity: said.severity });
                let told_before = matches!(entry.outcome(name), Some(DeliveryOutcome::Delivered { .. }));
                if entry.owes(&entry.destinations[n]) {
                    entry.set_outcome(name, DeliveryOutcome::Pending { attempts: 0, last_error: None });
                } else if was_news || !told_before {
                    entry.set_outcome(name, DeliveryOutcome::Delivered { at: now, attempts });
                }
            });
        }
        self.finish(id, sent, now);
    }

    fn failed(
        &mut self,
        id: CellId,
        sent: &[Sent],
        error: String,
        retry_after: Option<Duration>,
        now: Timestamp,
    ) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        let (channel, attempts) = (cell.channel, cell.attempts);
        cell.last_error = Some(error.clone());
        let age = cell.since.map_or(Duration::ZERO, |since| now.since(since));
        if let Some(wish) = retry_after {
            let outbox = &mut self.outboxes[channel];
            outbox.not_before = outbox.not_before.max(now + wish.min(MAX_RETRY_AFTER));
        }
        let retry = &self.config.retry;
        if attempts >= retry.max_attempts || age >= retry.max_age {
            let error = format!("given up after {attempts} attempts in {} s: {error}", age.as_secs());
            return self.give_up(id, Some(sent), &error, now);
        }
        for said in sent {
            self.landed(id, said, now, |entry, n, name| {
                if entry.owes(&entry.destinations[n]) {
                    let last_error = Some(error.clone());
                    entry.set_outcome(name, DeliveryOutcome::Pending { attempts, last_error });
                } else if matches!(entry.outcome(name), Some(DeliveryOutcome::Pending { .. })) {
                    let reason = why_not(entry, &entry.destinations[n]).to_owned();
                    entry.set_outcome(name, DeliveryOutcome::Suppressed { reason });
                }
            });
        }
        let delay = self.config.retry.delay(attempts, retry_after, &mut self.random);
        let Some(cell) = self.cells.get_mut(&id) else { return };
        cell.phase = Phase::Waiting(now + delay);
        if cell.news.is_empty() {
            self.withdraw(id);
        } else {
            self.set_timer(id, Some(now + delay));
        }
    }

    /// Gives up what was sent, or all news if nothing was.
    pub(super) fn give_up(&mut self, id: CellId, sent: Option<&[Sent]>, error: &str, now: Timestamp) {
        let Some(cell) = self.cells.get(&id) else { return };
        let (channel, attempts, group_key) = (cell.channel, cell.attempts, cell.group.key.clone());
        let waiting: Vec<Sent> = match sent {
            Some(sent) => sent.to_vec(),
            None => cell.news.iter().filter_map(|f| self.as_said(*f)).collect(),
        };
        let news: Vec<Sent> =
            waiting.iter().filter(|s| cell.news.contains(&s.fingerprint)).copied().collect();
        let first = news.first().and_then(|s| self.table.get(&s.fingerprint));
        let letter = DeadLetter {
            at: now,
            channel: self.outboxes[channel].name.clone(),
            group_key,
            status: if news.iter().any(|s| s.firing) { AlertStatus::Firing } else { AlertStatus::Resolved },
            alerts: news.len(),
            message: first.map(|e| e.record.alert.message.clone()).unwrap_or_default(),
            attempts,
            error: error.to_owned(),
        };
        self.outboxes[channel].failed += 1;
        self.bury(letter);
        for said in &waiting {
            let is_news = news.contains(said);
            self.landed(id, said, now, |entry, n, name| {
                if is_news {
                    entry.destinations[n].given_up = said.generation;
                    let error = error.to_owned();
                    entry.set_outcome(name, DeliveryOutcome::Failed { at: now, attempts, error });
                }
                if entry.owes(&entry.destinations[n]) {
                    entry.set_outcome(name, DeliveryOutcome::Pending { attempts: 0, last_error: None });
                }
            });
        }
        self.finish(id, &waiting, now);
    }

    /// Updates one alert after an attempt of the cell `from` that spoke of it: `change` gets the entry, the place
    /// of the destination and the channel's name. The news of `from` follow; its phase is the caller's business.
    fn landed(
        &mut self,
        from: CellId,
        said: &Sent,
        now: Timestamp,
        change: impl FnOnce(&mut super::entry::Entry, usize, &str),
    ) {
        let Some(channel) = self.cells.get(&from).map(|c| c.channel) else { return };
        let Some(entry) = self.table.get_mut(&said.fingerprint) else { return };
        let Some(n) = entry.destinations.iter().position(|d| d.channel == channel) else { return };
        entry.destinations[n].in_flight = false;
        change(entry, n, &self.outboxes[channel].name);
        self.effects.push(Effect::Changed(entry.record.alert.id));
        let (owes, id) = (entry.owes(&entry.destinations[n]), entry.destinations[n].cell);
        match self.cells.get_mut(&id) {
            Some(cell) if id == from && owes => {
                cell.news.insert(said.fingerprint);
            }
            Some(cell) if id == from => {
                cell.news.remove(&said.fingerprint);
            }
            // The alert moved to another group meanwhile.
            _ => self.refresh(said.fingerprint, channel, now),
        }
        self.close_if_over(said.fingerprint);
    }

    /// An attempt without an answer: the channel may believe the old or the new.
    fn doubt(&mut self, channel: usize, said: &Sent) {
        let Some(entry) = self.table.get_mut(&said.fingerprint) else { return };
        let Some(destination) = entry.destination(channel) else { return };
        let belief = if said.firing { Belief::Firing } else { Belief::Resolved };
        if destination.told.is_none_or(|told| told.belief != belief) {
            destination.told = Some(Told { belief: Belief::Unsure, generation: 0, severity: said.severity });
        }
    }

    /// Ends the news of a cell that were told or given up, and begins the next if there are any.
    fn finish(&mut self, id: CellId, sent: &[Sent], now: Timestamp) {
        self.set_timer(id, None);
        let Some(cell) = self.cells.get_mut(&id) else { return };
        cell.start_over();
        cell.phase = Phase::Idle;
        cell.last_sent = Some(now);
        cell.loudest = sent.iter().map(|s| s.severity).max().max(cell.loudest);
        self.outboxes[cell.channel].open.remove(&id);
        let severities = cell.news.iter().filter_map(|f| self.table.get(f));
        match severities.map(|e| e.record.alert.severity).max() {
            Some(worst) => self.poke(id, worst, now),
            None => self.discard_if_empty(id, now),
        }
    }

    /// The news of a cell that waits are no news any more.
    pub(super) fn withdraw(&mut self, id: CellId) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        match cell.phase {
            Phase::Idle | Phase::InFlight(_) => return,
            Phase::Waiting(_) => {}
            Phase::Ready(turn) => {
                self.outboxes[cell.channel].ready.remove(&turn);
            }
        }
        cell.phase = Phase::Idle;
        cell.start_over();
        self.outboxes[cell.channel].open.remove(&id);
        self.counts.withdrawn += 1;
        // An empty cell is kept for its interval; this timer ends it.
        let keep = cell.last_sent.map_or(Timestamp::default(), |t| t + cell.group.interval);
        self.set_timer(id, Some(keep));
    }

    /// Keeps a channel's outbox within its capacity.
    pub(super) fn spill(&mut self, channel: usize, now: Timestamp) {
        let outbox = &self.outboxes[channel];
        if outbox.open.len() <= self.config.outbox_capacity {
            return;
        }
        let candidates = outbox.open.iter().filter_map(|id| {
            let cell = self.cells.get(id)?;
            let mut worst = Severity::Info;
            for fingerprint in &cell.news {
                let entry = self.table.get(fingerprint)?;
                // A resolve is never given up for want of space.
                if !entry.is_firing() {
                    return None;
                }
                worst = worst.max(entry.record.alert.severity);
            }
            (!matches!(cell.phase, Phase::InFlight(_))).then_some((worst, std::cmp::Reverse(*id)))
        });
        let Some((_, std::cmp::Reverse(id))) = candidates.min() else { return };
        if let Some(cell) = self.cells.get_mut(&id) {
            if let Phase::Ready(turn) = cell.phase {
                self.outboxes[channel].ready.remove(&turn);
            }
            cell.phase = Phase::Idle;
        }
        let capacity = self.config.outbox_capacity;
        self.give_up(id, None, &format!("{capacity} notifications wait for this channel: no space"), now);
    }

    fn as_said(&self, fingerprint: Fingerprint) -> Option<Sent> {
        let entry = self.table.get(&fingerprint)?;
        Some(Sent {
            fingerprint,
            generation: entry.generation,
            firing: entry.is_firing(),
            severity: entry.record.alert.severity,
        })
    }

    /// Forgets an alert that is over once everybody who was told of it knows.
    pub(super) fn close_if_over(&mut self, fingerprint: Fingerprint) {
        if self.table.get(&fingerprint).is_some_and(|e| !e.is_firing() && e.is_settled()) {
            self.close(fingerprint);
        }
    }

    /// Moves the record of an alert to those that are over.
    pub(super) fn close(&mut self, fingerprint: Fingerprint) {
        let Some(entry) = self.table.remove(&fingerprint) else { return };
        self.live.remove(&entry.seq);
        self.records.close(entry.seq, entry.record);
        for destination in entry.destinations {
            self.leave(destination.cell, fingerprint);
        }
    }

    /// Takes an alert out of a cell.
    pub(super) fn leave(&mut self, id: CellId, fingerprint: Fingerprint) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        cell.members.remove(&fingerprint);
        if cell.news.remove(&fingerprint) && cell.news.is_empty() {
            self.withdraw(id);
        }
        let Some(cell) = self.cells.get(&id) else { return };
        if cell.phase == Phase::Idle && cell.members.is_empty() && cell.timer.is_none() {
            // Its interval still holds back a group that comes again at once.
            let keep = cell.last_sent.map_or(Timestamp::default(), |t| t + cell.group.interval);
            self.set_timer(id, Some(keep));
        }
    }

    /// Drops a cell without members when its interval is over, or at once when there are too many.
    pub(super) fn discard_if_empty(&mut self, id: CellId, now: Timestamp) {
        let Some(cell) = self.cells.get(&id) else { return };
        if cell.phase != Phase::Idle || !cell.members.is_empty() {
            return;
        }
        let keep = cell.last_sent.map_or(now, |t| t + cell.group.interval);
        if keep > now && self.cells.len() <= self.config.max_alerts {
            return self.set_timer(id, Some(keep));
        }
        self.set_timer(id, None);
        if let Some(cell) = self.cells.remove(&id) {
            self.cell_ids.remove(&(cell.channel, cell.group.key));
        }
    }
}
