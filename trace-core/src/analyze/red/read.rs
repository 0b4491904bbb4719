//! How the windows are read: under the lock only references to slots are gathered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Group;
use super::bucket::{Bucket, Tally, larger};
use super::level::{Kept, LEVELS, WIDTH};
use super::series::Piece;
use super::series_key::SeriesKey;
use super::tenant::{Tenant, TenantWindows};
use super::{
    ClosedWindow, OperationProfile, RedPoint, RedQuery, RedRow, RedSummary, RedWindows, SECOND, SpanOutcome,
};
use crate::analyze::QuantileSketch;
use crate::model::{TimeRange, Timestamp};

/// The most points of a plot.
const MAX_POINTS: u64 = 1000;

/// A slot of a series with its first second.
type Slot = (u64, Piece);

/// What was gathered of one series.
struct Gathered {
    key: Arc<SeriesKey>,
    slots: Vec<Slot>,
}

/// Adds slots up.
#[derive(Default)]
struct Adder {
    tally: Tally,
    group: Group,
}

impl Adder {
    fn add(&mut self, status: SpanOutcome, slots: &[Slot]) {
        let add = |tally: &mut Tally| {
            for (_, piece) in slots {
                match piece {
                    Piece::Sealed(sealed) => tally.add_sealed(sealed),
                    Piece::Open(bucket) => tally.add(bucket),
                }
            }
        };
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
}

fn timestamp(second: u64) -> Timestamp {
    Timestamp::from_unix_secs(second)
}

impl RedWindows {
    /// A period in numbers, over all series that match.
    pub fn summary(&self, query: &RedQuery<'_>) -> RedSummary {
        let (covered, gathered) = self.gather(query);
        let mut adder = Adder::default();
        gathered.iter().for_each(|g| adder.add(g.key.status, &g.slots));
        adder.take().summary(covered)
    }

    /// A period operation by operation, by service and name.
    pub fn rows(&self, query: &RedQuery<'_>) -> Vec<RedRow> {
        let row = |key: &SeriesKey, covered, group: Group| RedRow {
            service: key.service.clone(),
            operation: key.operation.clone(),
            kind: key.kind,
            summary: group.summary(covered),
        };
        self.by_operation(query, row)
    }

    /// A period operation by operation with the sketches, by service and name.
    pub fn profiles(&self, query: &RedQuery<'_>) -> Vec<OperationProfile> {
        let profile = |key: &SeriesKey, covered, group: Group| OperationProfile {
            service: key.service.clone(),
            operation: key.operation.clone(),
            kind: key.kind,
            covered,
            observed_errors: group.observed_errors,
            errors: group.errors,
            slowest: group.all.slowest.map(|s| s.1),
            slowest_error: group.slowest_error.map(|s| s.1),
            duration_ms: group.all.duration_ms,
            self_time_ms: group.all.self_time_ms,
        };
        self.by_operation(query, profile)
    }

    fn by_operation<R>(
        &self,
        query: &RedQuery<'_>,
        row: impl Fn(&SeriesKey, TimeRange, Group) -> R,
    ) -> Vec<R> {
        let (covered, mut gathered) = self.gather(query);
        gathered.retain(|g| !g.slots.is_empty());
        let id = |key: &SeriesKey| (key.service.clone(), key.operation.clone(), key.kind as u8);
        gathered.sort_by_cached_key(|g| id(&g.key));
        let mut adder = Adder::default();
        let same = |a: &Gathered, b: &Gathered| {
            (&a.key.service, &a.key.operation, a.key.kind) == (&b.key.service, &b.key.operation, b.key.kind)
        };
        let groups = gathered.chunk_by(same);
        groups
            .map(|group| {
                group.iter().for_each(|g| adder.add(g.key.status, &g.slots));
                row(&group[0].key, covered, adder.take())
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
        let mut steps: BTreeMap<u64, Vec<(SpanOutcome, Slot)>> = BTreeMap::new();
        state.visit(query, |series| {
            series.pieces(level, (from, to), &state.kept, &mut |second, piece| {
                let at = second.saturating_sub(from) / step;
                steps.entry(at).or_default().push((series.key.status, (second, piece)));
            });
        });
        drop(state);
        let mut adder = Adder::default();
        let all = (from..to).step_by(step as usize).enumerate();
        all.map(|(at, second)| {
            for (status, slot) in steps.remove(&(at as u64)).unwrap_or_default() {
                adder.add(status, &[slot]);
            }
            adder.take().point(timestamp(second))
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
        let mut adder = Adder::default();
        self.gather(query).1.iter().for_each(|g| adder.add(g.key.status, &g.slots));
        adder.take().all
    }

    /// What every active operation of every tenant did in a window of whole seconds of the last two minutes, by
    /// tenant, service and name. Without [`RedWindows::OTHER`], which is no operation.
    pub fn window(&self, range: TimeRange) -> Vec<ClosedWindow> {
        let seconds = (range.start.unix_nanos() / SECOND, range.end.unix_nanos() / SECOND);
        self.all().iter().flat_map(|tenant| window_of(tenant, seconds)).collect()
    }

    /// The covered part of the period, and the slots of every series that matches.
    fn gather(&self, query: &RedQuery<'_>) -> (TimeRange, Vec<Gathered>) {
        let range = query.range;
        let now = (self.config.clock)();
        let Some(tenant) = self.known(query.tenant_name()) else {
            let start = range.start.max(self.started);
            return (TimeRange { start, end: range.end.min(now).max(start) }, Vec::new());
        };
        let state = tenant.lock();
        let w = WIDTH[Kept::precision(range.duration().as_secs())];
        let from = range.start.unix_nanos() / SECOND / w * w;
        let to = range.end.unix_nanos().div_ceil(SECOND).div_ceil(w) * w;
        let mut gathered = Vec::new();
        state.visit(query, |series| {
            let mut slots = Vec::new();
            series.pieces(LEVELS - 1, (from, to), &state.kept, &mut |second, piece| {
                slots.push((second, piece));
            });
            gathered.push(Gathered { key: series.key.clone(), slots });
        });
        let start = timestamp(state.kept.slot_around(from)).max(self.started);
        let end = timestamp(state.kept.slot_before(to)).min(now).max(start);
        (TimeRange { start, end }, gathered)
    }
}

impl TenantWindows {
    fn visit(&self, query: &RedQuery<'_>, mut f: impl FnMut(&super::series::Series)) {
        if let (Some(service), Some(operation)) = (query.service, query.operation) {
            let series = self.table.operation(service, operation).filter_map(|at| self.series.get(at));
            return series.filter(|s| query.matches(&s.key)).for_each(f);
        }
        self.series.iter().filter(|s| query.matches(&s.key)).for_each(|s| f(s));
    }
}

fn window_of(tenant: &Tenant, seconds: (u64, u64)) -> Vec<ClosedWindow> {
    let mut found: BTreeMap<(String, String), Vec<Gathered>> = BTreeMap::new();
    let state = tenant.lock();
    for series in state.series.iter().filter(|s| s.latest >= seconds.0 && !s.key.is_other()) {
        let mut slots = Vec::new();
        series.pieces(0, seconds, &state.kept, &mut |second, piece| slots.push((second, piece)));
        if !slots.is_empty() {
            let key = (series.key.service.clone(), series.key.operation.clone());
            found.entry(key).or_default().push(Gathered { key: series.key.clone(), slots });
        }
    }
    drop(state);
    let mut adder = Adder::default();
    let close = |((service, operation), parts): ((String, String), Vec<Gathered>)| {
        parts.iter().for_each(|g| adder.add(g.key.status, &g.slots));
        let group = adder.take();
        ClosedWindow {
            tenant: tenant.id.clone(),
            service,
            operation,
            count: group.all.duration_ms.weight().round() as u64,
            errors: group.errors.round() as u64,
            observed: group.all.duration_ms.count(),
            slowest: group.all.slowest_self.map(|s| s.1),
            self_time_ms: group.all.self_time_ms,
        }
    };
    found.into_iter().map(close).collect()
}
