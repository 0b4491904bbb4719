//! What a thread remembers: the series that it recorded into last, so that it takes no lock to find them again.

use std::cell::RefCell;
use std::sync::Arc;

use super::series::Series;

/// Entries a thread. A series that is pushed out costs a read lock the next time. Entries outlive their registry
/// until they are pushed out or the thread ends.
const ENTRIES: usize = 512;

struct Entry {
    instrument: u64,
    hash: u64,
    series: Arc<Series>,
}

thread_local!(static CACHE: RefCell<Vec<Option<Entry>>> = const { RefCell::new(Vec::new()) });

#[inline]
fn place(instrument: u64, hash: u64) -> usize {
    (hash ^ instrument.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as usize % ENTRIES
}

/// Calls `f` with the remembered series, and tells whether there was one.
#[inline]
pub(super) fn with(instrument: u64, hash: u64, is_it: impl Fn(&Series) -> bool, f: impl Fn(&Series)) -> bool {
    // Both fail only in rare moments (the thread ends; `f` records in turn): then nothing is remembered.
    CACHE
        .try_with(|cache| {
            let Ok(cache) = cache.try_borrow() else { return false };
            match cache.get(place(instrument, hash)) {
                Some(Some(e)) if e.instrument == instrument && e.hash == hash && is_it(&e.series) => {
                    f(&e.series);
                    true
                }
                _ => false,
            }
        })
        .unwrap_or(false)
}

/// Remembers a series.
pub(super) fn put(instrument: u64, hash: u64, series: &Arc<Series>) {
    let entry = Entry { instrument, hash, series: series.clone() };
    let _ = CACHE.try_with(|cache| {
        if let Ok(mut cache) = cache.try_borrow_mut() {
            if cache.is_empty() {
                cache.resize_with(ENTRIES, || None);
            }
            cache[place(instrument, hash)] = Some(entry);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::InstrumentKind;
    use crate::model::AttributeSet;

    #[test]
    fn a_series_is_found_only_by_its_instrument_its_hash_and_its_attributes() {
        let bounds = Arc::from([]);
        let series = Arc::new(Series::new(AttributeSet::EMPTY, InstrumentKind::Gauge, &bounds, 1));
        assert!(!with(7, 42, |_| true, |_| {}));
        put(7, 42, &series);
        assert!(with(7, 42, |_| true, |_| {}));
        assert!(!with(7, 42, |_| false, |_| {}));
        assert!(!with(7, 42 + ENTRIES as u64, |_| true, |_| {}));
        assert!(!with(8, 42, |_| true, |_| {}));
    }
}
