//! Histograms: distributions in explicit buckets.

use std::sync::Arc;

use super::instrument::{Bound, Instrument};
use super::{InvalidInstrument, Label};
use crate::model::{KeyValue, Number};

/// The bounds of a histogram that names none: for durations in seconds, from 5 ms to 10 s (OpenTelemetry semantic
/// conventions, `http.server.request.duration`).
pub const DEFAULT_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The bounds that the OpenTelemetry specification prescribes for the `opentelemetry` API: for durations in
/// milliseconds, from 5 to 10,000.
#[cfg(feature = "otel")]
pub(super) const SPECIFIED_BOUNDS: [f64; 15] =
    [0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2500.0, 5000.0, 7500.0, 10_000.0];

/// More buckets than this are a mistake: each series holds all of them, once a shard.
const MAX_BOUNDS: usize = 1024;

/// Counts values in buckets, such as the durations of requests.
#[derive(Clone, Debug)]
pub struct Histogram(pub(super) Arc<Instrument>);

impl Histogram {
    /// Counts a value in the series with these attributes, in any order. NaN and infinities are refused and
    /// counted.
    #[inline]
    pub fn record(&self, value: f64, attributes: &[KeyValue]) {
        self.0.record(Number::F64(value), attributes);
    }

    /// The same with [`Label`]s, which costs less.
    #[inline]
    pub fn record_labels<const N: usize>(&self, value: f64, labels: &[Label; N]) {
        self.0.record(Number::F64(value), labels);
    }

    /// A handle to one series, which is exported from now on, empty if nothing is recorded.
    pub fn bind(&self, attributes: &[KeyValue]) -> BoundHistogram {
        BoundHistogram(Bound::new(&self.0, attributes))
    }
}

/// One series of a [`Histogram`].
#[derive(Clone, Debug)]
pub struct BoundHistogram(Bound);

impl BoundHistogram {
    /// Counts a value. NaN and infinities are refused and counted.
    #[inline]
    pub fn record(&self, value: f64) {
        self.0.record(Number::F64(value));
    }
}

#[cfg(feature = "http")]
impl BoundHistogram {
    /// The same, but never as an exemplar.
    #[inline]
    pub(crate) fn record_plain(&self, value: f64) {
        self.0.record_plain(Number::F64(value));
    }
}

/// Checks that bounds are finite, ascending and not too many.
pub(super) fn validate_bounds(name: &str, bounds: &[f64]) -> Result<(), InvalidInstrument> {
    let reason = if bounds.len() > MAX_BOUNDS {
        format!("{} bounds are more than the {MAX_BOUNDS} allowed", bounds.len())
    } else if let Some(b) = bounds.iter().find(|b| !b.is_finite()) {
        format!("{b} is not finite; the bucket above the last bound is always there")
    } else if let Some(w) = bounds.windows(2).find(|w| w[0] >= w[1]) {
        format!("{} must not come before {}: each bound must be greater than the one before", w[0], w[1])
    } else {
        return Ok(());
    };
    Err(InvalidInstrument::Bounds { name: name.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_must_ascend_and_be_finite() {
        assert_eq!(validate_bounds("h", &[]), Ok(()));
        assert_eq!(validate_bounds("h", &DEFAULT_BOUNDS), Ok(()));
        for bad in [vec![1.0, 1.0], vec![2.0, 1.0], vec![f64::NAN], vec![1.0, f64::INFINITY], vec![0.0; 2000]]
        {
            assert!(matches!(validate_bounds("h", &bad), Err(InvalidInstrument::Bounds { .. })), "{bad:?}");
        }
    }
}
