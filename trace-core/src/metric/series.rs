//! One series of an instrument: its attributes and its value.

use std::sync::Arc;

use super::exemplar::ExemplarSlots;
use super::exponential::Resolution;
use super::exponential_cell::ExponentialCell;
use super::gauge::GaugeCell;
use super::histogram_cell::HistogramCell;
use super::shard::{Row, Shard, Shards};
use super::sum::SumCell;
use crate::model::{AttributeSet, Number};

/// What the series of a stream keep.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum CellKind {
    Sum { monotonic: bool },
    Gauge,
    Histogram(Arc<[f64]>),
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
pub(super) struct Series {
    pub(super) attributes: Arc<AttributeSet>,
    pub(super) cell: Cell,
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

    /// The calling thread's row, of those values that have rows.
    pub(super) fn my_row(&self) -> Option<Row> {
        match &self.cell {
            Cell::Sum(sum) => Some(sum.shards().my_row()),
            Cell::Histogram(histogram) => Some(histogram.shards().my_row()),
            Cell::Gauge(_) | Cell::Exponential(_) => None,
        }
    }

    /// Takes a measurement and returns the place of its exemplar; `None` if the sum would become infinite.
    #[inline(always)]
    pub(super) fn update(&self, value: Number, row: Option<&Row>) -> Option<usize> {
        match &self.cell {
            Cell::Sum(sum) => sum.add(shard(sum.shards(), row), value).then_some(0),
            Cell::Histogram(histogram) => histogram.record(shard(histogram.shards(), row), value.as_f64()),
            Cell::Gauge(gauge) => {
                gauge.set(value);
                Some(0)
            }
            Cell::Exponential(exponential) => exponential.record(value.as_f64()),
        }
    }
}

/// The row at hand, or else the one that is looked up.
#[inline]
fn shard<'a>(shards: &'a Shards, row: Option<&'a Row>) -> Shard<'a> {
    row.and_then(Row::shard).unwrap_or_else(|| shards.mine())
}
