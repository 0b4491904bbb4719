//! One series of an instrument: its attributes and its value.

use std::sync::Arc;

use super::InstrumentKind;
use super::exemplar::ExemplarSlots;
use super::gauge::GaugeCell;
use super::histogram::HistogramCell;
use super::sum::SumCell;
use crate::model::{AttributeSet, Number};

/// The value of a series.
pub(super) enum Cell {
    Sum(SumCell),
    Gauge(GaugeCell),
    Histogram(HistogramCell),
}

/// Attributes, value and exemplars.
pub(super) struct Series {
    pub(super) attributes: Arc<AttributeSet>,
    pub(super) cell: Cell,
    pub(super) exemplars: ExemplarSlots,
}

impl Series {
    pub(super) fn new(
        attributes: AttributeSet,
        kind: InstrumentKind,
        bounds: &Arc<[f64]>,
        shards: usize,
    ) -> Self {
        let cell = match kind {
            InstrumentKind::Histogram => Cell::Histogram(HistogramCell::new(bounds.clone(), shards)),
            InstrumentKind::Gauge | InstrumentKind::ObservableGauge => Cell::Gauge(GaugeCell::default()),
            _ => Cell::Sum(SumCell::new(shards)),
        };
        Self { attributes: Arc::new(attributes), cell, exemplars: ExemplarSlots::default() }
    }

    /// Takes a measurement and returns the place of its exemplar; `None` if the sum would become infinite.
    #[inline]
    pub(super) fn update(&self, value: Number) -> Option<usize> {
        match &self.cell {
            Cell::Sum(sum) => sum.add(value).then_some(0),
            Cell::Gauge(gauge) => {
                gauge.set(value);
                Some(0)
            }
            Cell::Histogram(histogram) => histogram.record(value.as_f64()),
        }
    }
}
