//! The series of one instrument, found by the hash of their attributes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::series::Series;

/// Keys are well mixed already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*b);
        }
    }

    fn write_u64(&mut self, v: u64) {
        self.0 = v;
    }
}

/// Series by hash. A series whose hash is taken has the next free one; none is ever removed.
#[derive(Default)]
pub(super) struct Table {
    by_hash: HashMap<u64, usize, BuildHasherDefault<Identity>>,
    series: Vec<Arc<Series>>,
}

impl Table {
    /// The series with this hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(&Series) -> bool) -> Option<&Arc<Series>> {
        let mut at = hash;
        while let Some(&i) = self.by_hash.get(&at) {
            if is_it(&self.series[i]) {
                return Some(&self.series[i]);
            }
            at = at.wrapping_add(1);
        }
        None
    }

    /// Adds a series that [`Self::find`] did not find.
    pub(super) fn insert(&mut self, hash: u64, series: Arc<Series>) {
        let mut at = hash;
        while self.by_hash.contains_key(&at) {
            at = at.wrapping_add(1);
        }
        self.by_hash.insert(at, self.series.len());
        self.series.push(series);
    }

    /// All series in the order in which they came.
    pub(super) fn series(&self) -> &[Arc<Series>] {
        &self.series
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::InstrumentKind;
    use crate::model::{AttributeSet, KeyValue, Value};

    #[test]
    fn series_with_the_same_hash_are_told_apart() {
        let mut table = Table::default();
        for i in 0..3 {
            let attributes = AttributeSet::new([KeyValue::new("i", i)]);
            let bounds = Arc::from([]);
            table.insert(u64::MAX, Arc::new(Series::new(attributes, InstrumentKind::Gauge, &bounds, 1)));
        }
        for i in 0..3i64 {
            let found = table.find(u64::MAX, |s| s.attributes.get("i") == Some(&Value::I64(i)));
            assert_eq!(found.and_then(|s| s.attributes.get("i").cloned()), Some(Value::I64(i)));
        }
        assert!(table.find(u64::MAX, |_| false).is_none());
    }
}
