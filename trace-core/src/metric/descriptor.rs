//! What an instrument is called and what it measures.

use std::borrow::Cow;
use std::fmt;

use super::InvalidInstrument;
use crate::model::{Metric, MetricData, Number};

/// The kind of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstrumentKind {
    /// A sum that only grows.
    Counter,
    /// A sum that grows and shrinks.
    UpDownCounter,
    /// A last value.
    Gauge,
    /// A distribution in explicit buckets.
    Histogram,
    /// A growing total that is asked for at collection.
    ObservableCounter,
    /// A total that grows and shrinks, asked for at collection.
    ObservableUpDownCounter,
    /// A value that is asked for at collection.
    ObservableGauge,
}

impl InstrumentKind {
    /// Whether values may only be zero or more.
    pub(super) const fn is_monotonic(self) -> bool {
        matches!(self, Self::Counter | Self::ObservableCounter)
    }

    /// Whether the instrument takes this value: finite, and not negative if it only grows.
    #[inline]
    pub(super) fn accepts(self, value: Number) -> bool {
        match value {
            Number::I64(v) => !self.is_monotonic() || v >= 0,
            Number::F64(v) => v.is_finite() && (!self.is_monotonic() || v >= 0.0),
        }
    }
}

impl fmt::Display for InstrumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::UpDownCounter => "up-down counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::ObservableCounter => "observable counter",
            Self::ObservableUpDownCounter => "observable up-down counter",
            Self::ObservableGauge => "observable gauge",
        })
    }
}

/// Everything about an instrument except its values.
#[derive(Clone, Debug)]
pub(super) struct Descriptor {
    pub(super) name: Cow<'static, str>,
    pub(super) unit: Cow<'static, str>,
    pub(super) description: Cow<'static, str>,
    pub(super) kind: InstrumentKind,
}

impl Descriptor {
    pub(super) fn new(name: Cow<'static, str>, kind: InstrumentKind) -> Self {
        Self { name, unit: Cow::Borrowed(""), description: Cow::Borrowed(""), kind }
    }

    /// Checks name and unit (OpenTelemetry metrics API, "Instrument name syntax" and "Instrument unit").
    pub(super) fn validate(&self) -> Result<(), InvalidInstrument> {
        let mut bytes = self.name.bytes();
        let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
        let goes_well = bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b));
        if !starts_well || !goes_well || self.name.len() > 255 {
            return Err(InvalidInstrument::Name { name: excerpt(&self.name) });
        }
        if self.unit.len() > 63 || !self.unit.is_ascii() {
            return Err(InvalidInstrument::Unit { name: self.name.to_string(), unit: excerpt(&self.unit) });
        }
        Ok(())
    }

    /// The metric with this description.
    pub(super) fn metric(&self, data: MetricData) -> Metric {
        Metric {
            name: self.name.clone(),
            description: self.description.clone(),
            unit: self.unit.clone(),
            data,
        }
    }

    /// Whether both name the same instrument: names do not differ by case.
    pub(super) fn same_name(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
    }

    /// Kind and unit, as a warning shows them.
    pub(super) fn in_words(&self) -> String {
        if self.unit.is_empty() {
            format!("{} without a unit", self.kind)
        } else {
            format!("{} in `{}`", self.kind, self.unit)
        }
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Result<(), InvalidInstrument> {
        Descriptor::new(name.to_owned().into(), InstrumentKind::Counter).validate()
    }

    #[test]
    fn names_follow_the_opentelemetry_rule() {
        for good in ["a", "http.server/duration_s-x", &"n".repeat(255)] {
            assert_eq!(name(good), Ok(()), "{good}");
        }
        for bad in ["", "1st", "_a", "a b", "größe", "a\"b", &"n".repeat(256)] {
            assert!(matches!(name(bad), Err(InvalidInstrument::Name { .. })), "{bad}");
        }
    }

    #[test]
    fn a_unit_is_short_ascii() {
        let mut d = Descriptor::new("a".into(), InstrumentKind::Gauge);
        d.unit = "µs".into();
        assert!(d.validate().is_err());
        d.unit = "u".repeat(64).into();
        assert!(d.validate().is_err());
        d.unit = "{request}".into();
        assert_eq!(d.validate(), Ok(()));
    }

    #[test]
    fn only_counters_refuse_negative_values_and_nothing_takes_nan() {
        assert!(!InstrumentKind::Counter.accepts(Number::I64(-1)));
        assert!(!InstrumentKind::Counter.accepts(Number::F64(-0.1)));
        assert!(InstrumentKind::UpDownCounter.accepts(Number::I64(-1)));
        for kind in [InstrumentKind::Counter, InstrumentKind::Gauge, InstrumentKind::Histogram] {
            assert!(!kind.accepts(Number::F64(f64::NAN)));
            assert!(!kind.accepts(Number::F64(f64::INFINITY)));
        }
    }
}
