//! Turns the series of a stream into the points of a metric, cumulative or since a reader last looked.

use std::collections::HashMap;
use std::sync::Arc;

use super::exponential::Exponential;
use super::histogram_cell::{Distribution, HistogramCell};
use super::observable::Observed;
use super::series::{Cell, CellKind, Series};
use super::stream::{Stream, StreamSpec};
use super::sum::Total;
use super::table::Table;
use super::temporality::TemporalityPreference;
use crate::model::{
    ExponentialPoint, HistogramPoint, Metric, MetricData, Number, NumberPoint, Temporality, Timestamp,
};

/// One collection: when it is made, and by whom.
pub(super) struct Collection<'a> {
    pub(super) time: Timestamp,
    /// The start of everything cumulative.
    pub(super) start: Timestamp,
    /// What the reader remembers; without it everything is cumulative.
    pub(super) memory: Option<&'a mut Memory>,
}

/// What a reader has seen. It is the reader's own, so that readers do not disturb each other.
pub(super) struct Memory {
    pub(super) preference: TemporalityPreference,
    /// The reader's place in what cells keep for readers of intervals, and how many places there are.
    pub(super) slot: usize,
    pub(super) slots: usize,
    /// When it looked last.
    pub(super) since: Timestamp,
    recorded: HashMap<u64, Vec<Before>>,
    pub(super) observed: HashMap<u64, Table<Observed>>,
}

impl Memory {
    pub(super) fn new(preference: TemporalityPreference, slot: usize, since: Timestamp) -> Self {
        let (recorded, observed) = (HashMap::new(), HashMap::new());
        Self { preference, slot, slots: slot + 1, since, recorded, observed }
    }
}

/// The state of a series when the reader looked last.
enum Before {
    Unseen,
    Sum(Total),
    Histogram(Distribution),
    Exponential,
}

/// The time that a point covers.
#[derive(Clone, Copy)]
struct Interval {
    start: Timestamp,
    time: Timestamp,
}

impl Collection<'_> {
    /// The temporality of a stream's points.
    pub(super) fn temporality(&self, spec: &StreamSpec) -> Temporality {
        self.memory.as_ref().map_or(Temporality::Cumulative, |m| m.preference.of(spec.descriptor.kind))
    }

    /// The metric; `None` if it has no points.
    pub(super) fn recorded(&mut self, stream: &Stream) -> Option<Metric> {
        let temporality = self.temporality(&stream.spec);
        let series = stream.series();
        let mut points = Points { interval: Interval { start: self.start, time: self.time }, delta: None };
        if let (Temporality::Delta, Some(memory)) = (temporality, self.memory.as_deref_mut()) {
            points.interval.start = memory.since;
            let before = memory.recorded.entry(stream.id).or_default();
            before.resize_with(series.len().max(before.len()), || Before::Unseen);
            points.delta = Some(Delta { before, slot: memory.slot, slots: memory.slots });
        }
        let each = series.iter().enumerate();
        let data = match &stream.spec.cell {
            CellKind::Sum { monotonic } => {
                let found = each.filter_map(|(i, s)| points.sum(i, s, *monotonic)).collect();
                number_data(&stream.spec.cell, found, temporality)
            }
            CellKind::Gauge => {
                let found = series.iter().filter_map(|s| points.gauge(s)).collect();
                number_data(&stream.spec.cell, found, temporality)
            }
            CellKind::Histogram(_) => MetricData::Histogram {
                points: each.filter_map(|(i, s)| points.histogram(i, s)).collect(),
                temporality,
            },
            CellKind::Exponential(_) => MetricData::ExponentialHistogram {
                points: each.filter_map(|(i, s)| points.exponential(i, s)).collect(),
                temporality,
            },
        };
        (data.point_count() > 0).then(|| stream.spec.descriptor.metric(data))
    }
}

struct Points<'a> {
    interval: Interval,
    /// Absent for cumulative points.
    delta: Option<Delta<'a>>,
}

struct Delta<'a> {
    before: &'a mut Vec<Before>,
    slot: usize,
    slots: usize,
}

impl Points<'_> {
    fn number(&self, series: &Series, value: Number) -> NumberPoint {
        NumberPoint {
            attributes: series.attributes.clone(),
            start: self.interval.start,
            time: self.interval.time,
            value,
            exemplars: series.exemplars.snapshot(self.interval.start),
        }
    }

    fn sum(&mut self, i: usize, series: &Series, monotonic: bool) -> Option<NumberPoint> {
        let Cell::Sum(sum) = &series.cell else { return None };
        let mut total = sum.total(monotonic);
        if let Some(delta) = &mut self.delta {
            if let Before::Sum(before) = std::mem::replace(&mut delta.before[i], Before::Sum(total)) {
                total = total.since(before);
            }
            if total.is_zero() {
                return None;
            }
        }
        Some(self.number(series, total.number()))
    }

    fn gauge(&self, series: &Series) -> Option<NumberPoint> {
        let Cell::Gauge(gauge) = &series.cell else { return None };
        Some(self.number(series, gauge.get()?))
    }

    fn histogram(&mut self, i: usize, series: &Series) -> Option<HistogramPoint> {
        let Cell::Histogram(cell) = &series.cell else { return None };
        let found = match &mut self.delta {
            None => cell.total(),
            Some(delta) => delta.histogram(i, cell)?,
        };
        let extremes = found.extremes.known();
        Some(HistogramPoint {
            attributes: series.attributes.clone(),
            start: self.interval.start,
            time: self.interval.time,
            count: found.count(),
            sum: found.sum,
            min: extremes.map(|e| e.0),
            max: extremes.map(|e| e.1),
            bounds: cell.bounds().clone(),
            buckets: found.buckets,
            exemplars: series.exemplars.snapshot(self.interval.start),
        })
    }

    fn exponential(&mut self, i: usize, series: &Series) -> Option<ExponentialPoint> {
        let Cell::Exponential(cell) = &series.cell else { return None };
        let found: Exponential = match &mut self.delta {
            None => cell.total(),
            Some(delta) => {
                let before = std::mem::replace(&mut delta.before[i], Before::Exponential);
                let first = matches!(before, Before::Unseen);
                Some(cell.end_interval(delta.slot, delta.slots, first)).filter(|e| e.count > 0)?
            }
        };
        Some(exponential_point(series, found, self.interval.start, self.interval.time))
    }
}

/// A series of an exponential histogram, with its exemplars.
pub(super) fn exponential_point(
    series: &Series,
    found: Exponential,
    start: Timestamp,
    time: Timestamp,
) -> ExponentialPoint {
    let any = found.count > 0;
    ExponentialPoint {
        attributes: series.attributes.clone(),
        start,
        time,
        count: found.count,
        sum: found.sum,
        min: any.then_some(found.min),
        max: any.then_some(found.max),
        scale: found.scale,
        zero_count: found.zero_count,
        zero_threshold: 0.0,
        positive: found.positive,
        negative: found.negative,
        exemplars: series.exemplars.snapshot(start),
    }
}

impl Delta<'_> {
    /// What came since the reader looked last; `None` if nothing did.
    fn histogram(&mut self, i: usize, cell: &HistogramCell) -> Option<Distribution> {
        // In this order: a measurement that is counted has its extremes in place.
        let total = cell.total();
        let extremes = cell.end_interval(self.slot, self.slots);
        let found = match std::mem::replace(&mut self.before[i], Before::Histogram(total.clone())) {
            Before::Histogram(before) => Distribution { extremes, ..total.since(&before) },
            _ => total,
        };
        (found.count() > 0).then_some(found)
    }
}

/// Points of one metric, all doubles if one of them is.
pub(super) fn number_data(
    cell: &CellKind,
    mut points: Vec<NumberPoint>,
    temporality: Temporality,
) -> MetricData {
    if points.iter().any(|p| matches!(p.value, Number::F64(_))) {
        for p in &mut points {
            p.value = Number::F64(p.value.as_f64());
        }
    }
    match cell {
        CellKind::Sum { monotonic } => MetricData::Sum { points, temporality, monotonic: *monotonic },
        _ => MetricData::Gauge { points },
    }
}

/// A series as an observable instrument found it.
pub(super) fn observed_point(
    attributes: &Arc<crate::model::AttributeSet>,
    value: Number,
    start: Timestamp,
    time: Timestamp,
) -> NumberPoint {
    NumberPoint { attributes: attributes.clone(), start, time, value, exemplars: Vec::new() }
}
