//! The SDK's collected metrics as ours.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry_sdk::metrics::Temporality as OfficialTemporality;
use opentelemetry_sdk::metrics::data::{self as official, AggregatedMetrics};

use super::resource::{resource_from_sdk, set_from};
use crate::model::{
    Exemplar, HistogramPoint, KeyValue, Metric, MetricBatch, MetricData, Number, NumberPoint, ScopeMetrics,
    SpanId, Temporality, Timestamp, TraceId,
};
use crate::record::otel::convert::{scope_from, value_from};

/// Data points that our model has no place for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{points} data points were left out: {}", metrics.join(", "))]
pub struct Unconverted {
    /// How many data points.
    pub points: usize,
    /// Each metric with the reason.
    pub metrics: Vec<String>,
}

/// One collection of the SDK, and what could not be kept of it.
pub fn metrics_from_sdk(metrics: &official::ResourceMetrics) -> (MetricBatch, Option<Unconverted>) {
    let mut left_out = Unconverted { points: 0, metrics: Vec::new() };
    let scopes = metrics
        .scope_metrics()
        .map(|scope| ScopeMetrics {
            scope: scope_from(scope.scope()).into(),
            metrics: scope.metrics().filter_map(|m| metric_from(m, &mut left_out)).collect(),
        })
        .filter(|scope| !scope.metrics.is_empty())
        .collect();
    let batch = MetricBatch { resource: Arc::new(resource_from_sdk(metrics.resource())), scopes };
    (batch, (left_out.points > 0).then_some(left_out))
}

fn metric_from(metric: &official::Metric, left_out: &mut Unconverted) -> Option<Metric> {
    let data = match metric.data() {
        AggregatedMetrics::F64(data) => data_from(data),
        AggregatedMetrics::I64(data) => data_from(data),
        AggregatedMetrics::U64(data) => data_from(data),
    };
    match data {
        Ok(data) => Some(Metric {
            name: owned(metric.name()),
            description: owned(metric.description()),
            unit: owned(metric.unit()),
            data,
        }),
        Err(points) => {
            left_out.points += points;
            left_out.metrics.push(format!("{} is an exponential histogram", metric.name()));
            None
        }
    }
}

/// The number of points if there is no such data here.
fn data_from<T: Copy + ToNumber>(data: &official::MetricData<T>) -> Result<MetricData, usize> {
    Ok(match data {
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
        official::MetricData::ExponentialHistogram(histogram) => return Err(histogram.data_points().count()),
    })
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
