//! Cells take their turn, and their news becomes a notification.

use std::cmp::Reverse;

use trace_core::model::{Alert, AlertStatus, Fingerprint, Severity, Timestamp};
use trace_core::signal::Notification;

use super::cell::{CellId, Phase, Sent};
use super::core::{Engine, Timer};
use super::event::Effect;

/// Alerts in one notification at most; more news follows in the next one.
const MAX_ALERTS: usize = 100;

impl Engine {
    /// Notes whether a channel is owed news of an alert.
    pub(super) fn refresh(&mut self, fingerprint: Fingerprint, channel: usize, now: Timestamp) {
        let Some(entry) = self.table.get(&fingerprint) else { return };
        let Some(destination) = entry.destinations.iter().find(|d| d.channel == channel) else { return };
        let (owes, severity, id) = (entry.owes(destination), entry.record.alert.severity, destination.cell);
        let Some(cell) = self.cells.get_mut(&id) else { return };
        if owes {
            cell.news.insert(fingerprint);
            self.poke(id, severity, now);
        } else if cell.news.remove(&fingerprint) && cell.news.is_empty() {
            self.withdraw(id);
        }
    }

    /// Gives a cell with news its time.
    pub(super) fn poke(&mut self, id: CellId, severity: Severity, now: Timestamp) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        let due = cell.due(severity, now);
        match &mut cell.phase {
            Phase::Idle => {
                cell.phase = Phase::Waiting(due);
                let channel = cell.channel;
                self.set_timer(id, Some(due));
                self.counts.opened += 1;
                self.outboxes[channel].open.insert(id);
                self.spill(channel, now);
            }
            Phase::Waiting(at) => {
                // A back-off is cut short only for something worse than what was tried.
                let tried = cell.message.iter().flat_map(|(sent, _)| sent).map(|s| s.severity).max();
                if due < *at && tried.is_none_or(|tried| severity > tried) {
                    *at = due;
                    self.set_timer(id, Some(due));
                }
            }
            Phase::Ready(turn) => {
                let old = *turn;
                let new = (Reverse(severity).min(old.0), old.1, old.2);
                *turn = new;
                let ready = &mut self.outboxes[cell.channel].ready;
                ready.remove(&old);
                ready.insert(new);
            }
            Phase::InFlight(_) => {}
        }
    }

    /// The cell's time has come.
    pub(super) fn ring(&mut self, id: CellId, now: Timestamp) {
        let Some(cell) = self.cells.get_mut(&id) else { return };
        cell.timer = None;
        match cell.phase {
            Phase::Idle => self.discard_if_empty(id, now),
            Phase::Waiting(due) if due <= now => {
                let severities = cell.news.iter().filter_map(|f| self.table.get(f));
                let worst = severities.map(|e| e.record.alert.severity).max().unwrap_or(Severity::Info);
                let turn = (Reverse(worst), due, id);
                cell.phase = Phase::Ready(turn);
                self.outboxes[cell.channel].ready.insert(turn);
            }
            _ => {}
        }
    }

    /// Gives a free channel the next notification.
    pub(super) fn pump(&mut self, channel: usize, now: Timestamp) {
        let outbox = &mut self.outboxes[channel];
        if outbox.in_flight.is_some() || outbox.ready.is_empty() {
            return;
        }
        if outbox.not_before > now {
            self.timers.insert((outbox.not_before, Timer::Channel(channel)));
            return;
        }
        let Some((_, _, id)) = outbox.ready.pop_first() else { return };
        let ticket = self.next_number();
        let Some(notification) = self.compose(id, now) else { return };
        let outbox = &mut self.outboxes[channel];
        outbox.in_flight = Some((ticket, id));
        outbox.attempts += 1;
        self.effects.push(Effect::Send { channel, ticket, notification: Box::new(notification) });
    }

    fn compose(&mut self, id: CellId, now: Timestamp) -> Option<Notification> {
        let cell = self.cells.get_mut(&id)?;
        let firing = |f: &Fingerprint| self.table.get(f).is_some_and(super::entry::Entry::is_firing);
        let status =
            if cell.members.iter().any(firing) { AlertStatus::Firing } else { AlertStatus::Resolved };
        let context = cell.members.iter().filter(|f| !cell.news.contains(f) && firing(f));
        let chosen: Vec<Fingerprint> = cell.news.iter().chain(context).take(MAX_ALERTS).copied().collect();
        let mut sent = Vec::with_capacity(chosen.len());
        let mut alerts: Vec<Alert> = Vec::with_capacity(chosen.len());
        for fingerprint in chosen {
            let Some(entry) = self.table.get_mut(&fingerprint) else { continue };
            sent.push(Sent {
                fingerprint,
                generation: entry.generation,
                firing: entry.is_firing(),
                severity: entry.record.alert.severity,
            });
            alerts.push(entry.record.alert.clone());
            if let Some(destination) = entry.destination(cell.channel) {
                destination.in_flight = true;
            }
        }
        alerts.sort_by_key(|a| (a.status == AlertStatus::Resolved, Reverse(a.severity), a.raised_at, a.id));
        let key = match cell.message.take() {
            Some((before, key)) if before == sent => key,
            _ => self.random.id(),
        };
        cell.message = Some((sent.clone(), key.clone()));
        cell.since.get_or_insert(now);
        cell.phase = Phase::InFlight(sent);
        Some(Notification {
            idempotency_key: key,
            group_key: cell.group.key.clone(),
            group_labels: cell.group.labels.clone(),
            status,
            severity: alerts.iter().map(|a| a.severity).max().unwrap_or(Severity::Info),
            alerts,
        })
    }
}
