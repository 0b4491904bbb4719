//! Makes the instruments of one library.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use super::descriptor::Descriptor;
use super::histogram::validate_bounds;
use super::instrument::{Advice, Instrument};
use super::observable::ObservableBuilder;
use super::registry::Shared;
use super::scope::ScopeInstruments;
use super::{Counter, Gauge, Histogram, InstrumentKind, InvalidInstrument, UpDownCounter};

/// Makes the instruments of one [`Scope`](crate::model::Scope). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Meter {
    pub(super) scope: Arc<ScopeInstruments>,
    pub(super) shared: Arc<Shared>,
}

impl Meter {
    /// A sum that only grows.
    pub fn counter(&self, name: impl Into<Cow<'static, str>>) -> InstrumentBuilder<'_, Counter> {
        InstrumentBuilder::new(self, name.into())
    }

    /// A sum that grows and shrinks.
    pub fn up_down_counter(
        &self,
        name: impl Into<Cow<'static, str>>,
    ) -> InstrumentBuilder<'_, UpDownCounter> {
        InstrumentBuilder::new(self, name.into())
    }

    /// A last value.
    pub fn gauge(&self, name: impl Into<Cow<'static, str>>) -> InstrumentBuilder<'_, Gauge> {
        InstrumentBuilder::new(self, name.into())
    }

    /// A distribution.
    pub fn histogram(&self, name: impl Into<Cow<'static, str>>) -> InstrumentBuilder<'_, Histogram> {
        InstrumentBuilder::new(self, name.into())
    }

    /// A growing total that is asked for at collection.
    pub fn observable_counter(&self, name: impl Into<Cow<'static, str>>) -> ObservableBuilder<'_> {
        self.observable(name.into(), InstrumentKind::ObservableCounter)
    }

    /// A total that grows and shrinks, asked for at collection.
    pub fn observable_up_down_counter(&self, name: impl Into<Cow<'static, str>>) -> ObservableBuilder<'_> {
        self.observable(name.into(), InstrumentKind::ObservableUpDownCounter)
    }

    /// A value that is asked for at collection.
    pub fn observable_gauge(&self, name: impl Into<Cow<'static, str>>) -> ObservableBuilder<'_> {
        self.observable(name.into(), InstrumentKind::ObservableGauge)
    }

    fn observable(&self, name: Cow<'static, str>, kind: InstrumentKind) -> ObservableBuilder<'_> {
        ObservableBuilder {
            descriptor: Descriptor::new(name, kind),
            scope: &self.scope,
            shared: &self.shared,
        }
    }
}

/// An instrument before it is registered.
#[must_use = "nothing is registered until `build` is called"]
#[derive(Debug)]
pub struct InstrumentBuilder<'a, T> {
    meter: &'a Meter,
    descriptor: Descriptor,
    advice: Advice,
    instrument: PhantomData<T>,
}

impl<'a, T: Instrumented> InstrumentBuilder<'a, T> {
    fn new(meter: &'a Meter, name: Cow<'static, str>) -> Self {
        let descriptor = Descriptor::new(name, T::KIND);
        Self { meter, descriptor, advice: Advice::default(), instrument: PhantomData }
    }

    /// The UCUM unit: `s`, `By`, `1`, `{request}`.
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.descriptor.unit = unit.into();
        self
    }

    /// What it measures, in a sentence.
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.descriptor.description = description.into();
        self
    }

    /// Only these attribute keys make a series, unless a view says otherwise; others are seen in exemplars alone. Keeps identifiers of requests,
    /// users and traces out of the series.
    pub fn only_attributes<K: Into<Cow<'static, str>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let mut keys: Vec<_> = keys.into_iter().map(Into::into).collect();
        keys.sort();
        keys.dedup();
        self.advice.allowed = Some(keys);
        self
    }

    /// Registers the instrument. One that the scope has already, of the same name, kind and unit, is returned
    /// instead, with its description, bounds and attribute keys. One of the same name that differs in kind or unit is
    /// kept beside it; both cases leave a word in [`MeterRegistry::warnings`](super::MeterRegistry::warnings).
    ///
    /// # Errors
    /// If the name, unit or bounds are invalid.
    pub fn build(self) -> Result<T, InvalidInstrument> {
        self.descriptor.validate()?;
        if let Some(bounds) = &self.advice.bounds {
            validate_bounds(&self.descriptor.name, bounds)?;
        }
        let Self { meter, descriptor, advice, .. } = self;
        Ok(T::from_instrument(meter.scope.instrument(descriptor, advice, &meter.shared)))
    }
}

impl InstrumentBuilder<'_, Histogram> {
    /// The upper bounds of the buckets, inclusive and ascending, without infinity; else
    /// [`DEFAULT_BOUNDS`](super::DEFAULT_BOUNDS).
    pub fn bounds(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.advice.bounds = Some(bounds.into());
        self
    }
}

/// The instruments that [`InstrumentBuilder`] makes. Not for others to implement.
pub trait Instrumented: sealed::FromInstrument {}

mod sealed {
    use super::{Arc, Instrument, InstrumentKind};

    pub trait FromInstrument {
        const KIND: InstrumentKind;
        #[expect(private_interfaces, reason = "the trait is sealed: nobody outside can name or call it")]
        fn from_instrument(instrument: Arc<Instrument>) -> Self;
    }
}

macro_rules! instrumented {
    ($($type:ident),*) => {$(
        impl Instrumented for $type {}
        impl sealed::FromInstrument for $type {
            const KIND: InstrumentKind = InstrumentKind::$type;
            #[expect(private_interfaces, reason = "the trait is sealed: nobody outside can name or call it")]
            fn from_instrument(instrument: Arc<Instrument>) -> Self {
                Self(instrument)
            }
        }
    )*};
}

instrumented!(Counter, UpDownCounter, Gauge, Histogram);
