//! The API's callbacks.

use std::sync::{Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Callback};

use crate::metric::Observations;
use crate::metric::attribute::Attribute;
use crate::metric::observable::Callback as OwnCallback;
use crate::model::Number;

/// Takes what a callback of the API observes. The API wants it to be shareable between threads.
struct Observer<'a, 'b>(Mutex<&'a mut Observations<'b>>);

impl<T: Into<Number>> AsyncInstrument<T> for Observer<'_, '_> {
    fn observe(&self, value: T, attributes: &[KeyValue]) {
        let attributes: Vec<_> = attributes.iter().map(Attribute::to_key_value).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).observe(value, &attributes);
    }
}

/// A callback of ours that runs those of an instrument. A panic in one does not keep the others from running.
pub(super) fn callbacks<T: Into<Number> + 'static>(callbacks: Vec<Callback<T>>) -> Vec<OwnCallback> {
    let own = |callback: Callback<T>| -> OwnCallback {
        std::sync::Arc::new(move |observations: &mut Observations<'_>| {
            callback(&Observer(Mutex::new(observations)));
        })
    };
    callbacks.into_iter().map(own).collect()
}
