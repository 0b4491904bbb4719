//! Meters of the API over a registry.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics as api;

use super::observe::callbacks;
use super::recorded::Recorded;
use crate::metric::descriptor::Descriptor;
use crate::metric::histogram::{SPECIFIED_BOUNDS, validate_bounds};
use crate::metric::instrument::Advice;
use crate::metric::{InstrumentKind, InstrumentWarning, Meter, MeterRegistry};
use crate::model::Number;
use crate::record::otel::convert::scope_from;

/// Makes meters of the `opentelemetry` API whose instruments record into a registry.
///
/// The API has no errors: the measurements of an instrument that is not valid are ignored, and
/// [`MeterRegistry::warnings`] says so. Histograms that name no boundaries have those of the specification, which suit
/// milliseconds; a view changes them.
#[derive(Clone, Debug)]
pub struct MeterProvider {
    registry: MeterRegistry,
}

impl MeterProvider {
    /// A provider for this registry, from which the metrics are collected.
    pub fn new(registry: MeterRegistry) -> Self {
        Self { registry }
    }
}

impl api::MeterProvider for MeterProvider {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> api::Meter {
        api::Meter::new(Arc::new(Instruments(self.registry.meter(scope_from(&scope)))))
    }
}

/// What makes the instruments of one of the API's meters.
struct Instruments(Meter);

impl Instruments {
    fn recorded(
        &self,
        kind: InstrumentKind,
        name: Cow<'static, str>,
        unit: Option<Cow<'static, str>>,
        description: Option<Cow<'static, str>>,
        bounds: Option<Vec<f64>>,
    ) -> Arc<Recorded> {
        let descriptor = describe(kind, name, unit, description);
        let valid = descriptor
            .validate()
            .and_then(|()| bounds.as_deref().map_or(Ok(()), |b| validate_bounds(&descriptor.name, b)));
        if let Err(e) = valid {
            self.0.shared.warn(InstrumentWarning::Ignored(e));
            return Arc::new(Recorded(None));
        }
        let advice = Advice { bounds, allowed: None };
        Arc::new(Recorded(Some(self.0.scope.instrument(descriptor, advice, &self.0.shared))))
    }

    fn observed<T: Into<Number> + 'static>(
        &self,
        kind: InstrumentKind,
        name: Cow<'static, str>,
        unit: Option<Cow<'static, str>>,
        description: Option<Cow<'static, str>>,
        list: Vec<api::Callback<T>>,
    ) {
        let descriptor = describe(kind, name, unit, description);
        if let Err(e) = descriptor.validate() {
            return self.0.shared.warn(InstrumentWarning::Ignored(e));
        }
        for callback in callbacks(list) {
            self.0.scope.observe(descriptor.clone(), &self.0.shared, callback);
        }
    }
}

fn describe(
    kind: InstrumentKind,
    name: Cow<'static, str>,
    unit: Option<Cow<'static, str>>,
    description: Option<Cow<'static, str>>,
) -> Descriptor {
    Descriptor { name, unit: unit.unwrap_or_default(), description: description.unwrap_or_default(), kind }
}

macro_rules! recorded {
    ($($method:ident: $type:ident<$number:ty>),* $(,)?) => {$(
        fn $method(&self, b: api::InstrumentBuilder<'_, api::$type<$number>>) -> api::$type<$number> {
            api::$type::new(self.recorded(InstrumentKind::$type, b.name, b.unit, b.description, None))
        }
    )*};
}

macro_rules! histogram {
    ($($method:ident: $number:ty),* $(,)?) => {$(
        fn $method(&self, b: api::HistogramBuilder<'_, api::Histogram<$number>>) -> api::Histogram<$number> {
            let bounds = b.boundaries.unwrap_or_else(|| SPECIFIED_BOUNDS.to_vec());
            let kind = InstrumentKind::Histogram;
            api::Histogram::new(self.recorded(kind, b.name, b.unit, b.description, Some(bounds)))
        }
    )*};
}

macro_rules! observed {
    ($($method:ident: $type:ident<$number:ty>),* $(,)?) => {$(
        fn $method(
            &self,
            b: api::AsyncInstrumentBuilder<'_, api::$type<$number>, $number>,
        ) -> api::$type<$number> {
            self.observed(InstrumentKind::$type, b.name, b.unit, b.description, b.callbacks);
            api::$type::new()
        }
    )*};
}

impl api::InstrumentProvider for Instruments {
    recorded! {
        u64_counter: Counter<u64>,
        f64_counter: Counter<f64>,
        i64_up_down_counter: UpDownCounter<i64>,
        f64_up_down_counter: UpDownCounter<f64>,
        u64_gauge: Gauge<u64>,
        i64_gauge: Gauge<i64>,
        f64_gauge: Gauge<f64>,
    }
    histogram! { u64_histogram: u64, f64_histogram: f64 }
    observed! {
        u64_observable_counter: ObservableCounter<u64>,
        f64_observable_counter: ObservableCounter<f64>,
        i64_observable_up_down_counter: ObservableUpDownCounter<i64>,
        f64_observable_up_down_counter: ObservableUpDownCounter<f64>,
        u64_observable_gauge: ObservableGauge<u64>,
        i64_observable_gauge: ObservableGauge<i64>,
        f64_observable_gauge: ObservableGauge<f64>,
    }
}
