//! The API's bound instruments, an experimental feature of that crate.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::BoundSyncInstrument;

use crate::metric::attribute::Attribute;
use crate::metric::instrument::{Bound, Instrument};
use crate::model::Number;

/// One series; none, if the instrument is not valid.
pub(super) struct BoundSeries(Option<Bound>);

impl BoundSeries {
    pub(super) fn new(instrument: Option<&Arc<Instrument>>, attributes: &[KeyValue]) -> Self {
        let attributes: Vec<_> = attributes.iter().map(Attribute::to_key_value).collect();
        Self(instrument.map(|i| Bound::new(i, &attributes)))
    }
}

impl<T: Into<Number>> BoundSyncInstrument<T> for BoundSeries {
    #[inline]
    fn measure(&self, value: T) {
        if let Some(bound) = &self.0 {
            bound.record(value.into());
        }
    }
}
