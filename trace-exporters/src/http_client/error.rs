//! What can be wrong with an address, its headers, its certificates and its limits.

use super::check::MIN_REQUEST_BYTES;
use crate::connection::TlsError;

/// Why nothing can be sent to an address. Messages hold no header values, no credentials and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpConfigError {
    /// The URL cannot be used.
    #[error("{field} {shown:?} {reason}")]
    Endpoint {
        /// The name of the field, such as `endpoint`.
        field: &'static str,
        /// The URL as far as it can be shown.
        shown: String,
        /// What is wrong and what to write instead.
        reason: &'static str,
    },
    /// The URL is `https` and this build cannot speak it.
    #[error("{shown:?} needs TLS: build trace-exporters with the feature `tls`, or use http://")]
    TlsUnavailable {
        /// The URL as far as it can be shown.
        shown: String,
    },
    /// A header cannot be sent.
    #[error("headers.{name}: {reason}")]
    Header {
        /// The header's name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// A certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A limit is too small for any record.
    #[error("max_request_bytes must be at least {MIN_REQUEST_BYTES}, got {found}")]
    RequestLimit {
        /// The value given.
        found: usize,
    },
}
