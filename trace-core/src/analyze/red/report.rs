//! What the windows answer.

use std::collections::BTreeMap;

use serde::Serialize;

use super::*;
use crate::model::Aggregate;

/// Which part of the windows is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedQuery<'a> {
    /// The period. Its edges are widened to whole seconds, or to whole minutes if it reaches back further than
    /// the seconds do.
    pub range: TimeRange,
    /// Only this service.
    pub service: Option<&'a str>,
    /// Only this operation.
    pub operation: Option<&'a str>,
    /// Only local roots: each request once instead of each span.
    pub entries_only: bool,
}

impl<'a> RedQuery<'a> {
    /// Everything in the range.
    pub const fn all(range: TimeRange) -> Self {
        Self { range, service: None, operation: None, entries_only: false }
    }

    /// One operation in the range.
    pub const fn operation(range: TimeRange, service: &'a str, operation: &'a str) -> Self {
        Self { range, service: Some(service), operation: Some(operation), entries_only: false }
    }
}

/// A period in numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedSummary {
    /// The part of the period that was observed: since the start of the process, as far back as is kept, until now.
    pub covered: TimeRange,
    /// Spans that ended.
    pub count: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// Spans per second over the covered time.
    pub rate_per_sec: f64,
    /// Failures in percent, 0 to 100.
    pub error_rate_percent: f64,
    /// Durations in milliseconds.
    pub duration_ms: Aggregate,
    /// Durations without children, in milliseconds.
    pub self_time_ms: Aggregate,
    /// The slowest span.
    pub slowest: Option<TraceIds>,
}

/// One operation over a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedRow {
    /// The service.
    pub service: String,
    /// The span's name.
    pub operation: String,
    /// The span's kind.
    pub kind: SpanKind,
    /// Its numbers.
    #[serde(flatten)]
    pub summary: RedSummary,
}

/// One step of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedPoint {
    /// Where the step begins.
    pub time: Timestamp,
    /// Spans that ended.
    pub count: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// The median duration; `None` without spans.
    pub p50_ms: Option<f64>,
    /// The 95th percentile.
    pub p95_ms: Option<f64>,
    /// The 99th percentile.
    pub p99_ms: Option<f64>,
}

/// What one operation did in one closed window; all kinds together.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedWindow {
    /// The service.
    pub service: String,
    /// The span's name.
    pub operation: String,
    /// Spans that ended, as far as sampling lets it be known.
    pub count: u64,
    /// Spans that were seen: what the numbers rest on.
    pub samples: u64,
    /// Failed ones among them.
    pub errors: u64,
    /// Durations without children, in milliseconds.
    pub self_time_ms: QuantileSketch,
    /// The span with the longest time of its own.
    pub slowest: Option<TraceIds>,
}

/// The most points of a plot.
const MAX_POINTS: u64 = 1000;

impl RedWindows {
    /// A period in numbers, over all series that match.
    pub fn summary(&self, query: &RedQuery<'_>) -> RedSummary {
        let now = (self.config.clock)();
        let state = self.lock();
        let (covered, mut total) = (state.covered(query, now), Bucket::new(0));
        state.visit(query, |_, b| total.merge(b));
        summary(covered, &total)
    }

    /// A period operation by operation, by service and name.
    pub fn rows(&self, query: &RedQuery<'_>) -> Vec<RedRow> {
        let now = (self.config.clock)();
        let state = self.lock();
        let covered = state.covered(query, now);
        let mut rows: BTreeMap<(&str, &str, u8), (SpanKind, Bucket)> = BTreeMap::new();
        state.visit(query, |key, b| {
            let id = (key.service.as_str(), key.operation.as_str(), key.kind as u8);
            rows.entry(id).or_insert_with(|| (key.kind, Bucket::new(0))).1.merge(b);
        });
        rows.into_iter()
            .map(|((service, operation, _), (kind, b))| RedRow {
                service: service.to_owned(),
                operation: operation.to_owned(),
                kind,
                summary: summary(covered, &b),
            })
            .collect()
    }

    /// A period step by step, at most 1000 of them; steps without spans are there, with a count of zero. The step
    /// is rounded up to whole seconds, or minutes where only these are kept.
    pub fn points(&self, query: &RedQuery<'_>, step: Duration) -> Vec<RedPoint> {
        let state = self.lock();
        let (l, from, to) = state.slots(query);
        let width = state.levels[l].width;
        let step = (step.as_nanos().min(u128::from(u64::MAX)) as u64).div_ceil(width).max(1);
        let step = step.max((to - from).div_ceil(MAX_POINTS));
        let mut steps: Vec<Bucket> =
            (0..(to - from).div_ceil(step)).map(|i| Bucket::new(from + i * step)).collect();
        state.visit(query, |_, b| {
            if let Some(s) = steps.get_mut(((b.slot - from) / step) as usize) {
                s.merge(b);
            }
        });
        steps
            .iter()
            .map(|s| RedPoint {
                time: Timestamp::from_unix_nanos(s.slot * width),
                count: s.count,
                errors: s.errors,
                p50_ms: s.duration_ms.quantile(0.5),
                p95_ms: s.duration_ms.quantile(0.95),
                p99_ms: s.duration_ms.quantile(0.99),
            })
            .collect()
    }

    /// The durations of a period, in milliseconds: the history that a single duration is compared with.
    pub fn durations(&self, query: &RedQuery<'_>) -> QuantileSketch {
        let mut sketch = QuantileSketch::new();
        self.lock().visit(query, |_, b| sketch.merge(&b.duration_ms));
        sketch
    }

    /// The durations without children of a period, in milliseconds.
    pub fn self_times(&self, query: &RedQuery<'_>) -> QuantileSketch {
        let mut sketch = QuantileSketch::new();
        self.lock().visit(query, |_, b| sketch.merge(&b.self_time_ms));
        sketch
    }

    /// What every active operation did in a window of whole seconds, by service and name. Without
    /// [`RedWindows::OTHER`], which is no operation.
    pub fn window(&self, range: TimeRange) -> Vec<ClosedWindow> {
        let state = self.lock();
        let second = &state.levels[SECONDS];
        let (from, to) = (second.slot(range.start.unix_nanos()), second.slot(range.end.unix_nanos()));
        let mut found: BTreeMap<(&str, &str), Bucket> = BTreeMap::new();
        for series in &state.series {
            let key = &series.key;
            for b in series.rings[SECONDS].between(from, to).filter(|_| key.operation != Self::OTHER) {
                found.entry((&key.service, &key.operation)).or_insert_with(|| Bucket::new(0)).merge(b);
            }
        }
        found
            .into_iter()
            .map(|((service, operation), b)| ClosedWindow {
                service: service.to_owned(),
                operation: operation.to_owned(),
                count: b.count,
                samples: b.samples,
                errors: b.errors,
                self_time_ms: b.self_time_ms,
                slowest: b.slowest_self.map(|s| s.1),
            })
            .collect()
    }
}

impl State {
    /// The level that answers a query, and its slots from and to (exclusive).
    fn slots(&self, query: &RedQuery<'_>) -> (usize, u64, u64) {
        let start = query.range.start.max(self.started).unix_nanos();
        let l =
            if self.levels[SECONDS].slot(start) >= self.levels[SECONDS].floor { SECONDS } else { MINUTES };
        let level = &self.levels[l];
        // Spans that ended before the process began may still have been reported to it.
        let from = level.slot(query.range.start.unix_nanos()).max(level.floor);
        (l, from, query.range.end.unix_nanos().div_ceil(level.width).max(from))
    }

    fn visit<'s>(&'s self, query: &RedQuery<'_>, mut f: impl FnMut(&'s SeriesKey, &Bucket)) {
        let (l, from, to) = self.slots(query);
        for series in &self.series {
            let key = &series.key;
            let wanted = query.service.is_none_or(|s| s == key.service)
                && query.operation.is_none_or(|o| o == key.operation)
                && (!query.entries_only || key.entry);
            if wanted {
                series.rings[l].between(from, to).for_each(|b| f(key, b));
            }
        }
    }

    fn covered(&self, query: &RedQuery<'_>, now: Timestamp) -> TimeRange {
        let (l, from, _) = self.slots(query);
        let kept = Timestamp::from_unix_nanos(from * self.levels[l].width);
        let start = query.range.start.max(self.started).max(kept);
        TimeRange { start, end: query.range.end.min(now).max(start) }
    }
}

fn summary(covered: TimeRange, b: &Bucket) -> RedSummary {
    let seconds = covered.duration().as_secs_f64();
    RedSummary {
        covered,
        count: b.count,
        errors: b.errors,
        rate_per_sec: if seconds > 0.0 { b.count as f64 / seconds } else { 0.0 },
        error_rate_percent: if b.count > 0 { 100.0 * b.errors as f64 / b.count as f64 } else { 0.0 },
        duration_ms: b.duration_ms.aggregate(),
        self_time_ms: b.self_time_ms.aggregate(),
        slowest: b.slowest.map(|s| s.1),
    }
}
