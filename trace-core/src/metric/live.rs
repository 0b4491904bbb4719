//! Metrics read where they are: for formats that write each point once and keep none.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::collect::exponential_point;
use super::exemplar::ExemplarSlots;
use super::series::{Cell, CellKind, Series};
use super::stream::Stream;
use crate::model::{
    AttributeSet, Exemplar, ExponentialPoint, HistogramPoint, Metric, MetricBatch, MetricData, Number,
    NumberPoint, Resource, Scope, Temporality, Timestamp,
};

/// Series whose values are read before the first of them is handed on: the processor fetches them at the same time.
const AHEAD: usize = 32;

/// The metrics of a registry, or those of a [`MetricBatch`], to be visited one by one and in any order.
///
/// The values are those of the moment of the visit. Metrics without a series are there, too.
#[derive(Clone, Debug)]
pub struct LiveMetrics<'a> {
    /// What produced them.
    pub resource: Arc<Resource>,
    /// The metrics in the order of their scopes.
    pub metrics: Vec<LiveMetric<'a>>,
}

/// One metric whose points can be visited.
#[derive(Clone)]
pub struct LiveMetric<'a> {
    scope: Arc<Scope>,
    source: Source<'a>,
}

#[derive(Clone)]
enum Source<'a> {
    Stream { stream: Arc<Stream>, start: Timestamp, time: Timestamp },
    Collected(Cow<'a, Metric>),
}

/// What the points of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Numbers that are sums.
    Sum {
        /// Whether they only grow.
        monotonic: bool,
    },
    /// Numbers that are last values.
    Gauge,
    /// Distributions in explicit buckets.
    Histogram,
    /// Distributions in exponential buckets.
    ExponentialHistogram,
}

/// Takes the points of a metric. A locked table is held meanwhile: it must not record, nor make series.
pub trait PointVisitor {
    /// A point of a sum or gauge. `index` counts the series of the metric; those of a metric with an
    /// [`id`](LiveMetric::id) keep theirs.
    fn number(&mut self, index: usize, series: SeriesView<'_>, value: Number);

    /// A point of a histogram with explicit buckets.
    fn histogram(&mut self, index: usize, series: SeriesView<'_>, value: HistogramView<'_>);

    /// A point of an exponential histogram.
    fn exponential(&mut self, index: usize, point: &ExponentialPoint);
}

/// A series of numbers or of explicit buckets, without its value.
#[derive(Clone, Copy)]
pub struct SeriesView<'a> {
    /// The start of what it sums up; for gauges, of the process.
    pub start: Timestamp,
    /// The moment of the visit.
    pub time: Timestamp,
    rest: Rest<'a>,
}

#[derive(Clone, Copy)]
enum Rest<'a> {
    Live(&'a Series),
    Point(&'a Arc<AttributeSet>, &'a [Exemplar]),
}

/// The value of a histogram's series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistogramView<'a> {
    /// How many measurements.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Upper bounds, ascending, without infinity.
    pub bounds: &'a Arc<[f64]>,
    /// Counts per bucket, not cumulative; one more than `bounds`.
    pub buckets: &'a [u64],
}

impl<'a> SeriesView<'a> {
    fn live(series: &'a Series, start: Timestamp, time: Timestamp) -> Self {
        Self { start, time, rest: Rest::Live(series) }
    }

    fn point(
        attributes: &'a Arc<AttributeSet>,
        start: Timestamp,
        time: Timestamp,
        exemplars: &'a [Exemplar],
    ) -> Self {
        Self { start, time, rest: Rest::Point(attributes, exemplars) }
    }

    /// What makes the series.
    pub fn attributes(&self) -> &'a Arc<AttributeSet> {
        match self.rest {
            Rest::Live(series) => &series.attributes,
            Rest::Point(attributes, _) => attributes,
        }
    }

    /// The exemplars since the start; a copy of those that live.
    pub fn exemplars(&self) -> Cow<'a, [Exemplar]> {
        match self.rest {
            Rest::Live(series) => Cow::Owned(ExemplarSlots::snapshot(&series.exemplars, self.start)),
            Rest::Point(_, exemplars) => Cow::Borrowed(exemplars),
        }
    }
}

impl<'a> LiveMetric<'a> {
    pub(super) fn of_stream(
        scope: &Arc<Scope>,
        stream: &Arc<Stream>,
        start: Timestamp,
        time: Timestamp,
    ) -> Self {
        Self { scope: scope.clone(), source: Source::Stream { stream: stream.clone(), start, time } }
    }

    /// A metric that was collected.
    pub fn of(scope: &Arc<Scope>, metric: Cow<'a, Metric>) -> Self {
        Self { scope: scope.clone(), source: Source::Collected(metric) }
    }

    /// The metric with its points, if it was collected; `None` if it is read where it is.
    pub fn as_collected(&self) -> Option<&Metric> {
        match &self.source {
            Source::Stream { .. } => None,
            Source::Collected(metric) => Some(metric),
        }
    }

    /// The library.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// A number that no other metric of the process has, if the metric's series keep their indices from one visit to
    /// the next and only ever become more.
    pub fn id(&self) -> Option<u64> {
        match &self.source {
            Source::Stream { stream, .. } => Some(stream.id),
            Source::Collected(_) => None,
        }
    }

    /// The instrument's name.
    pub fn name(&self) -> &str {
        match &self.source {
            Source::Stream { stream, .. } => &stream.spec.descriptor.name,
            Source::Collected(metric) => &metric.name,
        }
    }

    /// What it measures, in a sentence.
    pub fn description(&self) -> &str {
        match &self.source {
            Source::Stream { stream, .. } => &stream.spec.descriptor.description,
            Source::Collected(metric) => &metric.description,
        }
    }

    /// The UCUM unit, or empty.
    pub fn unit(&self) -> &str {
        match &self.source {
            Source::Stream { stream, .. } => &stream.spec.descriptor.unit,
            Source::Collected(metric) => &metric.unit,
        }
    }

    /// What its points are; `None` for a kind of data that cannot be visited.
    pub fn shape(&self) -> Option<Shape> {
        match &self.source {
            Source::Stream { stream, .. } => Some(match stream.spec.cell {
                CellKind::Sum { monotonic } => Shape::Sum { monotonic },
                CellKind::Gauge => Shape::Gauge,
                CellKind::Histogram(_) => Shape::Histogram,
                CellKind::Exponential(_) => Shape::ExponentialHistogram,
            }),
            Source::Collected(metric) => Some(match &metric.data {
                MetricData::Sum { monotonic, .. } => Shape::Sum { monotonic: *monotonic },
                MetricData::Gauge { .. } => Shape::Gauge,
                MetricData::Histogram { .. } => Shape::Histogram,
                MetricData::ExponentialHistogram { .. } => Shape::ExponentialHistogram,
            }),
        }
    }

    /// Whether points cover the time since start, or since some last collection.
    pub fn temporality(&self) -> Temporality {
        match &self.source {
            Source::Stream { .. } => Temporality::Cumulative,
            Source::Collected(metric) => match &metric.data {
                MetricData::Sum { temporality, .. }
                | MetricData::Histogram { temporality, .. }
                | MetricData::ExponentialHistogram { temporality, .. } => *temporality,
                MetricData::Gauge { .. } => Temporality::Cumulative,
            },
        }
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        match &self.source {
            Source::Stream { stream, .. } => stream.len(),
            Source::Collected(metric) => metric.data.point_count(),
        }
    }

    /// Shows every point.
    pub fn visit(&self, visitor: &mut dyn PointVisitor) {
        match &self.source {
            Source::Stream { stream, start, time } => visit_stream(stream, *start, *time, visitor),
            Source::Collected(metric) => visit_data(&metric.data, visitor),
        }
    }
}

fn visit_stream(stream: &Stream, start: Timestamp, time: Timestamp, visitor: &mut dyn PointVisitor) {
    fn at(series: &Series, (start, time): (Timestamp, Timestamp)) -> SeriesView<'_> {
        SeriesView::live(series, start, time)
    }
    let times = (start, time);
    let mut buckets = Vec::new();
    stream.in_chunks(AHEAD, |first, chunk| match &stream.spec.cell {
        CellKind::Sum { monotonic } => {
            fetch(chunk);
            let mut values = [None; AHEAD];
            for (value, series) in values.iter_mut().zip(chunk) {
                if let Cell::Sum(sum) = &series.cell {
                    *value = Some(sum.total(*monotonic).number());
                }
            }
            for (i, (value, series)) in values.iter().zip(chunk).enumerate() {
                if let Some(value) = value {
                    visitor.number(first + i, at(series, times), *value);
                }
            }
        }
        CellKind::Gauge => {
            for (i, series) in chunk.iter().enumerate() {
                if let Cell::Gauge(gauge) = &series.cell
                    && let Some(value) = gauge.get()
                {
                    visitor.number(first + i, at(series, times), value);
                }
            }
        }
        CellKind::Histogram(bounds) => {
            let width = bounds.all().len() + 1;
            buckets.clear();
            buckets.resize(width * chunk.len(), 0);
            let mut sums = [0.0; AHEAD];
            for ((series, row), sum) in chunk.iter().zip(buckets.chunks_exact_mut(width)).zip(&mut sums) {
                if let Cell::Histogram(cell) = &series.cell {
                    *sum = cell.add_up(row);
                }
            }
            for (i, (series, row)) in chunk.iter().zip(buckets.chunks_exact(width)).enumerate() {
                let count = row.iter().sum();
                let value = HistogramView { count, sum: sums[i], bounds: bounds.all(), buckets: row };
                visitor.histogram(first + i, at(series, times), value);
            }
        }
        CellKind::Exponential(_) => {
            for (i, series) in chunk.iter().enumerate() {
                if let Cell::Exponential(cell) = &series.cell {
                    visitor.exponential(first + i, &exponential_point(series, cell.total(), start, time));
                }
            }
        }
    });
}

/// Looks at what the totals of these counters are made of. In two short loops, whose turns do not wait for each other:
/// a total waits for memory three times.
fn fetch(chunk: &[Arc<Series>]) {
    let mut shards = [None; AHEAD];
    for (shard, series) in shards.iter_mut().zip(chunk) {
        if let Cell::Sum(sum) = &series.cell {
            *shard = sum.shards().any();
        }
    }
    std::hint::black_box(shards.iter().flatten().fold(0, |all, shard| all ^ shard.get(0)));
}

fn visit_data(data: &MetricData, visitor: &mut dyn PointVisitor) {
    match data {
        MetricData::Sum { points, .. } | MetricData::Gauge { points } => {
            for (i, p) in points.iter().enumerate() {
                let NumberPoint { attributes, start, time, value, exemplars } = p;
                visitor.number(i, SeriesView::point(attributes, *start, *time, exemplars), *value);
            }
        }
        MetricData::Histogram { points, .. } => {
            for (i, p) in points.iter().enumerate() {
                let HistogramPoint { attributes, start, time, exemplars, .. } = p;
                let value =
                    HistogramView { count: p.count, sum: p.sum, bounds: &p.bounds, buckets: &p.buckets };
                visitor.histogram(i, SeriesView::point(attributes, *start, *time, exemplars), value);
            }
        }
        MetricData::ExponentialHistogram { points, .. } => {
            points.iter().enumerate().for_each(|(i, p)| visitor.exponential(i, p));
        }
    }
}

impl<'a> From<&'a MetricBatch> for LiveMetrics<'a> {
    fn from(batch: &'a MetricBatch) -> Self {
        let of = |s: &'a crate::model::ScopeMetrics| {
            s.metrics.iter().map(|m| LiveMetric::of(&s.scope, Cow::Borrowed(m)))
        };
        Self { resource: batch.resource.clone(), metrics: batch.scopes.iter().flat_map(of).collect() }
    }
}

impl From<MetricBatch> for LiveMetrics<'static> {
    fn from(batch: MetricBatch) -> Self {
        let scopes = batch.scopes.into_iter();
        let metrics = scopes.flat_map(|s| {
            let scope = s.scope;
            s.metrics.into_iter().map(move |m| LiveMetric::of(&scope, Cow::Owned(m)))
        });
        Self { resource: batch.resource, metrics: metrics.collect() }
    }
}

impl fmt::Debug for LiveMetric<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveMetric").field(&self.name()).field(&self.shape()).finish()
    }
}

impl fmt::Debug for SeriesView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SeriesView").field(&self.attributes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Aggregation, MeterRegistry, RegistryOptions, View};
    use crate::model::KeyValue;

    /// What a visit saw, as the text of its points.
    #[derive(Default)]
    struct Seen(Vec<String>);

    impl PointVisitor for Seen {
        fn number(&mut self, index: usize, series: SeriesView<'_>, value: Number) {
            self.0.push(format!("{index} {:?} {:?}", series.attributes(), value.as_f64()));
        }

        fn histogram(&mut self, index: usize, series: SeriesView<'_>, value: HistogramView<'_>) {
            self.0.push(format!("{index} {:?} {value:?}", series.attributes()));
        }

        fn exponential(&mut self, index: usize, point: &ExponentialPoint) {
            self.0.push(format!("{index} {point:?}"));
        }
    }

    #[test]
    fn a_visit_sees_what_a_collection_sees() {
        let views = vec![View::of("fine").aggregation(Aggregation::EXPONENTIAL)];
        let options = RegistryOptions { views, ..RegistryOptions::default() };
        let registry = MeterRegistry::with_options(Arc::new(Resource::service("shop")), options).unwrap();
        let meter = registry.meter(Scope::named("lib"));
        let counter = meter.counter("requests").unit("{request}").description("Served.").build().unwrap();
        let (level, took) = (meter.gauge("level").build().unwrap(), meter.histogram("took").build().unwrap());
        let fine = meter.histogram("fine").build().unwrap();
        meter.observable_gauge("seen").observe(|o| o.observe(3, &[])).unwrap();
        // More than are read ahead.
        for i in 0..100i64 {
            let attributes = [KeyValue::new("i", i)];
            counter.add(i, &attributes);
            level.record(0.5, &attributes);
            took.record(i as f64, &attributes);
            fine.record(i as f64, &attributes);
        }
        let now = Timestamp::now();
        let batch = registry.collect(now);
        let seen = |live: &LiveMetrics<'_>| {
            let mut all = Vec::new();
            for metric in &live.metrics {
                let mut seen = Seen::default();
                metric.visit(&mut seen);
                assert_eq!(seen.0.len(), metric.series_count());
                let head = [metric.name(), metric.unit(), metric.description()].join("|");
                all.push((head, metric.shape(), metric.temporality(), seen.0));
            }
            all
        };
        let live = registry.live(now);
        assert_eq!(seen(&live), seen(&LiveMetrics::from(&batch)));
        assert_eq!(seen(&live), seen(&LiveMetrics::from(batch.clone())));
        assert_eq!(live.metrics.iter().filter(|m| m.id().is_none()).count(), 1, "the observable one");
        assert!(LiveMetrics::from(batch).metrics.iter().all(|m| m.id().is_none()));
    }
}
