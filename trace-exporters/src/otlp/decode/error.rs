//! Why a request could not be read.

use crate::wire_reader::Malformed;

/// Bytes that are no request of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not protobuf, or break off.
    #[error("the body is not a protobuf request: send an OTLP export request as application/x-protobuf")]
    Malformed,
    /// A text is not UTF-8.
    #[error("a text of the request is not UTF-8")]
    NotUtf8,
    /// Values are nested too deep.
    #[error("a value is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More records than one request may have.
    #[error("the request has more than {limit} records: send it in parts")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

impl From<Malformed> for DecodeError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
