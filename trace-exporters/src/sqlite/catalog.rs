//! What the writer and the readers share: which hours there are, and what of them is not in a file yet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::filter::Filter;
use super::hour::Hour;
use super::run::Run;
use super::state::State;
use super::term::Term;

/// Runs of more spans than this are not joined.
const JOINED: u64 = 16_384;

/// The hours of a directory.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    directory: PathBuf,
    hours: Mutex<BTreeMap<Hour, Arc<HourShared>>>,
    pub(super) state: Mutex<State>,
    pub(super) counts: Counts,
}

/// What has happened since the store was opened.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) written: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unreadable_chunks: AtomicU64,
}

impl Counts {
    /// Counts a chunk that cannot be read.
    pub(super) fn unreadable(&self) {
        self.unreadable_chunks.fetch_add(1, Ordering::Relaxed);
    }
}

/// One hour.
#[derive(Debug, Default)]
pub(super) struct HourShared {
    /// Postings of chunks that no segment covers, in order of the chunks.
    runs: Mutex<Vec<Arc<Run>>>,
    /// Which traces the segments may have.
    filters: Mutex<Vec<Arc<Filter>>>,
    pub(super) spans: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Catalog {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), state: Mutex::new(State::load(directory)), ..Self::default() }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn path(&self, hour: Hour) -> PathBuf {
        self.directory.join(hour.file_name())
    }

    /// The hour, which is there from now on.
    pub(super) fn add(&self, hour: Hour) -> Arc<HourShared> {
        lock(&self.hours).entry(hour).or_default().clone()
    }

    pub(super) fn get(&self, hour: Hour) -> Option<Arc<HourShared>> {
        lock(&self.hours).get(&hour).cloned()
    }

    pub(super) fn remove(&self, hour: Hour) -> Option<Arc<HourShared>> {
        lock(&self.hours).remove(&hour)
    }

    /// The hour is there after all.
    pub(super) fn put_back(&self, hour: Hour, shared: Arc<HourShared>) {
        lock(&self.hours).insert(hour, shared);
    }

    /// In order.
    pub(super) fn hours(&self) -> Vec<Hour> {
        lock(&self.hours).keys().copied().collect()
    }

    pub(super) fn spans(&self) -> u64 {
        lock(&self.hours).values().map(|h| h.spans.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl HourShared {
    pub(super) fn runs(&self) -> Vec<Arc<Run>> {
        lock(&self.runs).clone()
    }

    /// Adds the run of chunks that have been written. Small runs are joined, so that there are never many.
    pub(super) fn push(&self, run: Run) {
        self.spans.fetch_add(run.spans, Ordering::Relaxed);
        let mut runs = lock(&self.runs);
        let mut last = run;
        while let Some(before) = runs.pop_if(|b| b.spans <= last.spans && b.spans + last.spans <= JOINED) {
            last = before.joined(&last);
        }
        runs.push(Arc::new(last));
    }

    /// A segment covers the chunks of all runs; this filter has their traces.
    pub(super) fn replace_runs(&self, filter: Filter) {
        // In this order: a reader that sees no runs must see the filter.
        lock(&self.filters).push(Arc::new(filter));
        lock(&self.runs).clear();
    }

    /// Starts anew with the filters of a file.
    pub(super) fn restart(&self, filters: Vec<Arc<Filter>>, spans: u64) {
        *lock(&self.filters) = filters;
        lock(&self.runs).clear();
        self.spans.store(spans, Ordering::Relaxed);
    }

    /// Whether something of a trace may be there.
    pub(super) fn may_have(&self, trace: Term) -> bool {
        let in_memory = !lock(&self.runs).is_empty();
        in_memory || lock(&self.filters).iter().any(|filter| filter.may_have(trace))
    }
}
