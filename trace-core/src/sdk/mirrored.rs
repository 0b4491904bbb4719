//! One of our metrics as an instrument of the SDK.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

use super::metric_mirror::Refused;
use super::replay::{Refusal, Told};
use crate::model::{HistogramPoint, Number, Temporality};

/// The kind of instrument that makes the same kind of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    Sum { is_float: bool, monotonic: bool, temporality: Temporality },
    Gauge { is_float: bool },
    Histogram { temporality: Temporality },
}

impl Shape {
    pub(super) fn temporality(self) -> Temporality {
        match self {
            Self::Sum { temporality, .. } | Self::Histogram { temporality } => temporality,
            Self::Gauge { .. } => Temporality::Cumulative,
        }
    }
}

/// Values that the next collection observes: a series is there if it is in the batch.
type Observed<N> = Arc<Mutex<Vec<(Vec<KeyValue>, N)>>>;

/// An instrument that can be told the points of a batch.
pub(super) enum Instrument {
    // Totals and last values are observed as they are.
    ObservedU64(Observed<u64>),
    ObservedI64(Observed<i64>),
    ObservedF64 { values: Observed<f64>, monotonic: bool },
    // What was added since the last collection is added.
    AddedU64(Counter<u64>),
    AddedI64(UpDownCounter<i64>),
    AddedF64(Counter<f64>),
    AddedSignedF64(UpDownCounter<f64>),
    Histogram(HistogramMirror),
}

/// A histogram, and what its series have been told.
pub(super) struct HistogramMirror {
    instrument: Histogram<f64>,
    bounds: Arc<[f64]>,
    temporality: Temporality,
    told: HashMap<Vec<KeyValue>, Told>,
    series_limit: usize,
}

macro_rules! observed {
    ($builder:expr) => {{
        let values = Observed::default();
        let source = values.clone();
        let _instrument = $builder
            .with_callback(move |observer| {
                for (attributes, value) in source.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                    observer.observe(value, &attributes);
                }
            })
            .build();
        values
    }};
}

impl Instrument {
    pub(super) fn build(
        meter: &Meter,
        name: String,
        shape: Shape,
        bounds: Arc<[f64]>,
        series_limit: usize,
    ) -> Self {
        use Temporality::{Cumulative, Delta};
        match shape {
            Shape::Gauge { is_float: false } => {
                Self::ObservedI64(observed!(meter.i64_observable_gauge(name)))
            }
            Shape::Gauge { is_float: true } => {
                Self::ObservedF64 { values: observed!(meter.f64_observable_gauge(name)), monotonic: false }
            }
            Shape::Sum { temporality: Cumulative, monotonic: true, is_float: false } => {
                Self::ObservedU64(observed!(meter.u64_observable_counter(name)))
            }
            Shape::Sum { temporality: Cumulative, monotonic: true, is_float: true } => {
                Self::ObservedF64 { values: observed!(meter.f64_observable_counter(name)), monotonic: true }
            }
            Shape::Sum { temporality: Cumulative, monotonic: false, is_float: false } => {
                Self::ObservedI64(observed!(meter.i64_observable_up_down_counter(name)))
            }
            Shape::Sum { temporality: Cumulative, monotonic: false, is_float: true } => Self::ObservedF64 {
                values: observed!(meter.f64_observable_up_down_counter(name)),
                monotonic: false,
            },
            Shape::Sum { temporality: Delta, monotonic: true, is_float: false } => {
                Self::AddedU64(meter.u64_counter(name).build())
            }
            Shape::Sum { temporality: Delta, monotonic: true, is_float: true } => {
                Self::AddedF64(meter.f64_counter(name).build())
            }
            Shape::Sum { temporality: Delta, monotonic: false, is_float: false } => {
                Self::AddedI64(meter.i64_up_down_counter(name).build())
            }
            Shape::Sum { temporality: Delta, monotonic: false, is_float: true } => {
                Self::AddedSignedF64(meter.f64_up_down_counter(name).build())
            }
            Shape::Histogram { temporality } => Self::Histogram(HistogramMirror {
                instrument: meter.f64_histogram(name).build(),
                bounds,
                temporality,
                told: HashMap::new(),
                series_limit,
            }),
        }
    }

    /// Tells it a number.
    pub(super) fn tell(&self, attributes: Vec<KeyValue>, value: Number, refused: &mut Refused) {
        match (self, value) {
            (Self::ObservedI64(values), Number::I64(v)) => observe(values, attributes, v),
            (Self::AddedI64(counter), Number::I64(v)) => counter.add(v, &attributes),
            (Self::ObservedU64(_) | Self::AddedU64(_), Number::I64(v)) => match (self, u64::try_from(v)) {
                (Self::ObservedU64(values), Ok(v)) => observe(values, attributes, v),
                (Self::AddedU64(counter), Ok(v)) => counter.add(v, &attributes),
                _ => refused.add(1, NEGATIVE),
            },
            (_, Number::F64(v)) if !v.is_finite() => refused.add(1, "NaN or infinite"),
            (Self::ObservedF64 { monotonic: true, .. } | Self::AddedF64(_), Number::F64(v)) if v < 0.0 => {
                refused.add(1, NEGATIVE);
            }
            (Self::ObservedF64 { values, .. }, Number::F64(v)) => observe(values, attributes, v),
            (Self::AddedF64(counter), Number::F64(v)) => counter.add(v, &attributes),
            (Self::AddedSignedF64(counter), Number::F64(v)) => counter.add(v, &attributes),
            _ => refused.add(1, "a number of another type than its metric"),
        }
    }

    /// Follows the SDK, which forgets deltas when they are collected.
    pub(super) fn collected(&mut self) {
        if let Self::Histogram(mirror) = self
            && mirror.temporality == Temporality::Delta
        {
            mirror.told.clear();
        }
    }

    /// Tells it a histogram.
    pub(super) fn tell_histogram(
        &mut self,
        attributes: Vec<KeyValue>,
        point: &HistogramPoint,
        budget: &mut u64,
        refused: &mut Refused,
    ) {
        let Self::Histogram(mirror) = self else {
            return refused.add(1, "a histogram of another type than its metric");
        };
        match mirror.tell(attributes, point, *budget) {
            Ok(made) => *budget -= made,
            Err(reason) => refused.add(1, reason),
        }
    }
}

const NEGATIVE: &str = "a negative number in a monotonic sum";

fn observe<N>(values: &Observed<N>, attributes: Vec<KeyValue>, value: N) {
    values.lock().unwrap_or_else(PoisonError::into_inner).push((attributes, value));
}

impl HistogramMirror {
    fn tell(
        &mut self,
        attributes: Vec<KeyValue>,
        point: &HistogramPoint,
        budget: u64,
    ) -> Result<u64, &'static str> {
        if self.bounds != point.bounds {
            return Err("a histogram whose bounds changed");
        }
        if self.told.len() > self.series_limit && !self.told.contains_key(&attributes) {
            return Err("more series than the limit");
        }
        let Self { instrument, told, .. } = self;
        let told = told.entry(attributes.clone()).or_default();
        told.catch_up(point, budget, |v| instrument.record(v, &attributes)).map_err(|refusal| match refusal {
            Refusal::Malformed => "a histogram that contradicts itself or is not finite",
            Refusal::Restarted => "a cumulative histogram that counts less than before",
            Refusal::TooMany => "a histogram of too many measurements since the last collection",
        })
    }
}
