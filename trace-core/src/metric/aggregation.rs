//! How the measurements of an instrument become a metric.

use std::fmt;

use super::bounds::Bounds;
use super::error::InvalidInstrument;
use super::exponential::{MAX_SCALE, MIN_SCALE, Resolution};
use super::histogram::validate_bounds;
use super::series::CellKind;
use super::{DEFAULT_BOUNDS, InstrumentKind};

/// How the measurements of an instrument become a metric. A view chooses it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Aggregation {
    /// What suits the instrument: sums for counters, the last value for gauges, explicit buckets for histograms.
    #[default]
    Default,
    /// No metric at all.
    Drop,
    /// A sum. Not for gauges.
    Sum,
    /// The last value. For gauges alone.
    LastValue,
    /// A distribution in explicit buckets. Not for observable instruments.
    ExplicitHistogram {
        /// The upper bounds of the buckets, inclusive and ascending, without infinity.
        bounds: Vec<f64>,
    },
    /// A distribution in buckets of base 2 whose resolution adapts to the range of values. Not for observable
    /// instruments. [`Aggregation::EXPONENTIAL`] has the usual settings.
    ExponentialHistogram {
        /// The most buckets for values above zero, and again for those below: 2 to 16,384.
        max_size: u32,
        /// The scale to begin with: -10 to 20.
        max_scale: i32,
    },
}

impl Aggregation {
    /// 160 buckets, the finest scale: the defaults of the OpenTelemetry specification. A relative error under 5 % as
    /// long as the largest value is at most 10 million times the smallest.
    pub const EXPONENTIAL: Self = Self::ExponentialHistogram { max_size: 160, max_scale: MAX_SCALE };

    /// Checks bounds and sizes.
    pub(super) fn validate(&self, name: &str) -> Result<(), InvalidInstrument> {
        match self {
            Self::ExplicitHistogram { bounds } => validate_bounds(name, bounds),
            Self::ExponentialHistogram { max_size, max_scale } => {
                let reason = if !(2..=16_384).contains(max_size) {
                    format!("a size of {max_size} buckets is not within 2 to 16384")
                } else if !(MIN_SCALE..=MAX_SCALE).contains(max_scale) {
                    format!("a scale of {max_scale} is not within {MIN_SCALE} to {MAX_SCALE}")
                } else {
                    return Ok(());
                };
                Err(InvalidInstrument::Bounds { name: name.to_owned(), reason })
            }
            _ => Ok(()),
        }
    }

    /// What the series of such an instrument keep; `bounds` are those it asked for itself. `None` for
    /// [`Aggregation::Drop`].
    ///
    /// # Errors
    /// If the two do not go together (the table is that of the OpenTelemetry SDKs).
    pub(super) fn cell(
        &self,
        kind: InstrumentKind,
        bounds: Option<&[f64]>,
    ) -> Result<Option<CellKind>, Incompatible> {
        use InstrumentKind as K;
        let observable =
            matches!(kind, K::ObservableCounter | K::ObservableUpDownCounter | K::ObservableGauge);
        let gauge = matches!(kind, K::Gauge | K::ObservableGauge);
        match self {
            Self::Drop => Ok(None),
            Self::Default => Ok(Some(default_cell(kind, bounds))),
            Self::Sum if !gauge => {
                Ok(Some(CellKind::Sum { monotonic: kind.is_monotonic() || kind == K::Histogram }))
            }
            Self::LastValue if gauge => Ok(Some(CellKind::Gauge)),
            Self::ExplicitHistogram { bounds } if !observable => {
                Ok(Some(CellKind::Histogram(Bounds::new(bounds))))
            }
            Self::ExponentialHistogram { max_size, max_scale } if !observable => {
                Ok(Some(CellKind::Exponential(Resolution { max_size: *max_size, max_scale: *max_scale })))
            }
            _ => Err(Incompatible),
        }
    }
}

/// The aggregation is not for this kind of instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incompatible;

/// What an instrument keeps that no view says anything about.
pub(super) fn default_cell(kind: InstrumentKind, bounds: Option<&[f64]>) -> CellKind {
    match kind {
        InstrumentKind::Histogram => CellKind::Histogram(Bounds::new(bounds.unwrap_or(&DEFAULT_BOUNDS))),
        InstrumentKind::Gauge | InstrumentKind::ObservableGauge => CellKind::Gauge,
        _ => CellKind::Sum { monotonic: kind.is_monotonic() },
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "the default aggregation",
            Self::Drop => "no aggregation",
            Self::Sum => "a sum",
            Self::LastValue => "a last value",
            Self::ExplicitHistogram { .. } => "an explicit histogram",
            Self::ExponentialHistogram { .. } => "an exponential histogram",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aggregation_suits_some_kinds_only() {
        use InstrumentKind as K;
        let ok = |a: Aggregation, k| a.cell(k, None).is_ok();
        assert!(ok(Aggregation::Sum, K::Histogram) && !ok(Aggregation::Sum, K::Gauge));
        assert!(ok(Aggregation::LastValue, K::ObservableGauge) && !ok(Aggregation::LastValue, K::Counter));
        assert!(ok(Aggregation::EXPONENTIAL, K::Gauge) && !ok(Aggregation::EXPONENTIAL, K::ObservableGauge));
        assert_eq!(Aggregation::Drop.cell(K::Counter, None), Ok(None));
        let bounds = Aggregation::Default.cell(K::Histogram, Some(&[1.0]));
        assert_eq!(bounds, Ok(Some(CellKind::Histogram(Bounds::new(&[1.0])))));
    }

    #[test]
    fn sizes_have_limits() {
        let exponential = |max_size, max_scale| {
            Aggregation::ExponentialHistogram { max_size, max_scale }.validate("v").is_ok()
        };
        assert!(exponential(160, 20) && exponential(2, -10));
        assert!(
            !exponential(1, 0) && !exponential(100_000, 0) && !exponential(160, 21) && !exponential(160, -11)
        );
    }
}
