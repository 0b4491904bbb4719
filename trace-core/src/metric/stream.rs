//! One metric of an instrument, as a view or the instrument itself describes it: its series and their limit.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::descriptor::Descriptor;
use super::hash::{hash_attributes, same_attributes};
use super::registry::Shared;
use super::series::{CellKind, Series};
use super::table::Table;
use crate::model::{AttributeSet, KeyValue};

/// What a stream is, without its series.
#[derive(Clone, Debug)]
pub(super) struct StreamSpec {
    /// Name, unit and description of the metric; the kind of the instrument.
    pub(super) descriptor: Descriptor,
    pub(super) cell: CellKind,
    /// The keys that make a series, or all.
    pub(super) allowed: Option<Vec<Cow<'static, str>>>,
    /// How many series there may be, besides the one of overflow.
    pub(super) limit: usize,
}

impl StreamSpec {
    #[inline]
    pub(super) fn keeps(&self, key: &str) -> bool {
        self.allowed.as_ref().is_none_or(|keys| keys.iter().any(|k| k == key))
    }

    /// The attributes that make a series.
    #[inline]
    pub(super) fn kept<'a>(
        &'a self,
        attributes: &'a [KeyValue],
    ) -> impl Iterator<Item = &'a KeyValue> + Clone {
        attributes.iter().filter(|kv| self.keeps(&kv.key))
    }
}

/// The series of a stream.
pub(super) struct Stream {
    /// Unique in the process.
    pub(super) id: u64,
    pub(super) spec: StreamSpec,
    shared: Arc<Shared>,
    table: RwLock<Table<Arc<Series>>>,
    /// Set once the limit was passed.
    overflow: OnceLock<Arc<Series>>,
}

/// A number that no other stream or instrument of the process has.
pub(super) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Relaxed)
}

impl Stream {
    pub(super) fn new(spec: StreamSpec, shared: Arc<Shared>) -> Self {
        Self { id: next_id(), spec, shared, table: RwLock::default(), overflow: OnceLock::new() }
    }

    /// The series, made if it is new, or the overflow series if there are too many; and whether it is the series of
    /// these very attributes. Allocates only for a series that is new, and for attributes that repeat a key.
    pub(super) fn find_or_create(&self, attributes: &[KeyValue]) -> (Arc<Series>, bool) {
        let hash = hash_attributes(self.spec.kept(attributes), self.shared.seed);
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let is_it = |s: &Arc<Series>| same_attributes(&s.attributes, self.spec.kept(attributes));
            if let Some(place) = table.find(hash, is_it) {
                return (table.items()[place].clone(), true);
            }
            // Without this, every measurement past the limit would take the write lock.
            if let Some(overflow) = self.overflow.get()
                && !self.repeats_a_key(attributes)
            {
                return (overflow.clone(), false);
            }
        }
        let set: AttributeSet = self.spec.kept(attributes).cloned().collect();
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = self.find_set(&table, &set) {
            return (series, true);
        }
        if table.items().len() < self.spec.limit {
            return (self.create(&mut table, set), true);
        }
        let set = overflow_attributes();
        let known = self.find_set(&table, &set);
        let overflow = known.unwrap_or_else(|| self.create(&mut table, set));
        (self.overflow.get_or_init(|| overflow).clone(), false)
    }

    /// Whether the set of these attributes is smaller than their list, and so may be a series that exists.
    fn repeats_a_key(&self, attributes: &[KeyValue]) -> bool {
        let mut kept = self.spec.kept(attributes).enumerate();
        kept.any(|(i, a)| self.spec.kept(attributes).take(i).any(|b| a.key == b.key))
    }

    fn find_set(&self, table: &Table<Arc<Series>>, set: &AttributeSet) -> Option<Arc<Series>> {
        let hash = hash_attributes(set.iter(), self.shared.seed);
        let place = table.find(hash, |s| same_attributes(&s.attributes, set.iter()))?;
        Some(table.items()[place].clone())
    }

    fn create(&self, table: &mut Table<Arc<Series>>, set: AttributeSet) -> Arc<Series> {
        let hash = hash_attributes(set.iter(), self.shared.seed);
        let series = Arc::new(Series::new(set, &self.spec.cell, self.shared.shards));
        table.insert(hash, series.clone());
        series
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).items().len()
    }

    /// Shows all series in the order in which they came, at most so many at a time with the index of the first.
    /// Recording threads that need a new series wait for no more than one such step.
    pub(super) fn in_chunks(&self, size: usize, mut show: impl FnMut(usize, &[Arc<Series>])) {
        let mut first = 0;
        loop {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            let Some(chunk) = table.items().get(first..).filter(|rest| !rest.is_empty()) else { return };
            let chunk = &chunk[..chunk.len().min(size)];
            show(first, chunk);
            first += chunk.len();
        }
    }

    /// All series in the order in which they came. A copy, so that recording threads wait for no more than that.
    pub(super) fn series(&self) -> Vec<Arc<Series>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).items().to_vec()
    }
}

/// The series of everything past the limit (OpenTelemetry metrics SDK, "Cardinality limits").
pub(super) fn overflow_attributes() -> AttributeSet {
    AttributeSet::new([KeyValue::new("otel.metric.overflow", true)])
}
