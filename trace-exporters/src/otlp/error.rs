//! What can be wrong with an OTLP configuration.

use crate::http_client::HttpConfigError;

/// Why an OTLP exporter could not be built. Messages hold no header values, no credentials and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpConfigError {
    /// The address, a header or a certificate cannot be used.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
    /// No request could ever be sent.
    #[error("max_request_bytes must be at least 1024, got {found}")]
    RequestLimit {
        /// The value given.
        found: usize,
    },
}
