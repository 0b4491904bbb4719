//! What can be wrong with Thrift bytes.

/// Bytes that are no message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it breaks off")]
    Truncated,
    #[error("a type or number is not one of the protocol")]
    Invalid,
    #[error("a text or list says it is longer than the message")]
    TooLong,
    #[error("it is nested deeper than {} levels", super::protocol::MAX_DEPTH)]
    TooDeep,
}
