//! The metric series of an operation, bound once and found by the outcome of a request.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::error_type::ErrorType;
use super::family::{BoundFamily, Family};
use super::operation::Operation;
use super::request_layer::Over;

/// Outcomes of one operation that are remembered; others are found by their attributes, as any metric is.
const SLOTS: usize = 16;
/// Magnitudes of durations that have exemplars of their own.
const MAGNITUDES: usize = 16;

/// What tells the series of an operation apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeriesKey {
    /// The status of the response; 0 if there was none.
    pub(super) status: u16,
    pub(super) error: ErrorType,
    pub(super) https: bool,
    pub(super) version: Option<&'static str>,
}

/// One series in each family.
pub(super) struct Series {
    key: SeriesKey,
    pub(super) families: Vec<BoundFamily>,
    /// In ticks, by magnitude of the duration.
    last_exemplars: [AtomicU64; MAGNITUDES],
}

impl Series {
    /// Whether this request is to be an exemplar: one of each magnitude of durations is, in so much time. An exemplar
    /// costs more than the measurement, and only the last one of a bucket is ever read.
    pub(super) fn wants_exemplar(&self, over: &Over<'_>, between: Duration) -> bool {
        // Each step is a factor of four, from 1 us on.
        let magnitude = (64 - (over.nanos >> 10).leading_zeros() as usize).div_ceil(2);
        let last = &self.last_exemplars[magnitude.min(MAGNITUDES - 1)];
        let seen = last.load(Relaxed);
        let wants = seen == 0 || u128::from(over.clock.nanos_between(seen, over.now)) >= between.as_nanos();
        if wants {
            last.store(over.now, Relaxed);
        }
        wants
    }
}

/// The series of one operation.
#[derive(Default)]
pub(super) struct SeriesTable([OnceLock<Box<Series>>; SLOTS]);

impl SeriesTable {
    /// The series, bound when it is first asked for; `None` if there is no slot for it.
    pub(super) fn find(&self, key: SeriesKey, families: &[Family], of: &Operation) -> Option<&Series> {
        let bind = || {
            let families = families.iter().map(|f| f.bind(of, key)).collect();
            Box::new(Series { key, families, last_exemplars: Default::default() })
        };
        let first = usize::from(key.status);
        (0..SLOTS).find_map(|probe| {
            let series = self.0[(first + probe) % SLOTS].get_or_init(bind);
            (series.key == key).then_some(&**series)
        })
    }
}
