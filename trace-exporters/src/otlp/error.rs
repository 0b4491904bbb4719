//! What can be wrong with an OTLP configuration.

use std::path::PathBuf;

/// Why an OTLP exporter could not be built. Messages hold no header values, no credentials and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpConfigError {
    /// The URL cannot be used.
    #[error("{field} {shown:?} {reason}")]
    Endpoint {
        /// `endpoint` or `url`.
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
    /// No request could ever be sent.
    #[error("max_request_bytes must be at least 1024, got {found}")]
    RequestLimit {
        /// The value given.
        found: usize,
    },
    /// The file of trusted certificates cannot be used.
    #[error("ca_certificate {}: {reason}", path.display())]
    CaCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A certificate of the client without its key, or a key without its certificate.
    #[error("client_certificate and client_key must be given together")]
    HalfAClientCertificate,
    /// The certificate or the key of the client cannot be used. Says nothing of what the files hold.
    #[error("{field} {}: {reason}", path.display())]
    ClientCertificate {
        /// `client_certificate` or `client_key`.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No trusted certificates were found on this machine.
    #[error(
        "no root certificates found ({reason}): install ca-certificates, or set ca_certificate to a PEM file"
    )]
    RootCertificates {
        /// What the system said.
        reason: String,
    },
}
