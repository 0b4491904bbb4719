//! `ExportMetricsServiceRequest`, written straight from a [`MetricBatch`].
//!
//! Field numbers: `opentelemetry/proto/metrics/v1/metrics.proto`.

use trace_core::model::{
    Exemplar, ExponentialBuckets, ExponentialPoint, HistogramPoint, Metric, MetricBatch, MetricData, Number,
    NumberPoint, ScopeMetrics, Temporality,
};

use super::shared::{ResourceMessage, ScopeMessage, attribute, attribute_set};
use crate::wire_writer::{Message, Wire};

/// Appends the request; nothing for a collection without points.
pub(crate) fn metric_request(batch: &MetricBatch, out: &mut Vec<u8>) {
    let points = batch.point_count();
    if points > 0 {
        out.delimited(1, points * POINT_BYTES, |out| ResourceMetrics(batch).fields(out));
    }
}

/// What a point takes, roughly.
const POINT_BYTES: usize = 80;

struct ResourceMetrics<'a>(&'a MetricBatch);

impl Message for ResourceMetrics<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        s.message(1, &ResourceMessage(&self.0.resource));
        // Receivers may drop empty envelopes, so none are sent.
        for scope in self.0.scopes.iter().filter(|s| s.metrics.iter().any(has_points)) {
            let points: usize = scope.metrics.iter().map(|m| m.data.point_count()).sum();
            s.delimited(2, points * POINT_BYTES, |s| ScopeMessageWithMetrics(scope).fields(s));
        }
        s.string(3, &self.0.resource.schema_url);
    }
}

fn has_points(metric: &Metric) -> bool {
    metric.data.point_count() > 0
}

struct ScopeMessageWithMetrics<'a>(&'a ScopeMetrics);

impl Message for ScopeMessageWithMetrics<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        s.message(1, &ScopeMessage(&self.0.scope));
        for metric in self.0.metrics.iter().filter(|m| has_points(m)) {
            s.delimited(2, metric.data.point_count() * POINT_BYTES, |s| MetricMessage(metric).fields(s));
        }
        s.string(3, &self.0.scope.schema_url);
    }
}

struct MetricMessage<'a>(&'a Metric);

impl Message for MetricMessage<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        s.string(1, &self.0.name);
        s.string(2, &self.0.description);
        s.string(3, &self.0.unit);
        match &self.0.data {
            MetricData::Gauge { points } => {
                s.delimited(5, points.len() * POINT_BYTES, |s| Gauge(points).fields(s))
            }
            MetricData::Sum { points, temporality, monotonic } => {
                s.delimited(7, points.len() * POINT_BYTES, |s| {
                    Sum(points, *temporality, *monotonic).fields(s)
                })
            }
            MetricData::Histogram { points, temporality } => {
                s.delimited(9, points.len() * POINT_BYTES, |s| Histogram(points, *temporality).fields(s))
            }
            MetricData::ExponentialHistogram { points, temporality } => {
                s.delimited(10, points.len() * POINT_BYTES, |s| {
                    ExponentialHistogram(points, *temporality).fields(s)
                })
            }
            // A kind of data that this version does not know: its name arrives without points.
            _ => {}
        }
    }
}

struct Gauge<'a>(&'a [NumberPoint]);

impl Message for Gauge<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        self.0.iter().for_each(|p| s.message(1, &Point(p)));
    }
}

struct Sum<'a>(&'a [NumberPoint], Temporality, bool);

impl Message for Sum<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        self.0.iter().for_each(|p| s.message(1, &Point(p)));
        s.uint(2, temporality(self.1));
        s.uint(3, self.2.into());
    }
}

struct Histogram<'a>(&'a [HistogramPoint], Temporality);

impl Message for Histogram<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        self.0.iter().for_each(|p| s.message(1, &Distribution(p)));
        s.uint(2, temporality(self.1));
    }
}

struct ExponentialHistogram<'a>(&'a [ExponentialPoint], Temporality);

impl Message for ExponentialHistogram<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        self.0.iter().for_each(|p| s.message(1, &ExponentialDistribution(p)));
        s.uint(2, temporality(self.1));
    }
}

fn temporality(t: Temporality) -> u64 {
    match t {
        Temporality::Delta => 1,
        Temporality::Cumulative => 2,
    }
}

/// `NumberDataPoint`.
struct Point<'a>(&'a NumberPoint);

impl Message for Point<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        s.fixed64(2, self.0.start.unix_nanos());
        s.fixed64(3, self.0.time.unix_nanos());
        match self.0.value {
            Number::F64(v) => s.double_always(4, v),
            Number::I64(v) => s.fixed64_always(6, v as u64),
        }
        self.0.exemplars.iter().for_each(|e| s.message(5, &ExemplarMessage(e)));
        attribute_set(s, 7, &self.0.attributes);
    }
}

/// `HistogramDataPoint`.
struct Distribution<'a>(&'a HistogramPoint);

impl Message for Distribution<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        let p = self.0;
        s.fixed64(2, p.start.unix_nanos());
        s.fixed64(3, p.time.unix_nanos());
        s.fixed64(4, p.count);
        s.double_always(5, p.sum);
        s.packed64(6, p.buckets.iter().copied());
        s.packed64(7, p.bounds.iter().map(|b| b.to_bits()));
        p.exemplars.iter().for_each(|e| s.message(8, &ExemplarMessage(e)));
        attribute_set(s, 9, &p.attributes);
        if let Some(min) = p.min {
            s.double_always(11, min);
        }
        if let Some(max) = p.max {
            s.double_always(12, max);
        }
    }
}

/// `ExponentialHistogramDataPoint`.
struct ExponentialDistribution<'a>(&'a ExponentialPoint);

impl Message for ExponentialDistribution<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        let p = self.0;
        attribute_set(s, 1, &p.attributes);
        s.fixed64(2, p.start.unix_nanos());
        s.fixed64(3, p.time.unix_nanos());
        s.fixed64(4, p.count);
        s.double_always(5, p.sum);
        s.uint(6, zigzag(p.scale));
        s.fixed64(7, p.zero_count);
        for (field, buckets) in [(8, &p.positive), (9, &p.negative)] {
            if !buckets.counts.is_empty() {
                s.message(field, &Buckets(buckets));
            }
        }
        p.exemplars.iter().for_each(|e| s.message(11, &ExemplarMessage(e)));
        if let Some(min) = p.min {
            s.double_always(12, min);
        }
        if let Some(max) = p.max {
            s.double_always(13, max);
        }
        if p.zero_threshold != 0.0 {
            s.double_always(14, p.zero_threshold);
        }
    }
}

struct Buckets<'a>(&'a ExponentialBuckets);

impl Message for Buckets<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        s.uint(1, zigzag(self.0.offset));
        s.packed_varints(2, self.0.counts.iter().copied());
    }
}

/// `sint32`: small magnitudes of either sign take few bytes.
fn zigzag(v: i32) -> u64 {
    ((v << 1) ^ (v >> 31)).cast_unsigned().into()
}

struct ExemplarMessage<'a>(&'a Exemplar);

impl Message for ExemplarMessage<'_> {
    fn fields(&self, s: &mut Vec<u8>) {
        let e = self.0;
        s.fixed64(2, e.time.unix_nanos());
        match e.value {
            Number::F64(v) => s.double_always(3, v),
            Number::I64(v) => s.fixed64_always(6, v as u64),
        }
        if let Some(id) = e.span_id {
            s.bytes_always(4, &id.to_bytes());
        }
        if let Some(id) = e.trace_id {
            s.bytes_always(5, &id.to_bytes());
        }
        e.attributes.iter().for_each(|kv| attribute(s, 7, &kv.key, kv.value.as_ref()));
    }
}
