//! What can be wrong with a configuration of remote write.

use crate::http_client::HttpConfigError;

/// Why nothing can be written. Messages hold no header values, no credentials and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteWriteConfigError {
    /// The address, a header or a certificate cannot be used.
    #[error(transparent)]
    Http(#[from] HttpConfigError),
    /// A header that the protocol sets itself.
    #[error("headers.{name} is set by the exporter")]
    Header {
        /// Its name.
        name: String,
    },
    /// No request could ever be sent.
    #[error("max_series_per_request must be at least 1")]
    NoSeries,
    /// A label that cannot be added to every series.
    #[error("external_labels.{name} {reason}")]
    Label {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
}
