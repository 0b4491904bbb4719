//! What detectors found, as it develops.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::model::{Anomaly, AnomalyId, AnomalyState, SeverityFilter, TenantId, TimeRange, Timestamp};

/// The anomalies of the recent past, bounded by number. When it is full, one of the tenant that has most goes: its
/// oldest resolved one, else its oldest.
#[derive(Debug)]
pub struct AnomalyLog {
    state: Mutex<State>,
    capacity: usize,
    changes: broadcast::Sender<Anomaly>,
}

#[derive(Debug, Default)]
struct State {
    /// Of each tenant in the order in which they were opened; none is empty.
    of: HashMap<TenantId, VecDeque<Anomaly>>,
    evicted: u64,
}

impl State {
    fn len(&self) -> usize {
        self.of.values().map(VecDeque::len).sum()
    }

    fn evict(&mut self) {
        let most = self.of.iter().max_by_key(|(_, list)| list.len()).map(|(t, _)| t.clone());
        let Some(tenant) = most else { return };
        if let Some(list) = self.of.get_mut(&tenant) {
            let at = list.iter().position(|a| a.state.is_resolved()).unwrap_or(0);
            list.remove(at);
            self.evicted += 1;
            if list.is_empty() {
                self.of.remove(&tenant);
            }
        }
    }

    fn find(&mut self, tenant: &TenantId, id: AnomalyId) -> Option<&mut Anomaly> {
        self.of.get_mut(tenant)?.iter_mut().rev().find(|a| a.id == id)
    }
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

    /// Adds an anomaly of its tenant, or replaces the one with its id. What a person said stays: an acknowledged anomaly does
    /// not become open again, a resolved one is not replaced at all. Returns the anomaly as it now stands.
    pub fn upsert(&self, mut anomaly: Anomaly) -> Anomaly {
        let mut state = self.lock();
        if let Some(known) = state.find(&anomaly.tenant, anomaly.id) {
            if known.state.is_resolved() {
                return known.clone();
            }
            if known.state == AnomalyState::Acknowledged && anomaly.state == AnomalyState::Open {
                anomaly.state = AnomalyState::Acknowledged;
            }
            *known = anomaly.clone();
        } else {
            while state.len() >= self.capacity {
                state.evict();
            }
            state.of.entry(anomaly.tenant.clone()).or_default().push_back(anomaly.clone());
        }
        drop(state);
        self.tell(&anomaly);
        anomaly
    }

    /// The anomalies of a tenant that were going on in the range, the latest opened first. One that is not resolved
    /// goes on.
    pub fn query(
        &self,
        tenant: &TenantId,
        severity: SeverityFilter,
        range: TimeRange,
        include_resolved: bool,
    ) -> Vec<Anomaly> {
        let touches = |a: &Anomaly| match a.state {
            AnomalyState::Resolved { at } => {
                a.window.start < range.end && at.max(a.window.end) >= range.start
            }
            _ => a.window.start < range.end,
        };
        let mut found: Vec<Anomaly> = self
            .lock()
            .of
            .get(tenant)
            .into_iter()
            .flatten()
            .filter(|a| {
                severity.matches(a.severity) && (include_resolved || !a.state.is_resolved()) && touches(a)
            })
            .cloned()
            .collect();
        found.sort_by_key(|a| std::cmp::Reverse(a.detected_at));
        found
    }

    /// One anomaly of a tenant.
    pub fn get(&self, tenant: &TenantId, id: AnomalyId) -> Option<Anomaly> {
        self.lock().find(tenant, id).cloned()
    }

    /// Notes that a person knows. Returns the anomaly as it now stands, or `None` if the tenant has none with this
    /// id; a resolved anomaly stays resolved.
    pub fn acknowledge(&self, tenant: &TenantId, id: AnomalyId) -> Option<Anomaly> {
        self.change(tenant, id, AnomalyState::Acknowledged)
    }

    /// Ends an anomaly. Returns it as it now stands, or `None` if the tenant has none with this id; the first end
    /// counts.
    pub fn resolve(&self, tenant: &TenantId, id: AnomalyId, at: Timestamp) -> Option<Anomaly> {
        self.change(tenant, id, AnomalyState::Resolved { at })
    }

    /// Every change of every tenant from now on. A subscriber that falls 256 changes behind misses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<Anomaly> {
        self.changes.subscribe()
    }

    /// How many are not resolved, of all tenants.
    pub fn open_count(&self) -> usize {
        self.lock().of.values().flatten().filter(|a| !a.state.is_resolved()).count()
    }

    /// How many were let go for want of room.
    pub fn evicted(&self) -> u64 {
        self.lock().evicted
    }

    fn change(&self, tenant: &TenantId, id: AnomalyId, to: AnomalyState) -> Option<Anomaly> {
        let changed = {
            let mut state = self.lock();
            let anomaly = state.find(tenant, id)?;
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
