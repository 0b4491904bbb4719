//! Columns that go round: from a thread to the pipeline to the exporters, and back.

use std::sync::{Arc, Mutex, PoisonError};

use super::Columns;

/// Emptied columns with their capacity. Fresh memory costs a page fault every few spans; used memory does not.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Columns>>);

/// As many as are kept; the rest is freed.
const KEPT: usize = 16;
/// Columns that grew beyond this in a burst are not kept, in bytes: every thread may come to hold some.
const LARGEST: usize = 16 << 20;

impl Pool {
    /// Empty columns, with capacity if there are used ones.
    pub(crate) fn take(&self) -> Columns {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Brings columns back.
    pub(crate) fn put(&self, mut columns: Columns) {
        if columns.rows.capacity() == 0 || columns.capacity_bytes() > LARGEST {
            return;
        }
        columns.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(columns);
        }
    }
}

/// Where the columns of a batch go when it is dropped; a copy of the batch goes nowhere.
#[derive(Debug, Default)]
pub(crate) struct Home(pub(crate) Option<Arc<Pool>>);

impl Clone for Home {
    fn clone(&self) -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_unless_a_burst_made_them_huge() {
        let pool = Pool::default();
        let with_text = |n| {
            let mut c = Columns::default();
            c.rows.reserve(1);
            c.text.reserve(n);
            c
        };
        pool.put(with_text(1_000));
        pool.put(with_text(LARGEST));
        assert!(pool.take().text.capacity() >= 1_000);
        assert_eq!(pool.take().text.capacity(), 0);
    }
}
