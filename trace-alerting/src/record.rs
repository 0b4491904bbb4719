//! Records of alerts that are over, and the way from an id to a record.

use std::collections::{BTreeMap, HashMap, VecDeque};

use trace_core::model::{
    AlertId, AlertKind, AlertRecord, AlertState, Fingerprint, SeverityFilter, TenantId, Timestamp,
};

/// Which records a query wants. The default wants the newest hundred.
#[derive(Clone, Debug)]
pub struct RecordFilter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// In this state.
    pub state: Option<AlertState>,
    /// Of these severities.
    pub severity: SeverityFilter,
    /// Of this kind.
    pub kind: Option<AlertKind>,
    /// Last raised at this time or later.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

impl Default for RecordFilter {
    fn default() -> Self {
        Self {
            tenant: None,
            state: None,
            severity: SeverityFilter::default(),
            kind: None,
            since: None,
            limit: 100,
        }
    }
}

impl RecordFilter {
    /// Whether the record is wanted.
    pub fn matches(&self, record: &AlertRecord) -> bool {
        let alert = &record.alert;
        self.tenant.as_ref().is_none_or(|t| *t == alert.tenant)
            && self.state.is_none_or(|s| s == record.state)
            && self.severity.matches(alert.severity)
            && self.kind.as_ref().is_none_or(|k| *k == alert.kind)
            && self.since.is_none_or(|t| record.last_raised_at >= t)
    }
}

/// Records by order of arrival. Those of live alerts are with the alerts; this holds the others, the newest
/// `capacity` of them.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    capacity: usize,
    closed: BTreeMap<u64, AlertRecord>,
    /// The last closed record of an alert.
    latest: HashMap<Fingerprint, u64>,
    /// From the id of a first occurrence to its record, live or closed.
    first: HashMap<AlertId, u64>,
    /// From the id of a later occurrence to its record; the newest `capacity`.
    later: HashMap<AlertId, u64>,
    later_order: VecDeque<AlertId>,
}

impl Records {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            closed: BTreeMap::new(),
            latest: HashMap::new(),
            first: HashMap::new(),
            later: HashMap::new(),
            later_order: VecDeque::new(),
        }
    }

    /// Notes the first occurrence of an alert.
    pub(crate) fn opened(&mut self, id: AlertId, seq: u64) {
        self.first.insert(id, seq);
    }

    /// Notes a later occurrence.
    pub(crate) fn repeated(&mut self, id: AlertId, seq: u64) {
        if self.first.contains_key(&id) || self.later.insert(id, seq).is_some() {
            return;
        }
        self.later_order.push_back(id);
        if self.later_order.len() > self.capacity
            && let Some(old) = self.later_order.pop_front()
        {
            self.later.remove(&old);
        }
    }

    /// Keeps the record of an alert that is over, and forgets the oldest if there are too many.
    pub(crate) fn close(&mut self, seq: u64, record: AlertRecord) {
        self.latest.insert(record.fingerprint, seq);
        self.closed.insert(seq, record);
        while self.closed.len() > self.capacity {
            let Some((seq, record)) = self.closed.pop_first() else { return };
            self.first.remove(&record.alert.id);
            if self.latest.get(&record.fingerprint) == Some(&seq) {
                self.latest.remove(&record.fingerprint);
            }
        }
    }

    /// The order of arrival of the alert with this id.
    pub(crate) fn seq(&self, id: AlertId) -> Option<u64> {
        self.first.get(&id).or_else(|| self.later.get(&id)).copied()
    }

    pub(crate) fn closed(&self, seq: u64) -> Option<&AlertRecord> {
        self.closed.get(&seq)
    }

    pub(crate) fn latest(&self, fingerprint: Fingerprint) -> Option<u64> {
        self.latest.get(&fingerprint).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &AlertRecord)> {
        self.closed.iter().map(|(seq, record)| (*seq, record))
    }

    pub(crate) fn closed_mut(&mut self, seq: u64) -> Option<&mut AlertRecord> {
        self.closed.get_mut(&seq)
    }
}

#[cfg(test)]
mod tests {
    use trace_core::model::{Alert, Severity};

    use super::*;

    fn record(label: usize) -> AlertRecord {
        let alert = Alert::new(AlertKind::SlaViolation, Severity::Low, "m", Timestamp::default())
            .label("n", label.to_string());
        AlertRecord {
            fingerprint: alert.fingerprint(),
            alert,
            state: AlertState::Resolved,
            occurrences: 1,
            last_raised_at: Timestamp::default(),
            deliveries: vec![],
        }
    }

    #[test]
    fn the_oldest_records_and_ids_are_forgotten() {
        let mut records = Records::new(10);
        let mut first = None;
        for n in 0..1000 {
            let record = record(n % 50);
            first.get_or_insert(record.alert.id);
            records.opened(record.alert.id, n as u64);
            records.repeated(AlertId(uuid::Uuid::new_v4()), n as u64);
            records.close(n as u64, record);
        }
        assert_eq!((records.closed.len(), records.first.len(), records.later.len()), (10, 10, 10));
        assert_eq!((records.latest.len(), records.later_order.len()), (10, 10));
        assert_eq!(records.seq(first.unwrap()), None);
    }
}
