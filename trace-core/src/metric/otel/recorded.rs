//! The API's instruments that are recorded into.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::SyncInstrument;

use crate::metric::instrument::Instrument;
use crate::model::Number;

/// An instrument; none, if its description was not valid.
pub(super) struct Recorded(pub(super) Option<Arc<Instrument>>);

impl<T: Into<Number>> SyncInstrument<T> for Recorded {
    #[inline]
    fn measure(&self, value: T, attributes: &[KeyValue]) {
        if let Some(instrument) = &self.0 {
            instrument.record(value.into(), attributes);
        }
    }

    #[cfg(feature = "otel-bound")]
    fn bind(
        &self,
        attributes: &[KeyValue],
    ) -> Box<dyn opentelemetry::metrics::BoundSyncInstrument<T> + Send + Sync> {
        Box::new(super::bound::BoundSeries::new(self.0.as_ref(), attributes))
    }
}
