//! Whom to trust, and how to prove who one is.

use std::path::PathBuf;

use serde::Deserialize;

use super::HttpConfigError;

/// Certificates for `https`. By default the system's roots are trusted and no client certificate is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsConfig {
    /// A PEM file with the only certificates to trust, instead of the system's.
    #[serde(alias = "caCertificate")]
    pub ca_certificate: Option<PathBuf>,
    /// A PEM file with the certificate chain that this client shows; needs `client_key`.
    #[serde(alias = "clientCertificate")]
    pub client_certificate: Option<PathBuf>,
    /// A PEM file with the key of `client_certificate`.
    #[serde(alias = "clientKey")]
    pub client_key: Option<PathBuf>,
}

impl TlsConfig {
    /// The certificate and the key that the client shows.
    ///
    /// # Errors
    /// If there is only one of them.
    pub(crate) fn identity(&self) -> Result<Option<(&PathBuf, &PathBuf)>, HttpConfigError> {
        let half = |given, missing| Err(HttpConfigError::HalfIdentity { given, missing });
        match (&self.client_certificate, &self.client_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (Some(_), None) => half("client_certificate", "client_key"),
            (None, Some(_)) => half("client_key", "client_certificate"),
        }
    }
}
