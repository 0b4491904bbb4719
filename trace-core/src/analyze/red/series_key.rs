//! What tells series apart, and the table that finds them.

use std::collections::HashMap;

use super::{Observation, RedWindows, SpanOutcome};
use crate::model::SpanKind;

/// What tells the series of a tenant apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeriesKey {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) kind: SpanKind,
    pub(super) status: SpanOutcome,
    pub(super) entry: bool,
}

impl SeriesKey {
    pub(super) fn of(o: &Observation<'_>) -> Self {
        Self {
            service: o.service.to_owned(),
            operation: o.operation.to_owned(),
            kind: o.kind,
            status: o.status,
            entry: o.entry,
        }
    }

    pub(super) fn is_other(&self) -> bool {
        self.operation == RedWindows::OTHER
    }

    pub(super) fn is_of(&self, o: &Observation<'_>) -> bool {
        self.operation == o.operation
            && self.service == o.service
            && (self.kind, self.status, self.entry) == (o.kind, o.status, o.entry)
    }

    fn place(&self) -> usize {
        place(self.kind, self.status, self.entry)
    }

    pub(super) fn byte_size(&self) -> usize {
        // Once in the key, once in the table.
        2 * (self.service.len() + self.operation.len())
    }
}

fn place(kind: SpanKind, status: SpanOutcome, entry: bool) -> usize {
    ((kind as usize) * 3 + status as usize) * 2 + usize::from(entry)
}

const PLACES: usize = 36;
const NONE: u32 = u32::MAX;

/// Finds series by service and name without making a text.
#[derive(Debug, Default)]
pub(super) struct SeriesTable(HashMap<String, HashMap<String, [u32; PLACES]>>);

impl SeriesTable {
    pub(super) fn get(&self, o: &Observation<'_>) -> Option<usize> {
        let places = self.0.get(o.service)?.get(o.operation)?;
        places.get(place(o.kind, o.status, o.entry)).filter(|n| **n != NONE).map(|n| *n as usize)
    }

    /// All series of one operation.
    pub(super) fn operation(&self, service: &str, operation: &str) -> impl Iterator<Item = usize> {
        let places = self.0.get(service).and_then(|s| s.get(operation));
        places.into_iter().flatten().filter(|n| **n != NONE).map(|n| *n as usize)
    }

    pub(super) fn insert(&mut self, key: &SeriesKey, at: usize) {
        let operations = self.0.entry(key.service.clone()).or_default();
        let places = operations.entry(key.operation.clone()).or_insert([NONE; PLACES]);
        places[key.place()] = at as u32;
    }

    pub(super) fn remove(&mut self, key: &SeriesKey) {
        let Some(operations) = self.0.get_mut(&key.service) else { return };
        if let Some(places) = operations.get_mut(&key.operation) {
            places[key.place()] = NONE;
            if places.iter().all(|n| *n == NONE) {
                operations.remove(&key.operation);
            }
        }
        if operations.is_empty() {
            self.0.remove(&key.service);
        }
    }
}
