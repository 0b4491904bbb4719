//! Gauges: the last value.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use super::Label;
use super::instrument::{Bound, Instrument};
use crate::model::{KeyValue, Number};

/// Keeps the last value of each series, such as a temperature or a queue's length.
#[derive(Clone, Debug)]
pub struct Gauge(pub(super) Arc<Instrument>);

impl Gauge {
    /// Sets the value of the series with these attributes. NaN and infinities are refused and counted.
    #[inline]
    pub fn record(&self, value: impl Into<Number>, attributes: &[KeyValue]) {
        self.0.record(value.into(), attributes);
    }

    /// The same with [`Label`]s, which costs less.
    #[inline]
    pub fn record_labels<const N: usize>(&self, value: impl Into<Number>, labels: &[Label; N]) {
        self.0.record(value.into(), labels);
    }

    /// A handle to one series. The series is exported from its first value on.
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundGauge {
        BoundGauge(Bound::new(&self.0, attributes))
    }
}

/// One series of a [`Gauge`].
#[derive(Clone, Debug)]
pub struct BoundGauge(Bound);

impl BoundGauge {
    /// Sets the value. NaN and infinities are refused and counted.
    #[inline]
    pub fn record(&self, value: impl Into<Number>) {
        self.0.record(value.into());
    }
}

const UNSET: u8 = 0;
const INTEGER: u8 = 1;
const DOUBLE: u8 = 2;

/// The last integer, the last double, and which of them was set last.
#[derive(Default)]
pub(super) struct GaugeCell {
    last: AtomicU8,
    integer: AtomicI64,
    double: AtomicU64,
}

impl GaugeCell {
    #[inline]
    pub(super) fn set(&self, value: Number) {
        // Release: who reads the kind sees the value that was stored before it.
        match value {
            Number::I64(v) => {
                self.integer.store(v, Ordering::Relaxed);
                self.last.store(INTEGER, Ordering::Release);
            }
            Number::F64(v) => {
                self.double.store(v.to_bits(), Ordering::Relaxed);
                self.last.store(DOUBLE, Ordering::Release);
            }
        }
    }

    /// The value, or `None` if there was none yet.
    pub(super) fn get(&self) -> Option<Number> {
        match self.last.load(Ordering::Acquire) {
            UNSET => None,
            INTEGER => Some(Number::I64(self.integer.load(Ordering::Relaxed))),
            _ => Some(Number::F64(f64::from_bits(self.double.load(Ordering::Relaxed)))),
        }
    }
}
