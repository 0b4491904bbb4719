//! Which temporality a reader wants for which instrument.

use std::str::FromStr;

use super::InstrumentKind;
use crate::model::Temporality;

/// What a destination prefers (OpenTelemetry, "OTLP metrics exporter": additional configuration).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TemporalityPreference {
    /// Cumulative for everything: what Prometheus needs.
    #[default]
    Cumulative,
    /// Delta for counters, observable counters and histograms; cumulative for up-down counters.
    Delta,
    /// Delta for counters and histograms only, which need no memory of earlier totals in most SDKs.
    LowMemory,
}

impl TemporalityPreference {
    /// The temporality of the points of this kind of instrument. Gauges have none, whatever this says.
    pub fn of(self, kind: InstrumentKind) -> Temporality {
        use InstrumentKind as K;
        match (self, kind) {
            (Self::Delta | Self::LowMemory, K::Counter | K::Histogram) => Temporality::Delta,
            (Self::Delta, K::ObservableCounter) => Temporality::Delta,
            _ => Temporality::Cumulative,
        }
    }
}

/// A text names no temporality preference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("temporality preference {given:?} is unknown; it is one of cumulative, delta, lowmemory")]
pub struct UnknownTemporality {
    /// The first 64 characters of what was given.
    pub given: String,
}

impl FromStr for TemporalityPreference {
    type Err = UnknownTemporality;

    /// The values of `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "cumulative" => Ok(Self::Cumulative),
            "delta" => Ok(Self::Delta),
            "lowmemory" => Ok(Self::LowMemory),
            _ => Err(UnknownTemporality { given: text.chars().take(64).collect() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_those_of_the_specification() {
        use InstrumentKind as K;
        let deltas = |p: TemporalityPreference| {
            [
                K::Counter,
                K::Histogram,
                K::ObservableCounter,
                K::UpDownCounter,
                K::ObservableUpDownCounter,
                K::Gauge,
            ]
            .map(|k| p.of(k) == Temporality::Delta)
        };
        assert_eq!(deltas(TemporalityPreference::Cumulative), [false; 6]);
        assert_eq!(deltas(TemporalityPreference::Delta), [true, true, true, false, false, false]);
        assert_eq!(deltas(TemporalityPreference::LowMemory), [true, true, false, false, false, false]);
        assert_eq!("LowMemory".parse(), Ok(TemporalityPreference::LowMemory));
        assert!("both".parse::<TemporalityPreference>().is_err());
    }
}
