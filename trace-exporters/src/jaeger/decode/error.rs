//! Why a message could not be read.

use crate::thrift::Malformed;

/// Bytes that are no batch of spans.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not Thrift of this protocol, or break off.
    #[error("the message is no Jaeger batch in Thrift's {protocol} protocol: {reason}")]
    Malformed {
        /// `binary` or `compact`.
        protocol: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The message calls another method than `emitBatch`.
    #[error("the message calls {method:?}, not emitBatch")]
    Method {
        /// The method, shortened.
        method: String,
    },
    /// There are more spans than are taken at once.
    #[error("the message has {found} spans; {limit} are taken at once")]
    TooMany {
        /// What the message says.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// The same before it is known which protocol it was.
pub(super) enum Fault {
    Malformed(Malformed),
    TooMany {
        found: usize,
        limit: usize,
    },
    /// What must be there is not: the list of spans, or the batch of a call.
    NoBatch,
}

impl From<Malformed> for Fault {
    fn from(reason: Malformed) -> Self {
        Self::Malformed(reason)
    }
}

impl Fault {
    pub(super) fn of(self, protocol: &'static str) -> DecodeError {
        match self {
            Self::Malformed(reason) => DecodeError::Malformed { protocol, reason: reason.to_string() },
            Self::TooMany { found, limit } => DecodeError::TooMany { found, limit },
            Self::NoBatch => {
                DecodeError::Malformed { protocol, reason: "it has no list of spans".to_owned() }
            }
        }
    }
}
