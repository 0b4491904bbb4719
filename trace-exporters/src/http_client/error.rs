//! What can be wrong with an address, its headers and its certificates.

use std::path::PathBuf;

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
