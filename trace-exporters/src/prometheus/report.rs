//! What an exposition leaves out or had to choose between.

use std::fmt;

/// What happened while metrics were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What could not be shown, and why.
    pub dropped: Vec<Dropped>,
    /// Families whose metrics disagree in what they say about themselves; their series are all shown.
    pub conflicts: Vec<Conflict>,
}

/// Something that could not be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// The metric's OpenTelemetry name.
    pub metric: String,
    /// How many of its series.
    pub series: usize,
    /// Why.
    pub reason: DropReason,
}

/// Why a series could not be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DropReason {
    /// Another metric uses the same Prometheus name with another type.
    TypeConflict {
        /// The Prometheus name.
        name: String,
        /// The type that came first.
        first: &'static str,
    },
    /// Prometheus needs totals: an [`Accumulator`](super::Accumulator) makes them of deltas.
    DeltaTemporality,
    /// A delta that ended before the last one of its series did.
    OutOfOrder,
    /// A delta whose parts contradict each other, without a time, or below zero though its sum only grows.
    MalformedDelta,
    /// A delta of a new series, and as many totals are kept as may be.
    TooManySeries,
    /// The buckets do not fit the bounds, the bounds are not ascending, or the counts disagree.
    MalformedHistogram,
    /// The buckets are wider than those of native histograms: a scale below -4.
    TooCoarse,
    /// Another series has the same labels once cleaned.
    DuplicateSeries,
    /// The kind of data has no Prometheus form here.
    Unsupported,
}

/// Two metrics of one family say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The Prometheus name of the family.
    pub family: String,
    /// `HELP` or `UNIT`.
    pub about: &'static str,
    /// What is shown: the first.
    pub shown: String,
    /// What is not.
    pub other: String,
}

impl Report {
    /// How many series could not be shown.
    pub fn dropped_series(&self) -> usize {
        self.dropped.iter().map(|d| d.series).sum()
    }

    /// Both together.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.dropped.extend(later.dropped);
        self.conflicts.extend(later.conflicts);
        self
    }

    pub(crate) fn drop(&mut self, metric: &str, series: usize, reason: DropReason) {
        if series > 0 {
            self.dropped.push(Dropped { metric: metric.to_owned(), series, reason });
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metric {:?}, {} series: ", self.metric, self.series)?;
        match &self.reason {
            DropReason::TypeConflict { name, first } => write!(f, "{name} is taken by a {first}"),
            DropReason::DeltaTemporality => f.write_str("delta temporality; Prometheus needs cumulative"),
            DropReason::OutOfOrder => f.write_str("deltas that end before the last ones did"),
            DropReason::MalformedDelta => f.write_str("deltas whose parts contradict each other"),
            DropReason::TooManySeries => {
                f.write_str("as many series come as deltas as may (deltas.maxSeries)")
            }
            DropReason::MalformedHistogram => f.write_str("buckets do not fit bounds or count"),
            DropReason::TooCoarse => f.write_str("buckets too wide for a native histogram (scale below -4)"),
            DropReason::DuplicateSeries => f.write_str("labels equal those of another series"),
            DropReason::Unsupported => f.write_str("a kind of data without a Prometheus form"),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "family {}: {} is {:?}, not {:?}", self.family, self.about, self.shown, self.other)
    }
}
