//! Collects metrics with a temporality of its own.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::collect::Memory;
use super::{MeterRegistry, TemporalityPreference};
use crate::model::{MetricBatch, Timestamp};

/// Collects the metrics of a registry with the temporality that one destination wants. Made by
/// [`MeterRegistry::reader`].
///
/// A reader of deltas reports what came since it collected last (the first time: since the registry began), leaves
/// out series in which nothing happened, and disturbs no other reader. It remembers the last totals, so its memory
/// grows with the series.
///
/// The sum of a delta is the difference of two totals: with doubles, as precise as the total is. Its minimum and
/// maximum are those of the interval; they may miss a measurement made at the very moment of a collection.
pub struct MetricReader {
    registry: MeterRegistry,
    memory: Mutex<Memory>,
    slot: usize,
}

impl MetricReader {
    pub(super) fn new(registry: MeterRegistry, preference: TemporalityPreference) -> Self {
        let slot = registry.shared().take_slot();
        let memory = Memory::new(preference, slot, registry.shared().start);
        Self { registry, memory: Mutex::new(memory), slot }
    }

    /// All values at this moment, with the reader's temporality. See [`MeterRegistry::collect`]. Callbacks of
    /// observable instruments run meanwhile, and must not use this reader.
    pub fn collect(&self, now: Timestamp) -> MetricBatch {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.slots = self.registry.shared().slots();
        // Times within a reader never go backward, whatever the system clock does.
        let time = now.max(memory.since);
        let batch = self.registry.collect_for(time, Some(&mut memory));
        memory.since = time;
        batch
    }
}

impl Drop for MetricReader {
    fn drop(&mut self) {
        self.registry.shared().free_slot(self.slot);
    }
}

impl fmt::Debug for MetricReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricReader").field("registry", &self.registry).finish_non_exhaustive()
    }
}
