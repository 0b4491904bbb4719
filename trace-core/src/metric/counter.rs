//! Counters: sums that only grow, and sums that also shrink.

use std::sync::Arc;

use super::Label;
use super::instrument::{Bound, Instrument};
use crate::model::{KeyValue, Number};

/// A sum that only grows, such as requests served. Integers stay exact; after the first double the metric is shown
/// in doubles.
#[derive(Clone, Debug)]
pub struct Counter(pub(super) Arc<Instrument>);

impl Counter {
    /// Adds to the series with these attributes, in any order. A negative value, a NaN and infinities are refused
    /// and counted.
    #[inline]
    pub fn add(&self, value: impl Into<Number>, attributes: &[KeyValue]) {
        self.0.record(value.into(), attributes);
    }

    /// The same with [`Label`]s, which costs less.
    #[inline]
    pub fn add_labels<const N: usize>(&self, value: impl Into<Number>, labels: &[Label; N]) {
        self.0.record(value.into(), labels);
    }

    /// A handle to one series, which is exported from now on, with 0 if nothing is added.
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundCounter {
        BoundCounter(Bound::new(&self.0, attributes))
    }
}

/// One series of a [`Counter`].
#[derive(Clone, Debug)]
pub struct BoundCounter(Bound);

impl BoundCounter {
    /// Adds. A negative value, a NaN and infinities are refused and counted.
    #[inline]
    pub fn add(&self, value: impl Into<Number>) {
        self.0.record(value.into());
    }
}

#[cfg(feature = "http")]
impl BoundCounter {
    /// The same, but never as an exemplar.
    #[inline]
    pub(crate) fn add_plain(&self, value: impl Into<Number>) {
        self.0.record_plain(value.into());
    }
}

/// A sum that grows and shrinks, such as requests in flight.
#[derive(Clone, Debug)]
pub struct UpDownCounter(pub(super) Arc<Instrument>);

impl UpDownCounter {
    /// Adds to the series with these attributes, in any order. NaN and infinities are refused and counted.
    #[inline]
    pub fn add(&self, value: impl Into<Number>, attributes: &[KeyValue]) {
        self.0.record(value.into(), attributes);
    }

    /// The same with [`Label`]s, which costs less.
    #[inline]
    pub fn add_labels<const N: usize>(&self, value: impl Into<Number>, labels: &[Label; N]) {
        self.0.record(value.into(), labels);
    }

    /// A handle to one series, which is exported from now on, with 0 if nothing is added.
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundUpDownCounter {
        BoundUpDownCounter(Bound::new(&self.0, attributes))
    }
}

/// One series of an [`UpDownCounter`].
#[derive(Clone, Debug)]
pub struct BoundUpDownCounter(Bound);

impl BoundUpDownCounter {
    /// Adds. NaN and infinities are refused and counted.
    #[inline]
    pub fn add(&self, value: impl Into<Number>) {
        self.0.record(value.into());
    }
}
