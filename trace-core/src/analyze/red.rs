//! Rate, errors and duration of every operation over the recent past.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::QuantileSketch;
use super::series::{Bucket, Level, Ring};
use crate::model::{SpanKind, TimeRange, Timestamp, TraceIds};
use crate::store::{TimeSource, system_time};

mod report;

pub use report::{ClosedWindow, RedPoint, RedQuery, RedRow, RedSummary};

/// The bounds of [`RedWindows`].
#[derive(Clone)]
pub struct RedConfig {
    /// Series (service, operation, kind) at most; 1000 by default. Spans of further ones are counted together as
    /// operation [`RedWindows::OTHER`] of service [`RedWindows::OTHER`], unless an idle series can make room.
    pub max_series: usize,
    /// Bytes at most for the seconds, and as much again for the minutes; 32 MiB by default. When it is reached,
    /// less of the past is kept.
    pub max_bytes: usize,
    /// The clock that tells what is recent.
    pub clock: TimeSource,
}

impl Default for RedConfig {
    fn default() -> Self {
        Self { max_series: 1000, max_bytes: 32 << 20, clock: system_time() }
    }
}

impl std::fmt::Debug for RedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedConfig")
            .field("max_series", &self.max_series)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

/// One finished span, as the windows see it.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The service.
    pub service: &'a str,
    /// The span's name.
    pub operation: &'a str,
    /// The span's kind.
    pub kind: SpanKind,
    /// Whether it is a local root: work that came from outside of the process, or began here.
    pub entry: bool,
    /// Whether it failed.
    pub error: bool,
    /// When it ended. A time in the future counts as now.
    pub end: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// How long none of its children was running.
    pub self_time: Duration,
    /// The span, for exemplars; `None` if it was not recorded.
    pub trace: Option<TraceIds>,
}

/// What [`RedWindows`] could not keep apart or keep at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RedStats {
    /// Series held.
    pub series: usize,
    /// Spans counted under [`RedWindows::OTHER`].
    pub overflowed: u64,
    /// Spans that came too late for the seconds.
    pub late: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SeriesKey {
    service: String,
    operation: String,
    kind: SpanKind,
    entry: bool,
}

struct Series {
    key: SeriesKey,
    rings: [Ring; LEVELS],
}

const LEVELS: usize = 2;
const SECONDS: usize = 0;
const MINUTES: usize = 1;
const NO_SERIES: u32 = u32::MAX;

/// Series numbers by kind and entry.
type Kinds = [u32; 12];

struct State {
    ids: HashMap<String, HashMap<String, Kinds>>,
    series: Vec<Series>,
    levels: [Level; LEVELS],
    started: Timestamp,
    overflowed: u64,
    late: u64,
    /// The second in which making room was last tried in vain.
    full_at: u64,
}

/// Rate, errors and duration of every operation: by the second for ten minutes, by the minute for a day.
///
/// Bounded in series and bytes. Every bucket holds mergeable sketches, so any range and any group of series has
/// true percentiles.
pub struct RedWindows {
    state: Mutex<State>,
    config: RedConfig,
}

impl Default for RedWindows {
    fn default() -> Self {
        Self::new(RedConfig::default())
    }
}

impl std::fmt::Debug for RedWindows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RedWindows").field(&self.stats()).finish()
    }
}

impl RedWindows {
    /// The service and operation of spans for which there was no room.
    pub const OTHER: &'static str = "(other)";

    /// Empty windows that begin now.
    pub fn new(config: RedConfig) -> Self {
        const SECOND: u64 = 1_000_000_000;
        let bins = config.max_bytes / 8;
        let state = State {
            ids: HashMap::new(),
            series: Vec::new(),
            levels: [Level::new(SECOND, 600, bins), Level::new(60 * SECOND, 1440, bins)],
            started: (config.clock)(),
            overflowed: 0,
            late: 0,
            full_at: 0,
        };
        Self { state: Mutex::new(state), config }
    }

    /// Counts spans.
    pub fn record<'a>(&self, observations: impl IntoIterator<Item = Observation<'a>>) {
        self.record_weighted(observations.into_iter().map(|o| (o, 1)));
    }

    /// Counts spans, each as many times as it says: one that was sampled with a probability of a tenth stands for ten.
    pub fn record_weighted<'a>(&self, observations: impl IntoIterator<Item = (Observation<'a>, u64)>) {
        let now = (self.config.clock)();
        let mut state = self.lock();
        state.advance(now);
        for (mut o, times) in observations {
            o.end = o.end.min(now);
            state.observe(&o, times, self.config.max_series);
        }
        state.shrink();
    }

    /// Counts one span; see [`RedWindows::record`] for many.
    pub fn observe(&self, observation: Observation<'_>) {
        self.record([observation]);
    }

    /// How full it is.
    pub fn stats(&self) -> RedStats {
        let s = self.lock();
        RedStats { series: s.series.len(), overflowed: s.overflowed, late: s.late }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn advance(&mut self, now: Timestamp) {
        for l in 0..LEVELS {
            let level = &self.levels[l];
            let floor = (level.slot(now.unix_nanos()) + 1).saturating_sub(level.keep);
            self.raise(l, floor);
        }
    }

    fn raise(&mut self, l: usize, floor: u64) {
        let level = &mut self.levels[l];
        if floor > level.floor {
            level.floor = floor;
            self.series.iter_mut().for_each(|s| s.rings[l].drop_before(level));
        }
    }

    /// Forgets the oldest slots while there is too much.
    fn shrink(&mut self) {
        for l in 0..LEVELS {
            while self.levels[l].bins > self.levels[l].max_bins {
                let Some(oldest) = self.series.iter().filter_map(|s| Some(s.rings[l].0.front()?.slot)).min()
                else {
                    break;
                };
                self.raise(l, oldest + 1);
            }
        }
    }

    fn observe(&mut self, o: &Observation<'_>, times: u64, max_series: usize) {
        let nanos = o.end.unix_nanos();
        let slots = [self.levels[SECONDS].slot(nanos), self.levels[MINUTES].slot(nanos)];
        if slots[SECONDS] < self.levels[SECONDS].floor {
            self.late += 1;
        }
        if slots[MINUTES] < self.levels[MINUTES].floor {
            return;
        }
        let at = self.series_of(o, max_series, slots[SECONDS]);
        for (l, slot) in slots.into_iter().enumerate() {
            if slot >= self.levels[l].floor {
                self.series[at].rings[l].add(slot, o, times, &mut self.levels[l]);
            }
        }
    }

    fn series_of(&mut self, o: &Observation<'_>, max_series: usize, second: u64) -> usize {
        let kind = (o.kind as usize) * 2 + usize::from(o.entry);
        if let Some(&id) =
            self.ids.get(o.service).and_then(|ops| ops.get(o.operation)).and_then(|k| k.get(kind))
            && id != NO_SERIES
        {
            return id as usize;
        }
        if self.series.len() < max_series {
            return self.create(self.series.len(), o.service, o.operation, o.kind, o.entry);
        }
        if self.full_at != second {
            match self.idle() {
                Some(at) => {
                    self.remove(at);
                    return self.create(at, o.service, o.operation, o.kind, o.entry);
                }
                None => self.full_at = second,
            }
        }
        self.overflowed += 1;
        // One place past the limit, so that there always is one.
        let kind = SpanKind::Internal;
        let other = RedWindows::OTHER;
        let known =
            self.ids.get(other).and_then(|ops| ops.get(other)).map_or(NO_SERIES, |k| k[kind as usize * 2]);
        if known != NO_SERIES {
            known as usize
        } else {
            self.create(self.series.len(), other, other, kind, false)
        }
    }

    fn create(&mut self, at: usize, service: &str, operation: &str, kind: SpanKind, entry: bool) -> usize {
        let key = SeriesKey { service: service.to_owned(), operation: operation.to_owned(), kind, entry };
        let ops = self.ids.entry(key.service.clone()).or_default();
        let kinds = ops.entry(key.operation.clone()).or_insert([NO_SERIES; 12]);
        kinds[kind as usize * 2 + usize::from(entry)] = at as u32;
        let series = Series { key, rings: [Ring::default(), Ring::default()] };
        if at == self.series.len() {
            self.series.push(series);
        } else {
            self.series[at] = series;
        }
        at
    }

    /// The series that has been silent for longest, if it has been for as long as the seconds reach.
    fn idle(&self) -> Option<usize> {
        let silent = self.series.iter().enumerate().filter(|(_, s)| {
            // The series of the others stays: it is the one place past the limit.
            s.rings[SECONDS].0.is_empty() && s.key.operation != RedWindows::OTHER
        });
        silent.min_by_key(|(_, s)| s.rings[MINUTES].0.back().map_or(0, |b| b.slot)).map(|(at, _)| at)
    }

    fn remove(&mut self, at: usize) {
        let all = u64::MAX;
        for l in 0..LEVELS {
            let mut level = Level { floor: all, ..self.levels[l].clone() };
            self.series[at].rings[l].drop_before(&mut level);
            self.levels[l].bins = level.bins;
        }
        let key = self.series[at].key.clone();
        if let Some(ops) = self.ids.get_mut(&key.service) {
            if let Some(kinds) = ops.get_mut(&key.operation) {
                kinds[key.kind as usize * 2 + usize::from(key.entry)] = NO_SERIES;
                if kinds.iter().all(|k| *k == NO_SERIES) {
                    ops.remove(&key.operation);
                }
            }
            if ops.is_empty() {
                self.ids.remove(&key.service);
            }
        }
    }
}

#[cfg(test)]
mod tests;
