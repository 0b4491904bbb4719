//! A collection as rows of the tables of metrics.

use trace_core::model::{
    AttributeSet, Exemplar, ExponentialPoint, HistogramPoint, KeyValue, Metric, MetricBatch, MetricData,
    NumberPoint, ScopeMetrics, Temporality, Timestamp,
};

use super::metric_schema::Kind;
use super::row::{Writer, put_length, put_text};

/// How a column keeps a time. Newer Collectors make tables of whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Precision {
    /// `DateTime64(9)`.
    #[default]
    Nanoseconds,
    /// `DateTime`.
    Seconds,
}

/// How a table keeps its times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Precisions {
    pub(super) start: Precision,
    pub(super) time: Precision,
    pub(super) exemplar: Precision,
}

/// The rows of one kind, and how many there are.
pub(super) fn encode(batch: &MetricBatch, kind: Kind, precisions: Precisions) -> (Vec<u8>, u64) {
    let mut rows =
        Rows { to: Writer::default(), count: 0, precisions, resource: resource(batch), head: Vec::new() };
    for scope in &batch.scopes {
        for metric in scope.metrics.iter().filter(|m| kind_of(&m.data) == Some(kind)) {
            rows.metric(batch, scope, metric);
        }
    }
    (rows.to.out, rows.count)
}

/// `None` for data of a kind that has no table.
pub(super) fn kind_of(data: &MetricData) -> Option<Kind> {
    match data {
        MetricData::Gauge { .. } => Some(Kind::Gauge),
        MetricData::Sum { .. } => Some(Kind::Sum),
        MetricData::Histogram { .. } => Some(Kind::Histogram),
        MetricData::ExponentialHistogram { .. } => Some(Kind::ExponentialHistogram),
        _ => None,
    }
}

struct Rows {
    to: Writer,
    count: u64,
    precisions: Precisions,
    /// What is the same in every row.
    resource: Vec<u8>,
    /// What is the same in every row of a metric.
    head: Vec<u8>,
}

fn resource(batch: &MetricBatch) -> Vec<u8> {
    let mut to = Writer::default();
    attributes(&mut to, batch.resource.attributes.iter());
    put_text(&mut to.out, &batch.resource.schema_url);
    to.out
}

fn attributes<'a>(to: &mut Writer, all: impl ExactSizeIterator<Item = &'a KeyValue>) {
    to.map(all.len(), all.map(|kv| (&*kv.key, kv.value.as_ref())));
}

/// The numbers of OTLP.
fn temporality(to: &mut Writer, t: Temporality) {
    let number: i32 = match t {
        Temporality::Delta => 1,
        Temporality::Cumulative => 2,
    };
    to.out.extend_from_slice(&number.to_le_bytes());
}

impl Rows {
    fn metric(&mut self, batch: &MetricBatch, scope: &ScopeMetrics, metric: &Metric) {
        let mut head = Writer::default();
        head.out.extend_from_slice(&self.resource);
        put_text(&mut head.out, &scope.scope.name);
        put_text(&mut head.out, &scope.scope.version);
        attributes(&mut head, scope.scope.attributes.iter());
        // How many attributes of the scope were dropped: not recorded.
        head.out.extend_from_slice(&0_u32.to_le_bytes());
        put_text(&mut head.out, &scope.scope.schema_url);
        put_text(&mut head.out, batch.resource.service_name());
        put_text(&mut head.out, &metric.name);
        put_text(&mut head.out, &metric.description);
        put_text(&mut head.out, &metric.unit);
        self.head = head.out;
        match &metric.data {
            MetricData::Gauge { points } => points.iter().for_each(|p| {
                self.number(p);
                self.exemplars(&p.exemplars);
            }),
            MetricData::Sum { points, temporality: t, monotonic } => points.iter().for_each(|p| {
                self.number(p);
                temporality(&mut self.to, *t);
                self.to.out.push(u8::from(*monotonic));
                self.exemplars(&p.exemplars);
            }),
            MetricData::Histogram { points, temporality: t } => points.iter().for_each(|p| {
                self.histogram(p, *t);
                self.exemplars(&p.exemplars);
            }),
            MetricData::ExponentialHistogram { points, temporality: t } => points.iter().for_each(|p| {
                self.exponential(p, *t);
                self.exemplars(&p.exemplars);
            }),
            _ => {}
        }
    }

    fn begin(&mut self, series: &AttributeSet, start: Timestamp, time: Timestamp) {
        self.count += 1;
        self.to.out.extend_from_slice(&self.head);
        attributes(&mut self.to, series.iter());
        self.at(start, self.precisions.start);
        self.at(time, self.precisions.time);
    }

    fn at(&mut self, time: Timestamp, precision: Precision) {
        match precision {
            Precision::Nanoseconds => self.to.time(time),
            Precision::Seconds => self.to.seconds(time),
        }
    }

    fn number(&mut self, p: &NumberPoint) {
        self.begin(&p.attributes, p.start, p.time);
        self.f64(p.value.as_f64());
        self.flags();
    }

    fn histogram(&mut self, p: &HistogramPoint, t: Temporality) {
        self.begin(&p.attributes, p.start, p.time);
        self.u64(p.count);
        self.f64(p.sum);
        self.counts(&p.buckets);
        put_length(&mut self.to.out, p.bounds.len());
        p.bounds.iter().for_each(|bound| self.f64(*bound));
        self.flags();
        self.extremes(p.min, p.max);
        temporality(&mut self.to, t);
    }

    fn exponential(&mut self, p: &ExponentialPoint, t: Temporality) {
        self.begin(&p.attributes, p.start, p.time);
        self.u64(p.count);
        self.f64(p.sum);
        self.i32(p.scale);
        self.u64(p.zero_count);
        for buckets in [&p.positive, &p.negative] {
            self.i32(buckets.offset);
            self.counts(&buckets.counts);
        }
        self.flags();
        self.extremes(p.min, p.max);
        temporality(&mut self.to, t);
    }

    /// Zero where there is none, as the Collector writes it.
    fn extremes(&mut self, min: Option<f64>, max: Option<f64>) {
        self.f64(min.unwrap_or(0.0));
        self.f64(max.unwrap_or(0.0));
    }

    /// The only flag says that a point has no value; those here have one.
    fn flags(&mut self) {
        self.to.out.extend_from_slice(&0_u32.to_le_bytes());
    }

    fn counts(&mut self, counts: &[u64]) {
        put_length(&mut self.to.out, counts.len());
        counts.iter().for_each(|count| self.u64(*count));
    }

    fn exemplars(&mut self, exemplars: &[Exemplar]) {
        put_length(&mut self.to.out, exemplars.len());
        exemplars.iter().for_each(|e| attributes(&mut self.to, e.attributes.iter()));
        put_length(&mut self.to.out, exemplars.len());
        exemplars.iter().for_each(|e| self.at(e.time, self.precisions.exemplar));
        put_length(&mut self.to.out, exemplars.len());
        exemplars.iter().for_each(|e| self.f64(e.value.as_f64()));
        put_length(&mut self.to.out, exemplars.len());
        for e in exemplars {
            match e.span_id {
                Some(id) => self.to.shown(id),
                None => put_text(&mut self.to.out, ""),
            }
        }
        put_length(&mut self.to.out, exemplars.len());
        for e in exemplars {
            match e.trace_id {
                Some(id) => self.to.shown(id),
                None => put_text(&mut self.to.out, ""),
            }
        }
    }

    fn u64(&mut self, v: u64) {
        self.to.out.extend_from_slice(&v.to_le_bytes());
    }

    fn i32(&mut self, v: i32) {
        self.to.out.extend_from_slice(&v.to_le_bytes());
    }

    fn f64(&mut self, v: f64) {
        self.to.out.extend_from_slice(&v.to_le_bytes());
    }
}
