//! Whom to trust, and how to prove who one is.

use std::path::PathBuf;

use serde::Deserialize;

use super::TlsError;

/// Certificates for TLS: the section `tls` of a destination. By default the system's roots are trusted and no client
/// certificate is shown. Unknown keys are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsConfig {
    /// A PEM file with the only certificates to trust, instead of the system's.
    #[serde(alias = "caCertificate")]
    pub ca_certificate: Option<PathBuf>,
    /// A PEM file with the certificate that this client shows, and those up to its root; needs `client_key`.
    #[serde(alias = "clientCertificate")]
    pub client_certificate: Option<PathBuf>,
    /// A PEM file with the private key of `client_certificate`.
    #[serde(alias = "clientKey")]
    pub client_key: Option<PathBuf>,
}

impl TlsConfig {
    /// Trusts the certificates of this PEM file alone.
    #[must_use]
    pub fn trust(mut self, ca_certificate: impl Into<PathBuf>) -> Self {
        self.ca_certificate = Some(ca_certificate.into());
        self
    }

    /// Shows this certificate, proved by this key; both PEM files.
    #[must_use]
    pub fn identify(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        (self.client_certificate, self.client_key) = (Some(certificate.into()), Some(key.into()));
        self
    }

    /// Checks everything that can be checked without the files.
    ///
    /// # Errors
    /// If there is a certificate without its key, or a key alone.
    pub fn validate(&self) -> Result<(), TlsError> {
        self.identity().map(|_| ())
    }

    /// The certificate and the key that the client shows.
    ///
    /// # Errors
    /// If there is only one of them.
    pub(crate) fn identity(&self) -> Result<Option<(&PathBuf, &PathBuf)>, TlsError> {
        let half = |given, missing| Err(TlsError::HalfIdentity { given, missing });
        match (&self.client_certificate, &self.client_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (Some(_), None) => half("client_certificate", "client_key"),
            (None, Some(_)) => half("client_key", "client_certificate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_unknown_keys_refused() {
        let read = |text: &str| serde_json::from_str::<TlsConfig>(text);
        let expected = TlsConfig::default().trust("/ca").identify("/c", "/k");
        let camel = r#"{"caCertificate":"/ca","clientCertificate":"/c","clientKey":"/k"}"#;
        let snake = r#"{"ca_certificate":"/ca","client_certificate":"/c","client_key":"/k"}"#;
        assert_eq!((read(camel).unwrap(), read(snake).unwrap()), (expected.clone(), expected));
        assert!(read(r#"{"ca":"/ca"}"#).is_err());
    }

    #[test]
    fn half_an_identity_is_refused() {
        let half = TlsConfig { client_key: Some("/k".into()), ..TlsConfig::default() };
        let error = half.validate().unwrap_err().to_string();
        assert_eq!(
            error,
            "client_key is set and client_certificate is not: a client proves itself with both"
        );
        assert!(TlsConfig::default().identify("/c", "/k").validate().is_ok());
    }
}
