//! The series of one tenant.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::level::Kept;
use super::series::{Series, Workbench};
use super::series_key::{SeriesKey, SeriesTable};
use super::{Observation, RedWindows};
use crate::model::{SpanKind, TenantId};

/// Seconds of silence after which a series may make room for another.
const IDLE: u64 = 600;
/// Every series is visited once in so many seconds.
const SWEEP: usize = 8;

/// A tenant. What others look at without its lock lies beside it.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) id: TenantId,
    state: Mutex<TenantWindows>,
    pub(super) bytes: AtomicUsize,
    /// The second in which it was last heard of.
    pub(super) latest: AtomicU64,
}

impl Tenant {
    pub(super) fn new(id: TenantId) -> Self {
        Self { id, state: Mutex::default(), bytes: AtomicUsize::new(0), latest: AtomicU64::new(0) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, TenantWindows> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may make room for another.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        now.saturating_sub(self.latest.load(Relaxed)) >= IDLE
    }

    /// Lets go what is oldest. Whether there was anything.
    pub(super) fn shed(&self, now: u64) -> bool {
        let mut state = self.lock();
        let shed = state.shed(now);
        self.bytes.store(state.kept.total(), Relaxed);
        shed
    }
}

#[derive(Debug, Default)]
pub(super) struct TenantWindows {
    pub(super) series: Vec<Series>,
    pub(super) table: SeriesTable,
    pub(super) kept: Kept,
    work: Workbench,
    /// The latest second that was begun.
    second: u64,
    /// The series of the latest span.
    last: usize,
    /// The next series to visit.
    cursor: usize,
    /// The second in which making room was last tried in vain.
    full_at: u64,
    pub(super) overflowed: u64,
    pub(super) late: u64,
    pub(super) evicted: u64,
}

impl TenantWindows {
    /// Notes what time it is, and does its share of the upkeep.
    pub(super) fn begin(&mut self, now: u64) {
        if now <= self.second {
            return;
        }
        self.second = now;
        self.kept.advance(now);
        for _ in 0..self.series.len().div_ceil(SWEEP) {
            self.cursor = (self.cursor + 1) % self.series.len();
            self.series[self.cursor].roll(now, &mut self.kept, &mut self.work);
        }
    }

    /// Counts a span. `now` is that of [`TenantWindows::begin`].
    pub(super) fn observe(&mut self, o: &Observation<'_>, now: u64, max_series: usize) {
        let second = (o.end.unix_nanos() / super::SECOND).min(now);
        if second < self.kept.since(super::level::LEVELS - 1) {
            self.late += 1;
            return;
        }
        // Often it is that of the span before, and to compare the names costs less than to hash them.
        let at = match self.series.get(self.last).filter(|s| s.key.is_of(o)) {
            Some(_) => self.last,
            None => self.table.get(o).unwrap_or_else(|| self.make(o, now, max_series)),
        };
        self.last = at;
        let Self { series, kept, work, .. } = self;
        let series = &mut series[at];
        series.roll(now, kept, work);
        if !series.observe(second, o, kept, work) {
            self.late += 1;
        }
    }

    fn make(&mut self, o: &Observation<'_>, now: u64, max_series: usize) -> usize {
        if self.series.len() < max_series {
            return self.create(SeriesKey::of(o), now);
        }
        if self.full_at != now {
            let silent =
                self.silent_longest().filter(|at| now.saturating_sub(self.series[*at].latest) >= IDLE);
            if let Some(at) = silent {
                self.remove(at);
                return self.create(SeriesKey::of(o), now);
            }
            self.full_at = now;
        }
        self.overflowed += 1;
        // Places past the limit, one for each outcome: how many requests there were, and how many failed, stays true.
        let other = RedWindows::OTHER;
        let o = Observation { service: other, operation: other, kind: SpanKind::Internal, ..*o };
        self.table.get(&o).unwrap_or_else(|| self.create(SeriesKey::of(&o), now))
    }

    fn create(&mut self, key: SeriesKey, now: u64) -> usize {
        let at = self.series.len();
        self.table.insert(&key, at);
        self.series.push(Series::new(key, now, &mut self.kept));
        at
    }

    fn silent_longest(&self) -> Option<usize> {
        let all = self.series.iter().enumerate().filter(|(_, s)| !s.key.is_other());
        all.min_by_key(|(_, s)| s.latest).map(|(at, _)| at)
    }

    fn remove(&mut self, at: usize) {
        let mut gone = self.series.swap_remove(at);
        gone.clear(&mut self.kept);
        self.table.remove(&gone.key);
        if let Some(moved) = self.series.get(at) {
            self.table.insert(&moved.key, at);
        }
    }

    /// Lets go what is oldest: slots while any can be spared, then the series that has been silent for longest.
    fn shed(&mut self, now: u64) -> bool {
        for series in &mut self.series {
            series.roll(now, &mut self.kept, &mut self.work);
        }
        if self.kept.shorten(now).is_some() {
            self.series.iter_mut().for_each(|s| s.trim(&mut self.kept));
            return true;
        }
        let at = self.silent_longest().or(self.series.len().checked_sub(1));
        let Some(at) = at else { return false };
        self.remove(at);
        self.evicted += 1;
        true
    }
}
