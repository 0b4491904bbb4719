//! The SDK's collected metrics as ours.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry_sdk::metrics::Temporality as OfficialTemporality;
use opentelemetry_sdk::metrics::data::{self as official, AggregatedMetrics};

use super::resource::{resource_from_sdk, set_from};
use crate::model::{
    Exemplar, ExponentialBuckets, ExponentialPoint, HistogramPoint, KeyValue, Metric, MetricBatch,
    MetricData, Number, NumberPoint, ScopeMetrics, SpanId, Temporality, Timestamp, TraceId,
};
use crate::record::otel::convert::{scope_from, value_from};

/// One collection of the SDK. `u64` values over `i64::MAX` become doubles; everything else stays as it is.
pub fn metrics_from_sdk(metrics: &official::ResourceMetrics) -> MetricBatch {
    let scopes = metrics
        .scope_metrics()
        .map(|scope| ScopeMetrics {
            scope: scope_from(scope.scope()).into(),
            metrics: scope.metrics().map(metric_from).collect(),
        })
        .filter(|scope| !scope.metrics.is_empty())
        .collect();
    MetricBatch { resource: Arc::new(resource_from_sdk(metrics.resource())), scopes }
}

fn metric_from(metric: &official::Metric) -> Metric {
    let data = match metric.data() {
        AggregatedMetrics::F64(data) => data_from(data),
        AggregatedMetrics::I64(data) => data_from(data),
        AggregatedMetrics::U64(data) => data_from(data),
    };
    Metric {
        name: owned(metric.name()),
        description: owned(metric.description()),
        unit: owned(metric.unit()),
        data,
    }
}

fn data_from<T: Copy + ToNumber>(data: &official::MetricData<T>) -> MetricData {
    match data {
        official::MetricData::Gauge(gauge) => {
            let start = gauge.start_time().map_or(Timestamp::default(), Timestamp::from);
            let point = |p: &official::GaugeDataPoint<T>| NumberPoint {
                attributes: set_from(p.attributes()),
                start,
                time: gauge.time().into(),
                value: p.value().number(),
                exemplars: exemplars_from(p.exemplars()),
            };
            MetricData::Gauge { points: gauge.data_points().map(point).collect() }
        }
        official::MetricData::Sum(sum) => {
            let point = |p: &official::SumDataPoint<T>| NumberPoint {
                attributes: set_from(p.attributes()),
                start: sum.start_time().into(),
                time: sum.time().into(),
                value: p.value().number(),
                exemplars: exemplars_from(p.exemplars()),
            };
            MetricData::Sum {
                points: sum.data_points().map(point).collect(),
                temporality: temporality_from(sum.temporality()),
                monotonic: sum.is_monotonic(),
            }
        }
        official::MetricData::Histogram(histogram) => {
            let times = (histogram.start_time(), histogram.time());
            // All points of an instrument have the same bounds.
            let mut bounds: Arc<[f64]> = Arc::default();
            let points = histogram.data_points().map(|p| histogram_point(p, times, &mut bounds)).collect();
            MetricData::Histogram { points, temporality: temporality_from(histogram.temporality()) }
        }
        official::MetricData::ExponentialHistogram(histogram) => {
            let times = (histogram.start_time(), histogram.time());
            let points = histogram.data_points().map(|p| exponential_point(p, times)).collect();
            let temporality = temporality_from(histogram.temporality());
            MetricData::ExponentialHistogram { points, temporality }
        }
    }
}

fn exponential_point<T: Copy + ToNumber>(
    p: &official::ExponentialHistogramDataPoint<T>,
    (start, time): (SystemTime, SystemTime),
) -> ExponentialPoint {
    let buckets = |b: &official::ExponentialBucket| ExponentialBuckets {
        offset: b.offset(),
        counts: b.counts().collect(),
    };
    ExponentialPoint {
        attributes: set_from(p.attributes()),
        start: start.into(),
        time: time.into(),
        count: p.count() as u64,
        sum: p.sum().number().as_f64(),
        min: p.min().map(|v| v.number().as_f64()),
        max: p.max().map(|v| v.number().as_f64()),
        scale: p.scale().into(),
        zero_count: p.zero_count(),
        zero_threshold: p.zero_threshold(),
        positive: buckets(p.positive_bucket()),
        negative: buckets(p.negative_bucket()),
        exemplars: exemplars_from(p.exemplars()),
    }
}

fn histogram_point<T: Copy + ToNumber>(
    p: &official::HistogramDataPoint<T>,
    (start, time): (SystemTime, SystemTime),
    bounds: &mut Arc<[f64]>,
) -> HistogramPoint {
    if !p.bounds().eq(bounds.iter().copied()) {
        *bounds = p.bounds().collect();
    }
    HistogramPoint {
        attributes: set_from(p.attributes()),
        start: start.into(),
        time: time.into(),
        count: p.count(),
        sum: p.sum().number().as_f64(),
        min: p.min().map(|v| v.number().as_f64()),
        max: p.max().map(|v| v.number().as_f64()),
        bounds: bounds.clone(),
        // The SDK keeps no buckets if there are no bounds; we have one that holds everything.
        buckets: if bounds.is_empty() { vec![p.count()] } else { p.bucket_counts().collect() },
        exemplars: exemplars_from(p.exemplars()),
    }
}

fn exemplars_from<'a, T: Copy + ToNumber + 'a>(
    exemplars: impl Iterator<Item = &'a official::Exemplar<T>>,
) -> Vec<Exemplar> {
    exemplars
        .map(|e| Exemplar {
            time: e.time().into(),
            value: e.value.number(),
            trace_id: TraceId::from_bytes(*e.trace_id()),
            span_id: SpanId::from_bytes(*e.span_id()),
            attributes: e
                .filtered_attributes()
                .map(|kv| KeyValue::new(kv.key.as_str().to_owned(), value_from(kv.value.clone())))
                .collect(),
        })
        .collect()
}

fn temporality_from(temporality: OfficialTemporality) -> Temporality {
    match temporality {
        OfficialTemporality::Delta => Temporality::Delta,
        // `LowMemory` is a wish of a reader, never a property of data.
        _ => Temporality::Cumulative,
    }
}

fn owned(s: &str) -> Cow<'static, str> {
    Cow::Owned(s.to_owned())
}

/// The SDK's number types.
trait ToNumber {
    fn number(self) -> Number;
}

impl ToNumber for f64 {
    fn number(self) -> Number {
        Number::F64(self)
    }
}

impl ToNumber for i64 {
    fn number(self) -> Number {
        Number::I64(self)
    }
}

impl ToNumber for u64 {
    fn number(self) -> Number {
        Number::from(self)
    }
}
