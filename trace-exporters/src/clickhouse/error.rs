//! What can be wrong with a ClickHouse configuration.

use crate::http_client::HttpConfigError;

/// Why a ClickHouse store could not be built. Messages hold no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClickHouseConfigError {
    /// The address, a header or a certificate cannot be used.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
    /// A name would not be a plain identifier.
    #[error("{field} {found:?} must be letters, digits and `_`, and not begin with a digit")]
    Name {
        /// `database`, `table` or `metrics_table`.
        field: &'static str,
        /// What was given.
        found: String,
    },
    /// A password without the user that it belongs to.
    #[error("password is set and username is not: ClickHouse needs both")]
    PasswordWithoutUser,
    /// No trace could ever be read.
    #[error("max_trace_spans must be at least 1")]
    NoSpans,
}
