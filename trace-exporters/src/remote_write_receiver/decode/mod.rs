//! Requests of remote write as metrics.

mod collect;
mod histogram;
mod labels;
mod series;
mod v1;
mod v2;

use trace_core::model::MetricBatch;

use crate::receiver::ReceiverLimits;
use crate::wire_reader::Malformed;

pub use v1::decode_v1;
pub use v2::decode_v2;

/// What a request held.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DecodedWrite {
    /// One for each resource.
    pub batches: Vec<MetricBatch>,
    /// What was understood: also markers that a series has ended, which have no place in the batches.
    pub written: Written,
    /// Samples and histograms that were left out.
    pub rejected: u64,
    /// Why the first of them was.
    pub reason: Option<&'static str>,
}

/// How much of a request is held, as an answer of 2.0 says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Samples.
    pub samples: u64,
    /// Native histograms.
    pub histograms: u64,
    /// Exemplars; one is left out if its series has no sample in the same request.
    pub exemplars: u64,
}

/// A body that is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not protobuf, or have other types than the fields have.
    #[error("the body is no protobuf request of remote write {version}")]
    Malformed {
        /// `1.0` or `2.0`.
        version: &'static str,
    },
    /// The first symbol is not the empty text.
    #[error("the first symbol of a request of remote write 2.0 must be the empty text")]
    FirstSymbol,
    /// A number stands for no text, or a name has no value.
    #[error("labels or metadata name a symbol that the request does not have, or a name without a value")]
    Symbol,
    /// There are more records than are taken at once.
    #[error("the body has more than {limit} series, samples, histograms, exemplars and metadata")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Written out, the labels and buckets are larger than is taken.
    #[error("labels and buckets of the body come to more than {limit} bytes: send it in parts")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
}

/// What went wrong before it is known in which version.
enum Fault {
    Malformed,
    Error(DecodeError),
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Error(error)
    }
}

impl Fault {
    fn of(self, version: &'static str) -> DecodeError {
        match self {
            Self::Malformed => DecodeError::Malformed { version },
            Self::Error(error) => error,
        }
    }
}

/// What a request may still cost, charged before anything is kept: two bytes can be an empty histogram, and a few can
/// name the same long text often, or buckets far apart.
struct Budget {
    records: usize,
    bytes: usize,
    limits: (usize, usize),
}

impl Budget {
    fn new(limits: &ReceiverLimits) -> Self {
        let (records, bytes) = (limits.max_records, limits.max_decoded_bytes);
        Self { records, bytes, limits: (records, bytes) }
    }

    fn record(&mut self) -> Result<(), DecodeError> {
        let left = self.records.checked_sub(1).ok_or(DecodeError::TooMany { limit: self.limits.0 })?;
        self.records = left;
        Ok(())
    }

    fn label(&mut self, (name, value): series::Label<'_>) -> Result<(), DecodeError> {
        // Each is a text of its own later.
        self.bytes(name.len() + value.len() + size_of::<series::Label<'_>>())
    }

    fn bytes(&mut self, n: usize) -> Result<(), DecodeError> {
        let left = self.bytes.checked_sub(n).ok_or(DecodeError::TooLarge { limit: self.limits.1 })?;
        self.bytes = left;
        Ok(())
    }
}
