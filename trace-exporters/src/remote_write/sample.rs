//! The series of one batch, as both versions of the protocol have them.

use crate::prometheus::Kind;
use crate::prometheus::native::Native;

/// One series with its one sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// With `__name__`, sorted by name, each name once, none empty.
    pub(super) labels: Labels,
    pub(super) value: Value,
    /// Milliseconds since 1970.
    pub(super) time: i64,
    /// When it began; zero if unknown.
    pub(super) start: i64,
    pub(super) exemplars: Vec<Example>,
    /// The place of its family in [`Collected::families`].
    pub(super) family: usize,
}

pub(super) type Labels = Vec<(String, String)>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Histogram { count: u64, sum: f64, native: Native },
}

/// An exemplar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Example {
    pub(super) labels: Labels,
    pub(super) value: f64,
    pub(super) time: i64,
}

/// What is said about all series of a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FamilyInfo {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) help: String,
    pub(super) unit: String,
}

impl FamilyInfo {
    /// The number of the type, the same in both versions as far as there are such types.
    pub(super) const fn type_number(&self) -> u64 {
        match self.kind {
            Kind::Counter => 1,
            Kind::Gauge | Kind::UpDownCounter => 2,
            Kind::Histogram => 3,
        }
    }
}

/// How much of what a request holds, or a receiver stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) samples: u64,
    pub(super) histograms: u64,
    pub(super) exemplars: u64,
}

impl Amount {
    pub(super) fn of(series: &[Series]) -> Self {
        let mut amount = Self::default();
        for one in series {
            match one.value {
                Value::Number(_) => amount.samples += 1,
                Value::Histogram { .. } => amount.histograms += 1,
            }
            amount.exemplars += one.exemplars.len() as u64;
        }
        amount
    }

    /// Samples and histograms beyond those that `stored` has.
    pub(super) fn missing(self, stored: Self) -> u64 {
        self.samples.saturating_sub(stored.samples) + self.histograms.saturating_sub(stored.histograms)
    }
}
