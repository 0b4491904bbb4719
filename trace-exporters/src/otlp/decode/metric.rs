//! `ExportMetricsServiceRequest`, which `MetricsData` equals on the wire.
//!
//! Field numbers: `opentelemetry/proto/metrics/v1/metrics.proto`. Summaries have no place in the data model and are
//! left out.

use std::sync::Arc;

use trace_core::model::{
    AttributeSet, Exemplar, ExponentialBuckets, ExponentialPoint, HistogramPoint, KeyValue, Metric,
    MetricBatch, MetricData, Number, NumberPoint, ScopeMetrics, Temporality, Timestamp,
};

use super::reading::Reading;
use super::shared::{attribute, owned, resource, scope};
use super::span::{span_id_of, trace_id_of};
use super::{DecodeError, Decoded};
use crate::wire_reader::{Field, fields, fixed64s, varints};

/// The metrics of a request.
///
/// # Errors
/// If the bytes are no such request.
pub fn decode_metrics(bytes: &[u8]) -> Result<Decoded<MetricBatch>, DecodeError> {
    decode_metrics_within(bytes, usize::MAX)
}

/// The same for at most so many data points, exemplars, metrics, scopes and resources together, which take more room than bytes on the wire.
///
/// # Errors
/// If the bytes are no such request, or there are more.
pub fn decode_metrics_within(bytes: &[u8], most: usize) -> Result<Decoded<MetricBatch>, DecodeError> {
    let mut reading = Reading::new(most);
    for field in fields(bytes) {
        if let (1, Field::Bytes(v)) = field? {
            resource_metrics(v, &mut reading)?;
        }
    }
    Ok(reading.decoded)
}

fn resource_metrics(bytes: &[u8], reading: &mut Reading<MetricBatch>) -> Result<(), DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    let mut scopes = Vec::new();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (2, Field::Bytes(v)) => scopes.push(scope_metrics(v, reading)?),
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    reading.records(1 + scopes.len())?;
    scopes.retain(|s| !s.metrics.is_empty());
    if !scopes.is_empty() {
        reading.decoded.batches.push(MetricBatch { resource: Arc::new(resource(head, schema_url)?), scopes });
    }
    Ok(())
}

fn scope_metrics(bytes: &[u8], reading: &mut Reading<MetricBatch>) -> Result<ScopeMetrics, DecodeError> {
    let (mut head, mut schema_url): (&[u8], &[u8]) = (&[], &[]);
    let mut metrics = Vec::new();
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => head = v,
            (2, Field::Bytes(v)) => metrics.extend(metric(v, reading)?),
            (3, Field::Bytes(v)) => schema_url = v,
            _ => {}
        }
    }
    Ok(ScopeMetrics { scope: Arc::new(scope(head, schema_url)?), metrics })
}

fn metric(bytes: &[u8], reading: &mut Reading<MetricBatch>) -> Result<Option<Metric>, DecodeError> {
    reading.records(1)?;
    let (mut name, mut description, mut unit) = ("".into(), "".into(), "".into());
    let mut data = None;
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => name = owned(v)?,
            (2, Field::Bytes(v)) => description = owned(v)?,
            (3, Field::Bytes(v)) => unit = owned(v)?,
            (5, Field::Bytes(v)) => {
                data = Some(MetricData::Gauge { points: points(v, number_point, reading)?.0 });
            }
            (7, Field::Bytes(v)) => {
                let (points, temporality, monotonic) = points(v, number_point, reading)?;
                data = Some(MetricData::Sum { points, temporality, monotonic });
            }
            (9, Field::Bytes(v)) => {
                let (points, temporality, _) = points(v, histogram_point, reading)?;
                data = Some(MetricData::Histogram { points, temporality });
            }
            (10, Field::Bytes(v)) => {
                let (points, temporality, _) = points(v, exponential_point, reading)?;
                data = Some(MetricData::ExponentialHistogram { points, temporality });
            }
            (11, Field::Bytes(v)) => {
                for field in fields(v) {
                    if let (1, Field::Bytes(_)) = field? {
                        reading.decoded.reject("summaries are not kept: send histograms");
                    }
                }
            }
            _ => {}
        }
    }
    let data = data.filter(|d| d.point_count() > 0);
    Ok(data.map(|data| Metric { name, description, unit, data }))
}

/// The points of a metric, its temporality and whether it is monotonic. A temporality that is not said is cumulative.
fn points<P>(
    bytes: &[u8],
    point: impl Fn(&[u8]) -> Result<Read<P>, DecodeError>,
    reading: &mut Reading<MetricBatch>,
) -> Result<(Vec<P>, Temporality, bool), DecodeError> {
    let (mut points, mut temporality, mut monotonic) = (Vec::new(), Temporality::Cumulative, false);
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => {
                reading.records(1)?;
                match point(v)? {
                    Ok((point, exemplars)) => {
                        reading.records(exemplars)?;
                        points.push(point);
                    }
                    Err(reason) => reading.decoded.reject(reason),
                }
            }
            (2, Field::Varint(1)) => temporality = Temporality::Delta,
            (3, Field::Varint(v)) => monotonic = v != 0,
            _ => {}
        }
    }
    Ok((points, temporality, monotonic))
}

/// A point and how many exemplars it has, or why it cannot be kept.
type Read<P> = Result<(P, usize), &'static str>;

fn set(attributes: Vec<KeyValue>) -> Arc<AttributeSet> {
    Arc::new(AttributeSet::new(attributes))
}

fn number_point(bytes: &[u8]) -> Result<Read<NumberPoint>, DecodeError> {
    let (mut attributes, mut exemplars, mut value) = (Vec::new(), Vec::new(), None);
    let (mut start, mut time) = (Timestamp::default(), Timestamp::default());
    for field in fields(bytes) {
        match field? {
            (2, Field::Fixed64(v)) => start = Timestamp::from_unix_nanos(v),
            (3, Field::Fixed64(v)) => time = Timestamp::from_unix_nanos(v),
            (4, Field::Fixed64(v)) => value = Some(Number::F64(f64::from_bits(v))),
            (5, Field::Bytes(v)) => exemplars.extend(exemplar(v)?),
            (6, Field::Fixed64(v)) => value = Some(Number::I64(v.cast_signed())),
            (7, Field::Bytes(v)) => attributes.push(attribute(v)?),
            _ => {}
        }
    }
    let Some(value) = value else { return Ok(Err("a data point has no value")) };
    let n = exemplars.len();
    Ok(Ok((NumberPoint { attributes: set(attributes), start, time, value, exemplars }, n)))
}

fn histogram_point(bytes: &[u8]) -> Result<Read<HistogramPoint>, DecodeError> {
    let (mut attributes, mut exemplars) = (Vec::new(), Vec::new());
    let (mut start, mut time) = (Timestamp::default(), Timestamp::default());
    let (mut count, mut sum, mut min, mut max) = (0, 0.0, None, None);
    let (mut buckets, mut bounds) = (Vec::new(), Vec::<f64>::new());
    for field in fields(bytes) {
        match field? {
            (2, Field::Fixed64(v)) => start = Timestamp::from_unix_nanos(v),
            (3, Field::Fixed64(v)) => time = Timestamp::from_unix_nanos(v),
            (4, Field::Fixed64(v)) => count = v,
            (5, Field::Fixed64(v)) => sum = f64::from_bits(v),
            (6, values) => buckets.extend(fixed64s(&values)?),
            (7, values) => bounds.extend(fixed64s(&values)?.into_iter().map(f64::from_bits)),
            (8, Field::Bytes(v)) => exemplars.extend(exemplar(v)?),
            (9, Field::Bytes(v)) => attributes.push(attribute(v)?),
            (11, Field::Fixed64(v)) => min = Some(f64::from_bits(v)),
            (12, Field::Fixed64(v)) => max = Some(f64::from_bits(v)),
            _ => {}
        }
    }
    // Neither is a histogram of count and sum alone.
    if buckets.len() != bounds.len() + 1 && !(buckets.is_empty() && bounds.is_empty()) {
        return Ok(Err("a histogram needs one bucket more than it has bounds"));
    }
    if !bounds.is_sorted_by(|a, b| a < b) {
        return Ok(Err("the bounds of a histogram must rise"));
    }
    let (attributes, bounds) = (set(attributes), bounds.into());
    let n = exemplars.len();
    Ok(Ok((HistogramPoint { attributes, start, time, count, sum, min, max, bounds, buckets, exemplars }, n)))
}

fn exponential_point(bytes: &[u8]) -> Result<Read<ExponentialPoint>, DecodeError> {
    let mut attributes = Vec::new();
    let mut p = ExponentialPoint {
        attributes: Arc::default(),
        start: Timestamp::default(),
        time: Timestamp::default(),
        count: 0,
        sum: 0.0,
        min: None,
        max: None,
        scale: 0,
        zero_count: 0,
        zero_threshold: 0.0,
        positive: ExponentialBuckets::default(),
        negative: ExponentialBuckets::default(),
        exemplars: Vec::new(),
    };
    for field in fields(bytes) {
        match field? {
            (1, Field::Bytes(v)) => attributes.push(attribute(v)?),
            (2, Field::Fixed64(v)) => p.start = Timestamp::from_unix_nanos(v),
            (3, Field::Fixed64(v)) => p.time = Timestamp::from_unix_nanos(v),
            (4, Field::Fixed64(v)) => p.count = v,
            (5, Field::Fixed64(v)) => p.sum = f64::from_bits(v),
            (6, Field::Varint(v)) => p.scale = zigzag(v),
            (7, Field::Fixed64(v)) => p.zero_count = v,
            (8, Field::Bytes(v)) => p.positive = buckets(v)?,
            (9, Field::Bytes(v)) => p.negative = buckets(v)?,
            (11, Field::Bytes(v)) => p.exemplars.extend(exemplar(v)?),
            (12, Field::Fixed64(v)) => p.min = Some(f64::from_bits(v)),
            (13, Field::Fixed64(v)) => p.max = Some(f64::from_bits(v)),
            (14, Field::Fixed64(v)) => p.zero_threshold = f64::from_bits(v),
            _ => {}
        }
    }
    p.attributes = set(attributes);
    let n = p.exemplars.len();
    Ok(Ok((p, n)))
}

fn buckets(bytes: &[u8]) -> Result<ExponentialBuckets, DecodeError> {
    let mut buckets = ExponentialBuckets::default();
    for field in fields(bytes) {
        match field? {
            (1, Field::Varint(v)) => buckets.offset = zigzag(v),
            (2, values) => {
                for count in varints(&values) {
                    buckets.counts.push(count?);
                }
            }
            _ => {}
        }
    }
    Ok(buckets)
}

/// `sint32`.
fn zigzag(v: u64) -> i32 {
    let v = (v & 0xffff_ffff) as u32;
    (v >> 1).cast_signed() ^ -((v & 1).cast_signed())
}

/// An exemplar; `None` if it has no value.
fn exemplar(bytes: &[u8]) -> Result<Option<Exemplar>, DecodeError> {
    let (mut time, mut value, mut attributes) = (Timestamp::default(), None, Vec::new());
    let (mut trace_id, mut span_id) = (None, None);
    for field in fields(bytes) {
        match field? {
            (2, Field::Fixed64(v)) => time = Timestamp::from_unix_nanos(v),
            (3, Field::Fixed64(v)) => value = Some(Number::F64(f64::from_bits(v))),
            (4, Field::Bytes(v)) => span_id = span_id_of(v),
            (5, Field::Bytes(v)) => trace_id = trace_id_of(v),
            (6, Field::Fixed64(v)) => value = Some(Number::I64(v.cast_signed())),
            (7, Field::Bytes(v)) => attributes.push(attribute(v)?),
            _ => {}
        }
    }
    Ok(value.map(|value| Exemplar { time, value, trace_id, span_id, attributes }))
}
