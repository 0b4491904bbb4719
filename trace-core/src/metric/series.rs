//! One series of an instrument: its attributes and its value.

use std::sync::Arc;

use super::bounds::Bounds;
use super::exemplar::ExemplarSlots;
use super::exponential::Resolution;
use super::exponential_cell::ExponentialCell;
use super::gauge::GaugeCell;
use super::histogram_cell::HistogramCell;
use super::shard::Row;
use super::sum::SumCell;
use crate::model::{AttributeSet, Number};

/// What the series of a stream keep.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CellKind {
    Sum { monotonic: bool },
    Gauge,
    Histogram(Bounds),
    Exponential(Resolution),
}

/// The value of a series.
pub(super) enum Cell {
    Sum(SumCell),
    Gauge(GaugeCell),
    Histogram(HistogramCell),
    Exponential(ExponentialCell),
}

/// Attributes, value and exemplars.
#[repr(C)]
pub(super) struct Series {
    pub(super) cell: Cell,
    pub(super) attributes: Arc<AttributeSet>,
    pub(super) exemplars: ExemplarSlots,
}

impl Series {
    pub(super) fn new(attributes: AttributeSet, kind: &CellKind, shards: usize) -> Self {
        let cell = match kind {
            CellKind::Sum { .. } => Cell::Sum(SumCell::new(shards)),
            CellKind::Gauge => Cell::Gauge(GaugeCell::default()),
            CellKind::Histogram(bounds) => Cell::Histogram(HistogramCell::new(bounds.clone(), shards)),
            CellKind::Exponential(resolution) => Cell::Exponential(ExponentialCell::new(*resolution, shards)),
        };
        Self { attributes: Arc::new(attributes), cell, exemplars: ExemplarSlots::default() }
    }

    /// The calling thread's own row, of those values that have rows.
    pub(super) fn my_row(&self) -> Option<Row> {
        match &self.cell {
            Cell::Sum(sum) => sum.shards().my_row(),
            Cell::Histogram(histogram) => histogram.shards().my_row(),
            Cell::Gauge(_) | Cell::Exponential(_) => None,
        }
    }

    /// Takes a measurement and returns the place of its exemplar; `None` if the sum would become infinite.
    #[inline(always)]
    pub(super) fn update(&self, value: Number) -> Option<usize> {
        match &self.cell {
            Cell::Sum(sum) => sum.add(sum.shards().mine(), value).then_some(0),
            Cell::Histogram(histogram) => histogram.record(histogram.shards().mine(), value.as_f64()),
            Cell::Gauge(gauge) => {
                gauge.set(value);
                Some(0)
            }
            Cell::Exponential(exponential) => exponential.record(value.as_f64()),
        }
    }

    /// The same with the row that [`Self::my_row`] gave this thread.
    #[inline(always)]
    pub(super) fn update_in(&self, row: Option<&Row>, value: Number) -> Option<usize> {
        match (&self.cell, row) {
            (Cell::Sum(sum), Some(row)) => sum.add(row.shard(), value).then_some(0),
            (Cell::Histogram(histogram), Some(row)) => histogram.record(row.shard(), value.as_f64()),
            _ => self.update_without_row(value),
        }
    }

    #[inline(never)]
    fn update_without_row(&self, value: Number) -> Option<usize> {
        self.update(value)
    }
}
