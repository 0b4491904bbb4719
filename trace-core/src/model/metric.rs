//! Collected metrics: the OpenTelemetry metric data model without handles.

use std::borrow::Cow;
use std::sync::Arc;

use super::{AttributeSet, ExponentialPoint, KeyValue, Resource, Scope, SpanId, Timestamp, TraceId};

/// Everything that one collection found.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricBatch {
    /// What produced it.
    pub resource: Arc<Resource>,
    /// Metrics by the library that recorded them.
    pub scopes: Vec<ScopeMetrics>,
}

impl MetricBatch {
    /// How many data points there are: the unit in which a rejection is counted.
    pub fn point_count(&self) -> usize {
        self.scopes.iter().flat_map(|s| &s.metrics).map(|m| m.data.point_count()).sum()
    }
}

/// The metrics of one library.
#[derive(Clone, Debug, PartialEq)]
pub struct ScopeMetrics {
    /// The library.
    pub scope: Arc<Scope>,
    /// Its metrics. A name occurs once, unless a program registered conflicting instruments under it.
    pub metrics: Vec<Metric>,
}

/// One metric with all its series.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The instrument's name, such as `http.server.request.duration`.
    pub name: Cow<'static, str>,
    /// What it measures, in a sentence.
    pub description: Cow<'static, str>,
    /// The UCUM unit (`s`, `By`, `1`, `{request}`), or empty.
    pub unit: Cow<'static, str>,
    /// The points.
    pub data: MetricData,
}

/// How the points of a metric are to be read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricData {
    /// A sum over time.
    Sum {
        /// One point a series.
        points: Vec<NumberPoint>,
        /// Since start or since the last collection.
        temporality: Temporality,
        /// Whether it only grows: a counter.
        monotonic: bool,
    },
    /// A last value.
    Gauge {
        /// One point a series.
        points: Vec<NumberPoint>,
    },
    /// A distribution in explicit buckets.
    Histogram {
        /// One point a series.
        points: Vec<HistogramPoint>,
        /// Since start or since the last collection.
        temporality: Temporality,
    },
    /// A distribution in buckets whose width grows with the value.
    ExponentialHistogram {
        /// One point a series.
        points: Vec<ExponentialPoint>,
        /// Since start or since the last collection.
        temporality: Temporality,
    },
}

impl MetricData {
    /// How many series there are.
    pub fn point_count(&self) -> usize {
        match self {
            Self::Sum { points, .. } | Self::Gauge { points } => points.len(),
            Self::Histogram { points, .. } => points.len(),
            Self::ExponentialHistogram { points, .. } => points.len(),
        }
    }
}

/// The interval that a sum or histogram covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Temporality {
    /// Since the start of the series.
    #[default]
    Cumulative,
    /// Since the previous collection.
    Delta,
}

/// An integer or a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    I64(i64),
    /// A double.
    F64(f64),
}

impl Number {
    /// The value as a double.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::I64(v) => v as f64,
            Self::F64(v) => v,
        }
    }
}

macro_rules! from {
    ($($t:ty => |$v:ident| $e:expr),* $(,)?) => {$(
        impl From<$t> for Number {
            #[inline]
            fn from($v: $t) -> Self { $e }
        }
    )*};
}

from! {
    i64 => |v| Self::I64(v),
    i32 => |v| Self::I64(v.into()),
    u32 => |v| Self::I64(v.into()),
    u16 => |v| Self::I64(v.into()),
    u8 => |v| Self::I64(v.into()),
    f64 => |v| Self::F64(v),
    f32 => |v| Self::F64(v.into()),
    usize => |v| Self::from(v as u64),
}

impl From<u64> for Number {
    /// Values over `i64::MAX` become doubles: the OpenTelemetry model has no unsigned integer.
    #[inline]
    fn from(v: u64) -> Self {
        i64::try_from(v).map_or(Self::F64(v as f64), Self::I64)
    }
}

/// One series of a sum or gauge at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberPoint {
    /// The series.
    pub attributes: Arc<AttributeSet>,
    /// The start of the interval; for gauges, of the process.
    pub start: Timestamp,
    /// The moment of collection.
    pub time: Timestamp,
    /// The value.
    pub value: Number,
    /// Sampled measurements behind it.
    pub exemplars: Vec<Exemplar>,
}

/// One series of a histogram at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramPoint {
    /// The series.
    pub attributes: Arc<AttributeSet>,
    /// The start of the interval.
    pub start: Timestamp,
    /// The moment of collection.
    pub time: Timestamp,
    /// How many measurements.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The smallest, if any were made.
    pub min: Option<f64>,
    /// The largest, if any were made.
    pub max: Option<f64>,
    /// Upper bounds, ascending, without infinity.
    pub bounds: Arc<[f64]>,
    /// Counts per bucket, not cumulative; one more than `bounds`.
    pub buckets: Vec<u64>,
    /// Sampled measurements behind it.
    pub exemplars: Vec<Exemplar>,
}

/// One measurement kept as an example, with the trace it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// When it was measured.
    pub time: Timestamp,
    /// The value.
    pub value: Number,
    /// The trace it was measured in.
    pub trace_id: Option<TraceId>,
    /// The span it was measured in.
    pub span_id: Option<SpanId>,
    /// Attributes that the series does not carry.
    pub attributes: Vec<KeyValue>,
}
