//! A raised alert becomes an entry, or changes one.

use trace_core::model::{
    Alert, AlertRecord, AlertState, AlertStatus, Delivery, DeliveryOutcome, Fingerprint, Timestamp,
};

use super::cell::{Cell, CellId};
use super::core::Engine;
use super::dedup::{Judgement, judge};
use super::entry::{Belief, Destination, Entry};
use super::event::Effect;
use super::group::Group;

/// The channel's name in a record that no channel is told of.
const NOBODY: &str = "*";

impl Engine {
    pub(super) fn raise(&mut self, alert: Alert, now: Timestamp) {
        let fingerprint = alert.fingerprint();
        let known = self.table.get(&fingerprint).map(Entry::known);
        match judge(known, alert.status, alert.severity, now, self.config.dedup_window) {
            Judgement::New => self.admit(fingerprint, alert, now),
            Judgement::Stray => self.stray(fingerprint, alert, now),
            judgement => self.update(fingerprint, alert, judgement, now),
        }
    }

    fn admit(&mut self, fingerprint: Fingerprint, alert: Alert, now: Timestamp) {
        let seq = self.next_number();
        let id = alert.id;
        let mut record = AlertRecord {
            alert,
            fingerprint,
            state: AlertState::Active,
            occurrences: 1,
            last_raised_at: now,
            deliveries: Vec::new(),
        };
        self.records.opened(id, seq);
        self.effects.push(Effect::Changed(id));
        if self.table.len() >= self.config.max_alerts {
            self.evict();
        }
        if self.table.len() >= self.config.max_alerts {
            self.counts.overflowed += 1;
            record.state = AlertState::Suppressed;
            record
                .deliveries
                .push(nobody("too many alerts are firing and undelivered: see alerting.maxAlerts"));
            self.records.close(seq, record);
            return;
        }
        let entry = Entry { record, generation: 1, window_start: now, destinations: Vec::new(), seq };
        self.table.insert(fingerprint, entry);
        self.live.insert(seq, fingerprint);
        self.reroute(fingerprint);
        self.announce(fingerprint, now);
    }

    fn update(&mut self, fingerprint: Fingerprint, alert: Alert, judgement: Judgement, now: Timestamp) {
        let Some(entry) = self.table.get_mut(&fingerprint) else { return };
        self.records.repeated(alert.id, entry.seq);
        self.effects.push(Effect::Changed(entry.record.alert.id));
        entry.record.last_raised_at = now;
        entry.record.occurrences = entry.record.occurrences.saturating_add(1);
        merge(&mut entry.record.alert, alert, judgement);
        if judgement == Judgement::Duplicate {
            self.counts.suppressed += 1;
            return;
        }
        entry.generation += 1;
        match judgement {
            Judgement::Resolved => entry.record.state = AlertState::Resolved,
            Judgement::Reopened { in_window: true } => {
                entry.record.state = AlertState::Active;
                let severity = entry.record.alert.severity;
                for destination in &mut entry.destinations {
                    // Who still believes that it fires is right again, and need not be told.
                    if let Some(told) = &mut destination.told
                        && told.belief == Belief::Firing
                        && severity <= told.severity
                    {
                        told.generation = entry.generation;
                    }
                }
            }
            Judgement::Louder => {
                entry.record.state = AlertState::Active;
                entry.window_start = now;
            }
            _ => {
                entry.record.state = AlertState::Active;
                entry.window_start = now;
                entry.record.occurrences = 1;
            }
        }
        if judgement != Judgement::Resolved {
            self.reroute(fingerprint);
        }
        self.announce(fingerprint, now);
        self.close_if_over(fingerprint);
    }

    /// A resolve of something that is not firing: counted, and findable by its id.
    fn stray(&mut self, fingerprint: Fingerprint, alert: Alert, now: Timestamp) {
        self.counts.suppressed += 1;
        let before = self.table.get(&fingerprint).map(|e| e.seq).or_else(|| self.records.latest(fingerprint));
        if let Some(seq) = before {
            self.records.repeated(alert.id, seq);
            return;
        }
        let seq = self.next_number();
        let id = alert.id;
        self.records.opened(id, seq);
        let record = AlertRecord {
            alert,
            fingerprint,
            state: AlertState::Resolved,
            occurrences: 1,
            last_raised_at: now,
            deliveries: vec![nobody(
                "nobody was told that it fires, so nobody needs to know that it is over",
            )],
        };
        self.records.close(seq, record);
        self.effects.push(Effect::Changed(id));
    }

    /// Finds the channels of an alert and puts it into their groups.
    fn reroute(&mut self, fingerprint: Fingerprint) {
        let Some(entry) = self.table.get(&fingerprint) else { return };
        let alert = &entry.record.alert;
        let mut wanted: Vec<(usize, Group)> = Vec::new();
        let mut off: Vec<String> = Vec::new();
        for route in self.routes.matching(alert) {
            off.extend(route.off.iter().cloned());
            for &channel in &route.channels {
                // A channel that two routes name is told once, by the first.
                if wanted.iter().all(|(c, _)| *c != channel) {
                    wanted.push((channel, Group::of(route, alert)));
                }
            }
        }
        let wanted: Vec<(usize, CellId)> =
            wanted.into_iter().map(|(channel, group)| (channel, self.cell(channel, group))).collect();
        let Some(entry) = self.table.get_mut(&fingerprint) else { return };
        let mut left: Vec<CellId> = Vec::new();
        for destination in &mut entry.destinations {
            destination.active = false;
        }
        for &(channel, cell) in &wanted {
            match entry.destination(channel) {
                Some(destination) => {
                    destination.active = true;
                    if destination.cell != cell {
                        left.push(std::mem::replace(&mut destination.cell, cell));
                    }
                }
                None => entry.destinations.push(Destination {
                    channel,
                    cell,
                    active: true,
                    told: None,
                    given_up: 0,
                    in_flight: false,
                }),
            }
        }
        for name in off {
            if let Some((_, reason)) = self.off.iter().find(|(n, _)| *n == name) {
                let reason = format!("the channel is off: {reason}");
                entry.set_outcome(&name, DeliveryOutcome::Suppressed { reason });
            }
        }
        if wanted.is_empty() {
            self.counts.suppressed += 1;
            entry.record.state = AlertState::Suppressed;
            if entry.record.deliveries.is_empty() {
                entry.record.deliveries.push(nobody("no route sends it to a channel"));
            }
        } else {
            entry.record.deliveries.retain(|d| d.channel != NOBODY);
        }
        for (_, id) in wanted {
            if let Some(cell) = self.cells.get_mut(&id) {
                cell.members.insert(fingerprint);
            }
        }
        for id in left {
            self.leave(id, fingerprint);
        }
    }

    /// The cell of a group for a channel, made if there is none.
    fn cell(&mut self, channel: usize, group: Group) -> CellId {
        let key = (channel, group.key.clone());
        if let Some(id) = self.cell_ids.get(&key) {
            return *id;
        }
        let id = self.next_number();
        self.cell_ids.insert(key, id);
        self.cells.insert(id, Cell::new(channel, group));
        id
    }

    /// Brings outcomes and news of every channel up to what is true now.
    fn announce(&mut self, fingerprint: Fingerprint, now: Timestamp) {
        let Some(entry) = self.table.get_mut(&fingerprint) else { return };
        let mut channels = Vec::with_capacity(entry.destinations.len());
        for n in 0..entry.destinations.len() {
            let destination = &entry.destinations[n];
            let name = &self.outboxes[destination.channel].name;
            let waits = matches!(entry.outcome(name), Some(DeliveryOutcome::Pending { .. }));
            let outcome = if entry.owes(destination) {
                (!waits).then_some(DeliveryOutcome::Pending { attempts: 0, last_error: None })
            } else if waits && !destination.in_flight {
                Some(DeliveryOutcome::Suppressed { reason: why_not(entry, destination).to_owned() })
            } else {
                None
            };
            channels.push(destination.channel);
            if let Some(outcome) = outcome {
                entry.set_outcome(name, outcome);
            }
        }
        for channel in channels {
            self.refresh(fingerprint, channel, now);
        }
    }

    /// Forgets the longest silent alerts that everybody was told of: one in a hundred, so that the search is rare.
    fn evict(&mut self) {
        let mut idle: Vec<(Timestamp, Fingerprint)> = self
            .table
            .iter()
            .filter(|(_, e)| e.is_settled())
            .map(|(fingerprint, e)| (e.record.last_raised_at, *fingerprint))
            .collect();
        idle.sort_unstable();
        for (_, fingerprint) in idle.into_iter().take((self.config.max_alerts / 100).max(1)) {
            self.counts.evicted += 1;
            self.close(fingerprint);
        }
    }
}

/// Why an alert whose news waited for a channel has none any more.
pub(super) fn why_not(entry: &Entry, destination: &Destination) -> &'static str {
    match (entry.is_firing(), destination.active) {
        (false, _) => "it was over before this channel was told that it fires",
        (true, true) => "it fired again before this channel was told that it was over",
        (true, false) => "the routes do not send it to this channel any more",
    }
}

fn nobody(reason: &str) -> Delivery {
    Delivery {
        channel: NOBODY.to_owned(),
        outcome: DeliveryOutcome::Suppressed { reason: reason.to_owned() },
    }
}

/// Takes over the later occurrence; identity and beginning stay those of the first.
fn merge(alert: &mut Alert, later: Alert, judgement: Judgement) {
    let keeps_severity = matches!(judgement, Judgement::Duplicate | Judgement::Resolved);
    let merged = Alert {
        id: alert.id,
        severity: if keeps_severity { alert.severity } else { later.severity },
        message: if later.message.trim().is_empty() {
            std::mem::take(&mut alert.message)
        } else {
            later.message
        },
        trace: later.trace.or(alert.trace),
        anomaly: later.anomaly.or(alert.anomaly),
        annotations: match later.status {
            AlertStatus::Resolved if later.annotations.is_empty() => std::mem::take(&mut alert.annotations),
            _ => later.annotations,
        },
        raised_at: alert.raised_at.min(later.raised_at),
        ..later
    };
    *alert = merged;
}
