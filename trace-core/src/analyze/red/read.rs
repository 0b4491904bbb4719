//! How the windows are read: under the lock only references to slots are gathered.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Group;
use super::bucket::{Bucket, Sealed, Tally, larger};
use super::level::{Kept, LEVELS, WIDTH};
use super::series::{Piece, Series};
use super::series_key::SeriesKey;
use super::tenant::{Tenant, TenantWindows};
use super::{
    ClosedWindow, OperationProfile, RedPoint, RedQuery, RedRow, RedSummary, RedWindows, SECOND, SpanOutcome,
};
use crate::analyze::QuantileSketch;
use crate::model::{TimeRange, Timestamp};

/// The most points of a plot.
const MAX_POINTS: u64 = 1000;

/// The bytes of a slot.
enum Slot {
    /// Shared with the series.
    Sealed(Sealed),
    /// Copied, at this place.
    Copied(Range<usize>),
}

/// What was gathered of one series.
struct Gathered {
    key: Arc<SeriesKey>,
    /// Where its slots are among those of all.
    slots: Range<usize>,
}

/// The slots of series.
#[derive(Default)]
struct Slots {
    covered: TimeRange,
    all: Vec<Slot>,
    copied: Vec<u8>,
    of: Vec<Gathered>,
}

impl Slots {
    fn gather(&mut self, series: &Series, level: usize, seconds: (u64, u64), kept: &Kept) {
        let first = self.all.len();
        series.pieces(level, seconds, kept, &mut |_, piece| self.push(piece));
        if self.all.len() > first {
            self.of.push(Gathered { key: series.key.clone(), slots: first..self.all.len() });
        }
    }

    fn push(&mut self, piece: Piece<'_>) {
        self.all.push(match piece {
            Piece::Sealed(sealed) => Slot::Sealed(sealed.clone()),
            Piece::Open(bucket) => {
                let from = self.copied.len();
                bucket.pack(&mut self.copied);
                Slot::Copied(from..self.copied.len())
            }
        });
    }

    fn bytes(&self, slots: Range<usize>) -> impl Iterator<Item = &[u8]> {
        self.all.get(slots).unwrap_or_default().iter().map(|slot| match slot {
            Slot::Sealed(sealed) => sealed,
            Slot::Copied(at) => self.copied.get(at.clone()).unwrap_or_default(),
        })
    }

    fn add_to(&self, adder: &mut Adder, gathered: &Gathered) {
        adder.add(gathered.key.status, self.bytes(gathered.slots.clone()));
    }

    fn total(&self) -> Group {
        let mut adder = Adder::default();
        self.of.iter().for_each(|g| self.add_to(&mut adder, g));
        adder.take()
    }
}

/// Adds slots up.
#[derive(Default)]
struct Adder {
    tally: Tally,
    group: Group,
}

impl Adder {
    fn add<'a>(&mut self, status: SpanOutcome, slots: impl Iterator<Item = &'a [u8]>) {
        let add = |tally: &mut Tally| slots.for_each(|bytes| tally.add_sealed(bytes));
        if status != SpanOutcome::Error {
            return add(&mut self.tally);
        }
        let before = (self.tally.weight(), self.tally.count());
        let slowest = self.tally.slowest_of(add);
        larger(&mut self.group.slowest_error, slowest);
        self.group.errors += self.tally.weight() - before.0;
        self.group.observed_errors += self.tally.count() - before.1;
    }

    fn take(&mut self) -> Group {
        Group { all: self.tally.take(), ..std::mem::take(&mut self.group) }
    }

    /// The same in the memory of another sum.
    fn next<'g>(&mut self, sum: &'g mut Group) -> &'g mut Group {
        let all = self.tally.take_into(std::mem::take(&mut sum.all));
        *sum = Group { all, ..std::mem::take(&mut self.group) };
        sum
    }
}

/// By service, name and kind: what a row is.
fn id(g: &Gathered) -> (&str, &str, u8) {
    (&g.key.service, &g.key.operation, g.key.kind as u8)
}

fn timestamp(second: u64) -> Timestamp {
    Timestamp::from_unix_secs(second)
}

impl RedWindows {
    /// A period in numbers, over all series that match.
    pub fn summary(&self, query: &RedQuery<'_>) -> RedSummary {
        let slots = self.gather(query);
        slots.total().summary(slots.covered)
    }

    /// A period operation by operation, by service and name.
    pub fn rows(&self, query: &RedQuery<'_>) -> Vec<RedRow> {
        let row = |key: &SeriesKey, covered, group: &mut Group| RedRow {
            service: key.service.clone(),
            operation: key.operation.clone(),
            kind: key.kind,
            summary: group.summary(covered),
        };
        self.by_operation(query, row)
    }

    /// A period operation by operation with the sketches, by service and name.
    pub fn profiles(&self, query: &RedQuery<'_>) -> Vec<OperationProfile> {
        let profile = |key: &SeriesKey, covered, group: &mut Group| OperationProfile {
            service: key.service.clone(),
            operation: key.operation.clone(),
            kind: key.kind,
            covered,
            observed_errors: group.observed_errors,
            errors: group.errors,
            slowest: group.all.slowest.map(|s| s.1),
            slowest_error: group.slowest_error.map(|s| s.1),
            duration_ms: std::mem::take(&mut group.all.duration_ms),
            self_time_ms: std::mem::take(&mut group.all.self_time_ms),
        };
        self.by_operation(query, profile)
    }

    fn by_operation<R>(
        &self,
        query: &RedQuery<'_>,
        row: impl Fn(&SeriesKey, TimeRange, &mut Group) -> R,
    ) -> Vec<R> {
        let mut slots = self.gather(query);
        let mut gathered = std::mem::take(&mut slots.of);
        gathered.sort_by(|a, b| id(a).cmp(&id(b)));
        let mut adder = Adder::default();
        // One sum in the same memory for all rows.
        let mut sum = Group::default();
        let groups = gathered.chunk_by(|a, b| id(a) == id(b));
        groups
            .map(|group| {
                group.iter().for_each(|g| slots.add_to(&mut adder, g));
                row(&group[0].key, slots.covered, adder.next(&mut sum))
            })
            .collect()
    }

    /// A period step by step, at most 1000 of them; steps without spans are there, with a count of zero. The step
    /// is rounded up to whole slots of the widths that are kept.
    pub fn points(&self, query: &RedQuery<'_>, step: Duration) -> Vec<RedPoint> {
        let wanted = step.as_secs().max(1);
        let Some(tenant) = self.known(query.tenant_name()) else {
            let (from, to, step) = self.steps(query, wanted, 0);
            return (from..to).step_by(step as usize).map(|s| Group::default().point(timestamp(s))).collect();
        };
        let state = tenant.lock();
        let fits = (0..LEVELS).rev().find(|l| WIDTH[*l] <= wanted).unwrap_or(0);
        let start = query.range.start.max(self.started).unix_nanos() / SECOND;
        let level = (fits..LEVELS).find(|l| state.kept.since(*l) <= start).unwrap_or(LEVELS - 1);
        let (from, to, step) = self.steps(query, wanted, level);
        let from = from.max(state.kept.since(level));
        let mut slots = Slots::default();
        let mut steps: BTreeMap<u64, Vec<(SpanOutcome, usize)>> = BTreeMap::new();
        state.visit(query, |series| {
            series.pieces(level, (from, to), &state.kept, &mut |second, piece| {
                let at = second.saturating_sub(from) / step;
                steps.entry(at).or_default().push((series.key.status, slots.all.len()));
                slots.push(piece);
            });
        });
        drop(state);
        let mut tally = Tally::default();
        let all = (from..to).step_by(step as usize).enumerate();
        all.map(|(at, second)| {
            let mut errors = 0.0;
            for (status, slot) in steps.remove(&(at as u64)).unwrap_or_default() {
                let before = tally.weight();
                slots.bytes(slot..slot + 1).for_each(|bytes| tally.add_durations(bytes));
                errors += if status == SpanOutcome::Error { tally.weight() - before } else { 0.0 };
            }
            Group { all: tally.take(), errors, ..Group::default() }.point(timestamp(second))
        })
        .collect()
    }

    /// The seconds from and to (exclusive) of a plot, and the step.
    fn steps(&self, query: &RedQuery<'_>, wanted: u64, level: usize) -> (u64, u64, u64) {
        let (w, now) = (WIDTH[level], (self.config.clock)());
        // Nothing has happened later than now.
        let start = query.range.start.unix_nanos() / SECOND;
        let end = query.range.end.min(now.max(query.range.start)).unix_nanos().div_ceil(SECOND);
        let (from, to) = (start / w * w, end.div_ceil(w) * w);
        let to = to.max(from);
        let step = wanted.max((to - from).div_ceil(MAX_POINTS)).div_ceil(w) * w;
        (from, to, step.max(1))
    }

    /// The durations of a period, in milliseconds: the history that a single duration is compared with.
    pub fn durations(&self, query: &RedQuery<'_>) -> QuantileSketch {
        self.total(query).duration_ms
    }

    /// The durations without children of a period, in milliseconds.
    pub fn self_times(&self, query: &RedQuery<'_>) -> QuantileSketch {
        self.total(query).self_time_ms
    }

    fn total(&self, query: &RedQuery<'_>) -> Bucket {
        self.gather(query).total().all
    }

    /// What every active operation of every tenant did in a window of whole seconds of the last two minutes, by
    /// tenant, service and name. Without [`RedWindows::OTHER`], which is no operation.
    pub fn window(&self, range: TimeRange) -> Vec<ClosedWindow> {
        let seconds = (range.start.unix_nanos() / SECOND, range.end.unix_nanos() / SECOND);
        self.all().iter().flat_map(|tenant| window_of(tenant, seconds)).collect()
    }

    /// The covered part of the period, and the slots of every series that matches.
    fn gather(&self, query: &RedQuery<'_>) -> Slots {
        let range = query.range;
        let now = (self.config.clock)();
        let Some(tenant) = self.known(query.tenant_name()) else {
            let start = range.start.max(self.started);
            let covered = TimeRange { start, end: range.end.min(now).max(start) };
            return Slots { covered, ..Slots::default() };
        };
        let state = tenant.lock();
        let w = WIDTH[Kept::precision(range.duration().as_secs())];
        let from = range.start.unix_nanos() / SECOND / w * w;
        let to = range.end.unix_nanos().div_ceil(SECOND).div_ceil(w) * w;
        // Some thirty slots a series; growing would copy them several times.
        let mut slots = Slots::default();
        slots.all.reserve(32 * state.series.len());
        state.visit(query, |series| slots.gather(series, LEVELS - 1, (from, to), &state.kept));
        let start = timestamp(state.kept.slot_around(from)).max(self.started);
        let end = timestamp(state.kept.slot_before(to, from)).min(now).max(start);
        slots.covered = TimeRange { start, end };
        slots
    }
}

impl TenantWindows {
    fn visit(&self, query: &RedQuery<'_>, f: impl FnMut(&Series)) {
        if let (Some(service), Some(operation)) = (query.service, query.operation) {
            let series = self.table.operation(service, operation).filter_map(|at| self.series.get(at));
            return series.filter(|s| query.matches(&s.key)).for_each(f);
        }
        self.series.iter().filter(|s| query.matches(&s.key)).for_each(f);
    }
}

fn window_of(tenant: &Tenant, seconds: (u64, u64)) -> Vec<ClosedWindow> {
    let mut slots = Slots::default();
    let state = tenant.lock();
    for series in state.series.iter().filter(|s| s.latest >= seconds.0 && !s.key.is_other()) {
        slots.gather(series, 0, seconds, &state.kept);
    }
    drop(state);
    let mut gathered = std::mem::take(&mut slots.of);
    gathered.sort_by(|a, b| id(a).cmp(&id(b)));
    let mut adder = Adder::default();
    let close = |parts: &[Gathered]| {
        parts.iter().for_each(|g| slots.add_to(&mut adder, g));
        let group = adder.take();
        ClosedWindow {
            tenant: tenant.id.clone(),
            service: parts[0].key.service.clone(),
            operation: parts[0].key.operation.clone(),
            count: group.all.duration_ms.weight().round() as u64,
            errors: group.errors.round() as u64,
            observed: group.all.duration_ms.count(),
            slowest: group.all.slowest_self.map(|s| s.1),
            self_time_ms: group.all.self_time_ms,
        }
    };
    gathered.chunk_by(|a, b| (id(a).0, id(a).1) == (id(b).0, id(b).1)).map(close).collect()
}
