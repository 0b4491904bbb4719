//! Why a redaction cannot be built.

/// Why a [`RedactProcessor`](super::RedactProcessor) cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedactError {
    /// A pattern is not a regular expression, or too large.
    #[error("pattern {pattern:?} cannot be used: {message}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
    /// A pattern that matches where there is nothing would put a mask everywhere.
    #[error("pattern {0:?} matches the empty text: make it match at least one character")]
    MatchesNothing(String),
    /// Hashing needs a key: without one, whoever knows the possible values finds the right one by trying.
    #[error("redaction by hash needs a key of at least 16 bytes: call hash_key")]
    NoHashKey,
    /// More rules than are allowed.
    #[error("{given} {what} given: at most {most} are allowed")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        given: usize,
        /// How many there may be.
        most: usize,
    },
}
