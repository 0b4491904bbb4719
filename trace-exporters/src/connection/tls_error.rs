//! What can be wrong with certificates.

use std::path::PathBuf;

/// Why TLS cannot be set up. Messages hold nothing of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file of certificates or the key cannot be used.
    #[error("{field} {}: {reason}", path.display())]
    Certificate {
        /// `ca_certificate`, `client_certificate` or `client_key`.
        field: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// One half of a client's identity is missing.
    #[error("{given} is set and {missing} is not: a client proves itself with both")]
    HalfIdentity {
        /// The field that is set.
        given: &'static str,
        /// The field that is not.
        missing: &'static str,
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
