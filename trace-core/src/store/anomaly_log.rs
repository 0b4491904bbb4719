//! What detectors found, as it develops.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::model::{Anomaly, AnomalyId, AnomalyState, SeverityFilter, TimeRange, Timestamp};

/// The anomalies of the recent past, bounded by number. When it is full, the oldest resolved one goes first, else
/// the oldest.
#[derive(Debug)]
pub struct AnomalyLog {
    state: Mutex<State>,
    capacity: usize,
    changes: broadcast::Sender<Anomaly>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they were opened.
    anomalies: VecDeque<Anomaly>,
    evicted: u64,
}

impl Default for AnomalyLog {
    /// Room for 1000 anomalies.
    fn default() -> Self {
        Self::new(1000)
    }
}

impl AnomalyLog {
    /// An empty log with room for this many (at least one).
    pub fn new(capacity: usize) -> Self {
        let (changes, _) = broadcast::channel(256);
        Self { state: Mutex::default(), capacity: capacity.max(1), changes }
    }

    /// Adds an anomaly, or replaces the one with its id. What a person said stays: an acknowledged anomaly does
    /// not become open again, a resolved one is not replaced at all. Returns the anomaly as it now stands.
    pub fn upsert(&self, mut anomaly: Anomaly) -> Anomaly {
        let mut state = self.lock();
        if let Some(known) = state.anomalies.iter_mut().rev().find(|a| a.id == anomaly.id) {
            if known.state.is_resolved() {
                return known.clone();
            }
            if known.state == AnomalyState::Acknowledged && anomaly.state == AnomalyState::Open {
                anomaly.state = AnomalyState::Acknowledged;
            }
            *known = anomaly.clone();
        } else {
            if state.anomalies.len() >= self.capacity {
                let at = state.anomalies.iter().position(|a| a.state.is_resolved()).unwrap_or(0);
                state.anomalies.remove(at);
                state.evicted += 1;
            }
            state.anomalies.push_back(anomaly.clone());
        }
        drop(state);
        self.tell(&anomaly);
        anomaly
    }

    /// The anomalies that were going on in the range, the latest opened first. One that is not resolved goes on.
    pub fn query(&self, severity: SeverityFilter, range: TimeRange, include_resolved: bool) -> Vec<Anomaly> {
        let touches = |a: &Anomaly| match a.state {
            AnomalyState::Resolved { at } => {
                a.window.start < range.end && at.max(a.window.end) >= range.start
            }
            _ => a.window.start < range.end,
        };
        let mut found: Vec<Anomaly> = self
            .lock()
            .anomalies
            .iter()
            .filter(|a| {
                severity.matches(a.severity) && (include_resolved || !a.state.is_resolved()) && touches(a)
            })
            .cloned()
            .collect();
        found.sort_by_key(|a| std::cmp::Reverse(a.detected_at));
        found
    }

    /// One anomaly.
    pub fn get(&self, id: AnomalyId) -> Option<Anomaly> {
        self.lock().anomalies.iter().find(|a| a.id == id).cloned()
    }

    /// Notes that a person knows. Returns the anomaly as it now stands, or `None` if the id is unknown; a
    /// resolved anomaly stays resolved.
    pub fn acknowledge(&self, id: AnomalyId) -> Option<Anomaly> {
        self.change(id, AnomalyState::Acknowledged)
    }

    /// Ends an anomaly. Returns it as it now stands, or `None` if the id is unknown; the first end counts.
    pub fn resolve(&self, id: AnomalyId, at: Timestamp) -> Option<Anomaly> {
        self.change(id, AnomalyState::Resolved { at })
    }

    /// Every change from now on. A subscriber that falls 256 changes behind misses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Anomaly> {
        self.changes.subscribe()
    }

    /// How many are not resolved.
    pub fn open_count(&self) -> usize {
        self.lock().anomalies.iter().filter(|a| !a.state.is_resolved()).count()
    }

    /// How many were let go for want of room.
    pub fn evicted(&self) -> u64 {
        self.lock().evicted
    }

    fn change(&self, id: AnomalyId, to: AnomalyState) -> Option<Anomaly> {
        let changed = {
            let mut state = self.lock();
            let anomaly = state.anomalies.iter_mut().find(|a| a.id == id)?;
            if anomaly.state.is_resolved() || anomaly.state == to {
                return Some(anomaly.clone());
            }
            anomaly.state = to;
            anomaly.clone()
        };
        self.tell(&changed);
        Some(changed)
    }

    fn tell(&self, anomaly: &Anomaly) {
        // An error means that nobody listens.
        let _ = self.changes.send(anomaly.clone());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
